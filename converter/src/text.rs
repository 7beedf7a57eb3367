//! Preprocessing and names of classes as texts, the same in the metadata of ONNX files and of safetensors files.
//!
//! What is read back is input like any other: numbers are finite and within bounds, or it is refused.

use bossnas_model::preprocess::{Interpolation, Preprocessing};
use serde::{Deserialize, Serialize};

/// Largest extent of an input that preprocessing may ask for.
const MAX_SIDE: usize = 1 << 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreprocessingText {
    size: [usize; 2],
    resize: [usize; 2],
    interpolation: String,
    mean: [f64; 3],
    std: [f64; 3],
}

/// As JSON, on one line.
pub(crate) fn preprocessing(how: &Preprocessing) -> String {
    let Preprocessing { size, resize, interpolation, mean, std } = *how;
    json(&PreprocessingText { size, resize, interpolation: interpolation.name().to_owned(), mean, std })
}

/// The inverse of [`preprocessing`].
pub(crate) fn parse_preprocessing(text: &str) -> Option<Preprocessing> {
    let PreprocessingText { size, resize, interpolation, mean, std } = serde_json::from_str(text).ok()?;
    let sides = size.iter().chain(&resize).all(|side| (1..=MAX_SIDE).contains(side));
    let numbers = mean.iter().all(|x| x.is_finite()) && std.iter().all(|x| x.is_finite() && *x > 0.0);
    let interpolation = Interpolation::from_name(&interpolation)?;
    (sides && numbers).then_some(Preprocessing { size, resize, interpolation, mean, std })
}

/// As JSON, on one line.
pub(crate) fn labels(labels: &[String]) -> String {
    json(&labels)
}

/// The inverse of [`labels`].
pub(crate) fn parse_labels(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

fn json(value: &impl Serialize) -> String {
    // Numbers and texts can always be written.
    serde_json::to_string(value).unwrap_or_default()
}
