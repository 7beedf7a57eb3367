//! From logits to names.

use bossnas_files::npy::Tensor;
use serde::Serialize;

use crate::runtime::NamedTensor;

/// One of the likeliest classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Guess {
    /// Number of the class, from 0.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// What the softmax makes of its logit.
    pub probability: f64,
}

/// The `count` likeliest classes, best first; equal ones in the order of their numbers. A class that `labels` do not name
/// is called by its number.
pub fn best<L: AsRef<str>>(logits: &[f32], labels: &[L], count: usize) -> Vec<Guess> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    let guess = |class: usize| Guess { class, label: label(class, labels), probability: weights[class] / sum };
    order.into_iter().take(count).map(guess).collect()
}

/// What a class is called: its number where `labels` do not name it.
pub fn label<L: AsRef<str>>(class: usize, labels: &[L]) -> String {
    labels.get(class).map_or_else(|| format!("class {class}"), |label| label.as_ref().to_owned())
}

/// The scores of each of `images` images, from the first output that is a matrix with a row for each (further extents of 1
/// may follow).
pub fn scores(outputs: &[NamedTensor], images: usize) -> Option<Vec<Vec<f32>>> {
    let classes = |tensor: &Tensor| match tensor.shape() {
        [rows, classes, rest @ ..] if *rows == images && *classes > 0 && rest.iter().all(|&extent| extent == 1) => {
            Some(*classes)
        }
        _ => None,
    };
    let (tensor, classes) = outputs.iter().find_map(|(_, tensor)| Some((tensor, classes(tensor)?)))?;
    Some(tensor.to_array().values.chunks_exact(classes).map(<[f32]>::to_vec).collect())
}

/// The class with the largest score, the first of equal ones; `None` where there is none.
pub fn largest(scores: &[f64]) -> Option<usize> {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(b.cmp(&a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_probabilities_are_those_of_the_softmax() {
        let guesses = best(&[0.0, 3.0_f32.ln(), 0.0], &["a", "b"], 2);
        assert_eq!(guesses.iter().map(|g| g.label.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert!((guesses[0].probability - 0.6).abs() < 1e-6 && (guesses[1].probability - 0.2).abs() < 1e-6);
        assert_eq!(best(&[0.0, 3.0_f32.ln(), 0.0], &["a", "b"], 9)[2].label, "class 2");
    }

    #[test]
    fn large_logits_do_not_overflow() {
        assert!((best::<&str>(&[1e30, 0.0], &[], 1)[0].probability - 1.0).abs() < 1e-12);
    }
}
