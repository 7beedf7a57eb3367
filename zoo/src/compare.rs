//! How far two tensors are apart.

use bossnas_files::npy::{Element, Tensor};
use serde::Serialize;

use crate::predict::largest;

/// How many of the best classes are compared.
const BEST: usize = 5;

/// What may differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tolerance {
    /// Absolute, in units of the largest finite element of the reference.
    pub scaled: f64,
    /// Absolute, instead of the former.
    pub absolute: Option<f64>,
    /// In units of the element itself, added to the absolute.
    pub relative: f64,
}

/// How far a tensor is from its reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Largest absolute difference; infinite where one side is no number and the other is.
    pub max_abs: f64,
    /// The same in units of the largest element of the reference.
    pub max_scaled: f64,
    /// Cosine of the angle between the two; `None` where one is all zeros.
    pub cosine: Option<f64>,
    /// Of a matrix of scores: share of the rows whose largest element is at the same place.
    pub top1: Option<f64>,
    /// Share of the rows whose five largest elements are at the same places.
    pub top5: Option<f64>,
    /// Whether all elements are within the tolerance.
    pub passed: bool,
    /// Why there is nothing to compare.
    pub problem: Option<String>,
}

impl Comparison {
    /// There is nothing to compare with.
    pub fn missing() -> Self {
        Self::impossible("it is missing".to_owned())
    }

    fn impossible(problem: String) -> Self {
        Self {
            max_abs: f64::INFINITY,
            max_scaled: f64::INFINITY,
            cosine: None,
            top1: None,
            top5: None,
            passed: false,
            problem: Some(problem),
        }
    }
}

/// Compares `found` with `reference`, numbers of any type. Whole numbers and truths must be equal unless an absolute
/// tolerance says otherwise. The types may differ: a reference of float64 is the rule. `manner` is that of the operator behind them.
pub fn compare(reference: &Tensor, found: &Tensor, tolerance: Tolerance, manner: Manner) -> Comparison {
    if reference.shape() != found.shape() {
        return Comparison::impossible(format!("its shape is {:?}, not {:?}", found.shape(), reference.shape()));
    }
    let (expected, got) = (reference.f64s(), found.f64s());
    compare_numbers(reference.shape(), &expected, &got, exact(reference.element(), found.element(), tolerance), manner)
}

/// What the operator that computes a value makes of errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manner {
    /// The scale of its values, however small they happen to be: runtimes compute some functions to a fixed number of digits
    /// behind the point. 0 where there is none.
    least: f64,
    /// How much larger errors become in it.
    growth: f64,
}

impl Manner {
    /// Of most operators: values have the scale of the largest, errors stay what they are.
    pub const PLAIN: Self = Self { least: 0.0, growth: 1.0 };

    /// Of an operator of ONNX.
    pub fn of(op: &str) -> Self {
        match op {
            "Sigmoid" | "HardSigmoid" | "Tanh" | "Erf" => Self { least: 1.0, ..Self::PLAIN },
            // Absolute errors of an exponent, which is some tens in size, are relative ones of the result.
            "Softmax" | "LogSoftmax" | "Exp" => Self { growth: 16.0, ..Self::PLAIN },
            _ => Self::PLAIN,
        }
    }
}

fn exact(reference: Element, found: Element, tolerance: Tolerance) -> Tolerance {
    if reference.is_float() && found.is_float() { tolerance } else { Tolerance { scaled: 0.0, ..tolerance } }
}

/// Compares numbers of equal shape.
pub fn compare_numbers(
    shape: &[usize],
    expected: &[f64],
    got: &[f64],
    tolerance: Tolerance,
    manner: Manner,
) -> Comparison {
    let scale = expected.iter().filter(|x| x.is_finite()).fold(manner.least, |max: f64, x| max.max(x.abs()));
    let absolute = tolerance.absolute.unwrap_or(tolerance.scaled * scale * manner.growth);
    let mut max_abs: f64 = 0.0;
    let mut passed = true;
    let (mut product, mut square, mut other_square) = (0.0, 0.0, 0.0);
    for (&a, &b) in expected.iter().zip(got) {
        // Equal infinities, and no number on both sides, are no difference.
        let same = a == b || (a.is_nan() && b.is_nan());
        let difference = if same { 0.0 } else { (a - b).abs() };
        let difference = if difference.is_nan() { f64::INFINITY } else { difference };
        max_abs = max_abs.max(difference);
        passed &= difference <= absolute + tolerance.relative * if a.is_finite() { a.abs() } else { 0.0 };
        if a.is_finite() && b.is_finite() {
            product += a * b;
            square += a * a;
            other_square += b * b;
        }
    }
    let cosine = (square > 0.0 && other_square > 0.0).then(|| product / (square.sqrt() * other_square.sqrt()));
    let max_scaled = if max_abs == 0.0 { 0.0 } else { max_abs / scale };
    let (top1, top5) = match *shape {
        [rows, classes] if rows > 0 && classes > 1 => agreement(expected, got, classes),
        _ => (None, None),
    };
    Comparison { max_abs, max_scaled, cosine, top1, top5, passed, problem: None }
}

/// Share of the rows that agree in the best, and in the five best.
fn agreement(expected: &[f64], got: &[f64], classes: usize) -> (Option<f64>, Option<f64>) {
    let rows = (expected.len() / classes) as f64;
    let pairs = || expected.chunks_exact(classes).zip(got.chunks_exact(classes));
    let first = pairs().filter(|(a, b)| largest(a) == largest(b)).count() as f64;
    let best = (classes > BEST).then(|| pairs().filter(|(a, b)| best_classes(a) == best_classes(b)).count() as f64);
    (Some(first / rows), best.map(|best| best / rows))
}

fn best_classes(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.select_nth_unstable_by(BEST - 1, |&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order.truncate(BEST);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: Tolerance = Tolerance { scaled: 0.1, absolute: None, relative: 0.0 };

    fn numbers(expected: &[f64], got: &[f64], tolerance: Tolerance) -> Comparison {
        compare_numbers(&[expected.len()], expected, got, tolerance, Manner::PLAIN)
    }

    #[test]
    fn the_default_tolerance_is_in_units_of_the_largest_element() {
        assert!(numbers(&[10.0, 0.0], &[10.0, 1.0], TENTH).passed);
        assert!(!numbers(&[10.0, 0.0], &[10.0, 1.1], TENTH).passed);
        let absolute = Tolerance { absolute: Some(0.5), ..TENTH };
        assert!(!numbers(&[10.0, 0.0], &[10.0, 1.0], absolute).passed);
        let relative = Tolerance { absolute: Some(0.0), relative: 0.2, ..TENTH };
        assert!(numbers(&[10.0, 1.0], &[12.0, 0.8], relative).passed);
        assert!(!numbers(&[10.0, 0.0], &[10.0, 0.1], relative).passed);
    }

    #[test]
    fn what_is_no_number_differs_from_numbers_only() {
        let nan = f64::NAN;
        assert!(numbers(&[nan, f64::INFINITY, 1.0], &[nan, f64::INFINITY, 1.0], TENTH).passed);
        for (a, b) in
            [(nan, 1.0), (1.0, nan), (f64::INFINITY, 1.0), (1.0, f64::INFINITY), (f64::INFINITY, f64::NEG_INFINITY)]
        {
            let comparison = numbers(&[a, 5.0], &[b, 5.0], TENTH);
            assert!(!comparison.passed && comparison.max_abs == f64::INFINITY, "{a} {b}");
        }
    }

    #[test]
    fn nothing_but_zeros_must_be_nothing_but_zeros() {
        assert!(numbers(&[0.0, 0.0], &[0.0, 0.0], TENTH).passed);
        let comparison = numbers(&[0.0, 0.0], &[0.0, 1e-9], TENTH);
        assert!(!comparison.passed && comparison.max_scaled == f64::INFINITY);
        assert!(compare_numbers(&[2], &[0.0, 0.0], &[0.0, 1e-9], TENTH, Manner::of("Sigmoid")).passed);
    }

    #[test]
    fn whole_numbers_must_be_equal() {
        let tensor = |element, numbers: &[f64]| Tensor::from_f64s(element, vec![numbers.len()], numbers).unwrap();
        let (a, b) = (tensor(Element::Int64, &[100.0]), tensor(Element::Int64, &[101.0]));
        assert!(!compare(&a, &b, TENTH, Manner::PLAIN).passed);
        assert!(compare(&a, &b, Tolerance { absolute: Some(1.0), ..TENTH }, Manner::PLAIN).passed);
        assert!(compare(&a, &a, TENTH, Manner::PLAIN).passed);
        let other = tensor(Element::Float32, &[1.0, 2.0]);
        assert!(compare(&a, &other, TENTH, Manner::PLAIN).problem.unwrap().contains("shape"));
    }

    #[test]
    fn rows_agree_in_their_best_classes() {
        let expected: Vec<f64> = (0..14).map(f64::from).collect();
        let mut got = expected.clone();
        got.swap(6, 5);
        let comparison = compare_numbers(&[2, 7], &expected, &got, TENTH, Manner::PLAIN);
        assert_eq!((comparison.top1, comparison.top5), (Some(0.5), Some(1.0)));
        got[0] = 100.0;
        assert_eq!(compare_numbers(&[2, 7], &expected, &got, TENTH, Manner::PLAIN).top5, Some(0.5));
        assert_eq!(compare_numbers(&[2, 5, 1], &expected[..10], &got[..10], TENTH, Manner::PLAIN).top1, None);
        assert!((comparison.cosine.unwrap() - 1.0).abs() < 0.01);
    }
}
