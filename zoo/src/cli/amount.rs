//! Amounts as people write them: `400M`, `3.4G`.

/// A whole number, or a decimal one with k, M, G (or B) or T behind it.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    const UNITS: [(char, u32); 5] = [('k', 3), ('M', 6), ('G', 9), ('B', 9), ('T', 12)];
    let expected = || "expected a number such as 400M, 3.4G or 25000000".to_owned();
    let unit = UNITS.iter().find(|(name, _)| text.ends_with(|last: char| last.eq_ignore_ascii_case(name)));
    let (number, zeros) = unit.map_or((text, 0), |&(_, zeros)| (text[..text.len() - 1].trim_end(), zeros));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let well_formed = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !well_formed || (number.contains('.') && fraction.is_empty()) {
        return Err(expected());
    }
    // What lies behind the unit's last digit would be less than one.
    let zeros = zeros.checked_sub(fraction.len() as u32).ok_or_else(expected)?;
    let number: u64 = digits.parse().map_err(|_| expected())?;
    10_u64.checked_pow(zeros).and_then(|power| number.checked_mul(power)).filter(|&n| n > 0).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        let amounts = ["1", "25000000", "400M", "3.4G", "0.5 B", "1.234567k", "2T", "7m"];
        let parsed = amounts.map(parse);
        assert_eq!(parsed[..5], [Ok(1), Ok(25_000_000), Ok(400_000_000), Ok(3_400_000_000), Ok(500_000_000)]);
        assert!(parsed[5].is_err(), "a part of one");
        assert_eq!(parsed[6..], [Ok(2_000_000_000_000), Ok(7_000_000)]);
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in
            ["", "M", "0", "-1", "+1", "1.5", "1e9", ".5M", "5.M", "1MM", "1 000", "99999999999999999999", "99999999T"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
