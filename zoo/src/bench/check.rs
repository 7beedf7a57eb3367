//! Whether what is timed is right: how long a wrong answer takes says nothing.

use bossnas_converter::onnx::{Narrowest, OnnxError, computed_values, numerics};
use bossnas_files::npy::Tensor;
use serde::{Deserialize, Serialize};

use crate::compare::{Comparison, Manner, Tolerance, compare};
use crate::runtime::{NamedTensor, Precision};
use crate::validate::{Allowance, Contender, ContenderError, Subject};

/// What a file should put out.
pub struct Expected {
    /// Who says so.
    pub by: Contender,
    outputs: Vec<(NamedTensor, Manner)>,
    tolerance: Tolerance,
    narrowest: Narrowest,
}

/// How far a variant is from what it should put out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// Who says what it should be.
    pub reference: String,
    /// Largest difference, in units of the largest element of the output.
    pub error: f64,
    /// What rounding allows, in these units.
    pub allowed: f64,
    /// Whether it is within that.
    pub passed: bool,
    /// Why it is not.
    pub problem: Option<String>,
    /// Whether a narrower type was asked for and the outputs are as exact as float32's.
    pub unrounded: bool,
}

impl Expected {
    /// What `by` makes of the inputs of `subject`.
    pub fn of(subject: &Subject<'_>, by: Contender) -> Result<Self, ExpectedError> {
        let answer = subject.answer(by)?;
        let values = computed_values(&subject.file)?;
        let numerics = numerics(&subject.file)?;
        let manner = |name: &str| {
            values.iter().find(|value| value.name == name).map_or(Manner::PLAIN, |value| Manner::of(&value.op))
        };
        let outputs = answer.outputs.into_iter().map(|output| {
            let manner = manner(&output.0);
            (output, manner)
        });
        Ok(Self {
            by,
            outputs: outputs.collect(),
            tolerance: Allowance::new(numerics, None, None).tolerance,
            narrowest: numerics.narrowest,
        })
    }

    /// How far outputs may be apart by the rounding of the file's own types, in units of their largest element.
    pub fn rounding(&self) -> f64 {
        self.tolerance.scaled
    }

    /// Compares outputs with the expected ones. Where the first extent is a multiple of the expected one, so many copies of the
    /// expected are meant: a batch of the same image.
    pub fn check(&self, outputs: &[NamedTensor], precision: Precision) -> Checked {
        let exact = self.tolerance;
        let widened = match self.narrowest {
            Narrowest::Float32 | Narrowest::Float64 => precision.unit_roundoff() / Precision::F32.unit_roundoff(),
            _ => 1.0,
        };
        let tolerance = Tolerance { scaled: exact.scaled * widened, ..exact };
        let comparisons: Vec<(&str, Comparison)> = self
            .outputs
            .iter()
            .map(|(expected, manner)| {
                let (name, expected) = expected;
                let comparison = match outputs.iter().find(|(other, _)| other == name) {
                    Some((_, found)) => compare(&repeated(expected, found.shape()), found, tolerance, *manner),
                    None => Comparison::missing(),
                };
                (name.as_str(), comparison)
            })
            .collect();
        let error = comparisons.iter().fold(0.0, |max: f64, (_, comparison)| max.max(comparison.max_scaled));
        let wrong = comparisons.iter().find(|(_, comparison)| !comparison.passed);
        Checked {
            reference: self.by.name().to_owned(),
            error,
            allowed: tolerance.scaled,
            passed: wrong.is_none(),
            problem: wrong.map(|(name, comparison)| match &comparison.problem {
                Some(problem) => format!("output `{name}`: {problem}"),
                None => format!(
                    "output `{name}` is off by {:.1e} of its largest element, {:.1e} is allowed",
                    comparison.max_scaled, tolerance.scaled
                ),
            }),
            unrounded: widened > 1.0 && error <= exact.scaled,
        }
    }
}

/// Copies of a tensor along its first axis, as many as the shape asks for; one where it asks for something else.
pub fn repeated(tensor: &Tensor, shape: &[usize]) -> Tensor {
    let (Some(&own), Some(&asked)) = (tensor.shape().first(), shape.first()) else { return tensor.clone() };
    if own == 0 || asked % own != 0 || tensor.shape()[1..] != shape[1..] {
        return tensor.clone();
    }
    let bytes = tensor.bytes().repeat(asked / own);
    Tensor::new(tensor.element(), shape.to_vec(), bytes).unwrap_or_else(|| tensor.clone())
}

/// Why nobody knows what a file should put out.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// The reference has no answer.
    #[error(transparent)]
    Contender(#[from] ContenderError),
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] OnnxError),
}

#[cfg(test)]
mod tests {
    use bossnas_files::npy::Element;

    use super::*;

    #[test]
    fn a_batch_of_one_image_is_so_many_copies() {
        let one = Tensor::from_f64s(Element::Float32, vec![1, 2], &[1.0, 2.0]).unwrap();
        assert_eq!(repeated(&one, &[3, 2]).f64s(), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        for other in [&[3, 4][..], &[3], &[]] {
            assert_eq!(repeated(&one, other), one);
        }
    }

    #[test]
    fn a_wrong_output_is_named_and_a_missing_rounding_is_seen() {
        let logits =
            |numbers: &[f64]| ("logits".to_owned(), Tensor::from_f64s(Element::Float32, vec![1, 2], numbers).unwrap());
        let expected = Expected {
            by: Contender::Reference,
            outputs: vec![(logits(&[1.0, -2.0]), Manner::PLAIN)],
            tolerance: Tolerance { scaled: 1e-6, absolute: None, relative: 0.0 },
            narrowest: Narrowest::Float32,
        };
        let check = |numbers: &[f64], precision| expected.check(&[logits(numbers)], precision);
        assert!(check(&[1.0, -2.0], Precision::F32).passed);
        let wrong = check(&[1.0, -2.01], Precision::F32);
        assert!(!wrong.passed && wrong.problem.unwrap().contains("`logits`"));
        let rounded = check(&[1.0, -2.01], Precision::Bf16);
        assert!(rounded.passed && !rounded.unrounded);
        assert!(check(&[1.0, -2.0], Precision::Bf16).unrounded);
        assert!(!expected.check(&[], Precision::F32).passed);
    }
}
