//! What lies where along an axis: its range, and the numbers written beside it.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::{Axis, Scale, text};

/// Share of the range that stays free at each end.
const PADDING: f64 = 0.04;
/// From here on numbers are written with an exponent.
const LONG: f64 = 1e7;

/// A number beside the axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Its place, in the ruler's measure.
    pub(super) at: f64,
    /// As it is written.
    pub(super) text: String,
}

/// The range of an axis. Its measure is the number itself, or its decimal logarithm.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ruler {
    scale: Scale,
    /// The lower end, in the ruler's measure.
    pub(super) low: f64,
    /// The upper end.
    pub(super) high: f64,
    /// Inside the range, in rising order.
    pub(super) ticks: Vec<Tick>,
}

/// How the ticks of an axis keep apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spacing {
    /// Side by side along this length, in a font of this size.
    Beside {
        /// Length of the axis.
        length: f64,
        /// Size of the font.
        size: f64,
    },
    /// One above the other, at most so many.
    Above(usize),
}

impl Ruler {
    /// A ruler that covers `values`, which have a place on `axis` (see `Checker`). `anchor` is a value that the range ends at
    /// rather than beyond, if it is one of the ends: zero, for bars.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>, anchor: Option<f64>, spacing: Spacing) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.chain(anchor) {
            low = low.min(value);
            high = high.max(value);
        }
        let positive = low >= 0.0;
        let (mut low, mut high) = (measure(axis.scale, low), measure(axis.scale, high));
        let anchor = anchor.map(|anchor| measure(axis.scale, anchor));
        let span = high - low;
        let size = low.abs().max(high.abs());
        let padding = match axis.scale {
            Scale::Linear if span <= size * 1e-9 => {
                if size > 0.0 {
                    size * 0.1
                } else {
                    1.0
                }
            }
            Scale::Log if span <= 1e-9 => 0.2,
            _ => span * PADDING,
        };
        if anchor != Some(low) || span == 0.0 {
            low -= padding;
        }
        if anchor != Some(high) || span == 0.0 {
            high += padding;
        }
        // A quantity that is never negative has no axis below zero.
        if axis.scale == Scale::Linear && positive {
            low = low.max(0.0);
        }
        let mut ruler = Self { scale: axis.scale, low, high, ticks: Vec::new() };
        ruler.ticks = ruler.ticks_for(spacing);
        ruler
    }

    /// A ruler from 0 to 1 without numbers.
    pub(super) fn bare() -> Self {
        Self { scale: Scale::Linear, low: 0.0, high: 1.0, ticks: Vec::new() }
    }

    /// The place of `value`, in the ruler's measure.
    pub(super) fn place(&self, value: f64) -> f64 {
        measure(self.scale, value)
    }

    fn ticks_for(&self, spacing: Spacing) -> Vec<Tick> {
        match spacing {
            Spacing::Above(most) => self.ticks(most),
            Spacing::Beside { length, size } => {
                let sets = (2..=8).rev().map(|most| self.ticks(most));
                sets.into_iter().find(|ticks| self.is_apart(ticks, length, size)).unwrap_or_else(|| self.ticks(1))
            }
        }
    }

    fn is_apart(&self, ticks: &[Tick], length: f64, size: f64) -> bool {
        let scale = length / (self.high - self.low);
        ticks.windows(2).all(|pair| {
            let width = pair.iter().map(|tick| text::width(&tick.text, size)).sum::<f64>() / 2.0;
            (pair[1].at - pair[0].at) * scale >= width + size
        })
    }

    /// At most about `most` ticks.
    fn ticks(&self, most: usize) -> Vec<Tick> {
        match self.scale {
            Scale::Linear => {
                linear(self.low, self.high, most).into_iter().map(|(at, text)| Tick { at, text }).collect()
            }
            Scale::Log => {
                let ticks = decades(self.low, self.high, most);
                // Where the ends are less than a factor of three apart, the axis is nearly linear.
                let span = self.high - self.low;
                if span > 1.0 || (span > 3.0_f64.log10() && ticks.len() >= 3) {
                    return ticks;
                }
                let (low, high) = (10_f64.powf(self.low), 10_f64.powf(self.high));
                let ticks = linear(low, high, most).into_iter().filter(|&(value, _)| value > 0.0);
                ticks.map(|(value, text)| Tick { at: value.log10(), text }).collect()
            }
        }
    }
}

/// `plotters` draws by the ruler, in its measure.
impl Ranged for Ruler {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        (f64::from(from) + share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.iter().map(|tick| tick.at).collect() }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Ruler {
    fn format(at: &f64) -> String {
        at.to_string()
    }

    fn format_ext(&self, at: &f64) -> String {
        self.ticks.iter().find(|tick| tick.at == *at).map_or_else(String::new, |tick| tick.text.clone())
    }
}

fn measure(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Linear => value,
        Scale::Log => value.log10(),
    }
}

/// Multiples of 1, 2 or 5 times a power of ten in this range, and how they are written.
fn linear(low: f64, high: f64, most: usize) -> Vec<(f64, String)> {
    let power = 10_f64.powf(((high - low) / most.max(1) as f64).log10().floor());
    let ends = |step: f64| ((low / step).ceil(), (high / step).floor());
    let few = |step: &f64| {
        let (first, last) = ends(*step);
        last - first < most as f64
    };
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(few).unwrap_or(20.0 * power);
    let (first, last) = ends(step);
    let count = (last - first).clamp(0.0, 100.0) as usize;
    let size = low.abs().max(high.abs());
    (0..=count)
        .map(|index| {
            let value = (first + index as f64) * step;
            // There is no minus zero on an axis.
            let value = if value == 0.0 { 0.0 } else { value };
            (value, decimal(value, step, size))
        })
        .filter(|&(value, _)| low <= value && value <= high)
        .collect()
}

/// Powers of ten in this range of exponents, with multiples of them where there is room.
fn decades(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let powers = low.floor() as i32..=high.ceil() as i32;
    let in_full = low >= -4.5 && high < LONG.log10();
    let set = |factors: &[f64], every: i32| -> Vec<Tick> {
        let of_power =
            |power: i32| factors.iter().map(move |factor| (factor.log10() + f64::from(power), *factor, power));
        let powers = powers.clone().filter(|power| power.rem_euclid(every) == 0);
        let inside = powers.flat_map(of_power).filter(|&(at, ..)| low <= at && at <= high);
        inside.map(|(at, factor, power)| Tick { at, text: power_of_ten(factor, power, in_full) }).collect()
    };
    let all = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let sets = [set(&all, 1), set(&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0], 1), set(&[1.0, 2.0, 5.0], 1), set(&[1.0], 1)];
    let sparse = [2, 5, 10, 20, 50].into_iter().map(|every| set(&[1.0], every));
    sets.into_iter().chain(sparse).find(|ticks| ticks.len() <= most).unwrap_or_default()
}

/// In full, or with an exponent like all numbers of its axis.
fn power_of_ten(factor: f64, power: i32, in_full: bool) -> String {
    if !in_full {
        return format!("{factor}e{power}");
    }
    let step = if factor.fract() == 0.0 { 10_f64.powi(power) } else { 10_f64.powi(power - 1) };
    decimal(factor * 10_f64.powi(power), step, 1.0)
}

/// `value`, a multiple of `step`, with the digits that tell it from its neighbours. `size` is the largest of them.
fn decimal(value: f64, step: f64, size: f64) -> String {
    let digit = step.abs().log10().floor();
    // 0.1 is 10 to the power -1 only nearly.
    let digit = if 10_f64.powf(digit + 1.0) <= step { digit + 1.0 } else { digit };
    if value == 0.0 {
        return "0".to_owned();
    }
    if size < LONG && digit >= -7.0 {
        let text = format!("{value:.*}", (-digit).max(0.0) as usize);
        return grouped(&text);
    }
    let leading = value.abs().log10().floor();
    format!("{value:.*e}", (leading - digit).clamp(0.0, 15.0) as usize)
}

/// The digits before the point in groups of three, from five on.
fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, ""), |(whole, _)| (whole, &digits[whole.len()..]));
    match whole.parse::<u64>() {
        Ok(number) if whole.len() >= 5 => format!("{sign}{}{fraction}", crate::units::grouped(number)),
        _ => text.to_owned(),
    }
}

/// A measured value, to so many digits.
pub(super) fn number(value: f64, digits: i32) -> String {
    fixed(value, decimals(value, digits))
}

/// How many digits behind the point show a number like `size` to so many digits.
pub(super) fn decimals(size: f64, digits: i32) -> i32 {
    if size == 0.0 { 0 } else { digits - 1 - size.abs().log10().floor() as i32 }
}

/// `value` with these digits behind the point, or with an exponent where that would be long.
pub(super) fn fixed(value: f64, decimals: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.abs() >= LONG || decimals > 9 {
        return format!("{value:.2e}");
    }
    grouped(&format!("{value:.*}", decimals.max(0) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruler(scale: Scale, values: &[f64], anchor: Option<f64>) -> Ruler {
        let axis = Axis { label: String::new(), scale };
        Ruler::new(&axis, values.iter().copied(), anchor, Spacing::Beside { length: 400.0, size: 14.0 })
    }

    fn texts(ruler: &Ruler) -> Vec<&str> {
        ruler.ticks.iter().map(|tick| tick.text.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(texts(&ruler(Scale::Linear, &[0.0, 1.0], None)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&ruler(Scale::Linear, &[-3.0, 12.0], Some(0.0))), ["-2", "0", "2", "4", "6", "8", "10", "12"]);
        assert_eq!(texts(&ruler(Scale::Log, &[1.0, 900.0], None)), ["1", "10", "100", "1000"]);
        assert_eq!(texts(&ruler(Scale::Log, &[80.0, 120.0], None)), ["80", "90", "100", "110", "120"]);
        assert_eq!(texts(&ruler(Scale::Log, &[0.001, 0.04], None)), ["0.001", "0.002", "0.005", "0.01", "0.02"]);
    }

    #[test]
    fn a_range_without_width_gets_one() {
        for (scale, value) in [(Scale::Linear, 0.0), (Scale::Linear, 7.0), (Scale::Linear, -7.0), (Scale::Log, 7.0)] {
            let ruler = ruler(scale, &[value, value], None);
            assert!(ruler.low < ruler.high && !ruler.ticks.is_empty(), "{ruler:?}");
        }
    }

    #[test]
    fn bars_stand_on_zero() {
        let ruler = ruler(Scale::Linear, &[3.0, 9.0], Some(0.0));
        assert_eq!(ruler.low, 0.0);
        assert!(ruler.high > 9.0);
    }

    #[test]
    fn measured_values_have_four_digits() {
        let values = [0.0, 1.0, 12.345_6, 0.001_234_56, 123_456.7, -2.5, 1e9].map(|value| number(value, 4));
        assert_eq!(values, ["0", "1.000", "12.35", "0.001235", "123 457", "-2.500", "1.00e9"]);
    }
}
