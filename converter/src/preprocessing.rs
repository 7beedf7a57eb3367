//! Preprocessing as text in the metadata of files. What is read back is input like any other: numbers are finite and within
//! bounds, or there is no preprocessing.

use bossnas_model::preprocess::{Interpolation, Preprocessing};
use serde::{Deserialize, Serialize};

/// Largest extent of an input that preprocessing may ask for.
const MAX_SIDE: usize = 1 << 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    size: [usize; 2],
    resize: [usize; 2],
    interpolation: String,
    mean: [f64; 3],
    std: [f64; 3],
}

/// The JSON of it.
pub(crate) fn to_text(preprocessing: &Preprocessing) -> String {
    let Preprocessing { size, resize, interpolation, mean, std } = *preprocessing;
    let text = Text { size, resize, interpolation: interpolation.name().to_owned(), mean, std };
    serde_json::to_string(&text).unwrap_or_default()
}

/// What a text says, if it is one.
pub(crate) fn of_text(text: &str) -> Option<Preprocessing> {
    let Text { size, resize, interpolation, mean, std } = serde_json::from_str(text).ok()?;
    let sides = size.iter().chain(&resize).all(|side| (1..=MAX_SIDE).contains(side));
    let numbers = mean.iter().all(|x| x.is_finite()) && std.iter().all(|x| x.is_finite() && *x > 0.0);
    let interpolation = Interpolation::from_name(&interpolation)?;
    (sides && numbers).then_some(Preprocessing { size, resize, interpolation, mean, std })
}
