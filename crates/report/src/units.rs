//! Numbers with units, for people. Machines get plain numbers in JSON.

use std::time::Duration;

/// A count to three digits: `3.44 G`, `38.4 M`, `512`.
pub fn count(n: u64) -> String {
    scaled(n, &["", "k", "M", "G", "T", "P", "E"])
}

/// Some things of this name: `1 thread`, `2 threads`.
pub fn counted(n: usize, name: &str) -> String {
    if n == 1 { format!("1 {name}") } else { format!("{n} {name}s") }
}

/// A size in decimal units to three digits: `154 MB`, `17 B`.
pub fn bytes(n: u64) -> String {
    scaled(n, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
}

/// A time to three digits: `1.25 s`, `320 ms`, `15.0 us`; minutes from 100 seconds on, hours from 100 minutes on.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 100.0 {
        let whole = seconds.round() as u64;
        if whole >= 6000 {
            let minutes = (whole + 30) / 60;
            return format!("{} h {:02} min", minutes / 60, minutes % 60);
        }
        return format!("{} min {:02} s", whole / 60, whole % 60);
    }
    let (value, unit) = match seconds {
        s if s >= 0.9995 => (s, "s"),
        s if s >= 0.000_999_5 => (s * 1e3, "ms"),
        s => (s * 1e6, "us"),
    };
    format!("{} {unit}", three_digits(value))
}

/// A whole number with its digits in groups of three: `38 415 960`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for (index, digit) in digits[first..].chars().enumerate() {
        if index % 3 == 0 && !text.is_empty() {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn scaled(n: u64, units: &[&str]) -> String {
    if n < 1000 {
        return format!("{n} {}", units[0]).trim_end().to_owned();
    }
    let mut value = n as f64;
    let mut unit = 0;
    // 999.5 and more would be shown as 1000.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value), units[unit])
}

fn three_digits(value: f64) -> String {
    let decimals = match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_sizes_have_three_digits() {
        let counts = [0, 999, 1000, 9_994, 9_995, 38_415_960, 999_499, 999_500, 3_441_000_000, u64::MAX].map(count);
        let expected = ["0", "999", "1.00 k", "9.99 k", "10.0 k", "38.4 M", "999 k", "1.00 M", "3.44 G", "18.4 E"];
        assert_eq!(counts, expected);
        assert_eq!([17, 153_663_840, 1_000_000].map(bytes), ["17 B", "154 MB", "1.00 MB"]);
    }

    #[test]
    fn times_have_a_unit_that_fits() {
        let times = [0.0, 15e-6, 0.32, 0.9999, 1.25, 99.9, 184.4].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(times, ["0.00 us", "15.0 us", "320 ms", "1.00 s", "1.25 s", "99.9 s", "3 min 04 s"]);
        let times = [5999.0, 5999.6, 7229.0, 7230.0, 345_600.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(times, ["99 min 59 s", "1 h 40 min", "2 h 00 min", "2 h 01 min", "96 h 00 min"]);
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!([7, 100, 1000, 38_415_960].map(grouped), ["7", "100", "1 000", "38 415 960"]);
    }
}
