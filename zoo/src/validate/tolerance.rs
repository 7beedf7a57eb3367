//! How far runs of a file may be apart by rounding alone.

use bossnas_converter::onnx::Numerics;

use crate::compare::Tolerance;

/// Roundings that a file of one layer is allowed.
const BASE: f64 = 32.0;
/// Those that each further layer adds.
const PER_LAYER: f64 = 1.0;

/// A tolerance and why it is what it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Precision and depth of the file.
    pub numerics: Numerics,
    /// What follows from them, or what was asked for instead.
    pub tolerance: Tolerance,
}

impl Allowance {
    /// What follows from precision and depth, unless absolute and relative tolerances are given.
    ///
    /// Errors of rounding are of either sign: a sum of `n` products is off by some `sqrt(n)` roundings of its largest term,
    /// and the errors of layers add up. BossNet-T0 with its 115 sums in a row may be off by 9e-6 of its largest logit, and is
    /// by 1e-7 to 3e-6; one wrong weight among millions is found by digest, not by this.
    pub fn new(numerics: Numerics, absolute: Option<f64>, relative: Option<f64>) -> Self {
        let Numerics { narrowest, depth } = numerics;
        let scaled = narrowest.unit_roundoff() * (BASE + PER_LAYER * depth as f64);
        Self { numerics, tolerance: Tolerance { scaled, absolute, relative: relative.unwrap_or(0.0) } }
    }

    /// The tolerance for values inside of the network, of which some are smaller than what they were summed of.
    pub fn inside(self) -> Tolerance {
        let Tolerance { scaled, absolute, relative } = self.tolerance;
        Tolerance {
            scaled: scaled * 10.0,
            absolute: absolute.map(|absolute| absolute * 10.0),
            relative: relative * 10.0,
        }
    }

    /// In words.
    pub fn explain(self) -> String {
        let Tolerance { scaled, absolute, relative } = self.tolerance;
        let Numerics { narrowest, depth } = self.numerics;
        let and = if relative > 0.0 { format!(" and {relative:.1e} of each element") } else { String::new() };
        match absolute {
            Some(absolute) => format!("{absolute:.1e} absolute{and}, as asked for"),
            None => format!(
                "{scaled:.1e} of the largest element{and}: {} roundings of {}, {depth} layers deep",
                BASE + PER_LAYER * depth as f64,
                narrowest.name()
            ),
        }
    }
}
