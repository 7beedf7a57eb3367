//! Running a classifier on some images: a batch at a time, whatever batch the file insists on.

use std::time::Duration;

use bossnas_files::npy::{Array, Tensor};

use crate::predict::scores;
use crate::runtime::{Load, Placement, RuntimeError, Session};

/// Scores of some images.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The scores of all classes, a row an image.
    pub rows: Vec<Vec<f32>>,
    /// Time that the runtime took.
    pub time: Duration,
    /// Where the nodes of the first run ran, if that was to be recorded.
    pub placement: Option<Placement>,
}

/// Why there are none.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ScoreError {
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The file is no classifier.
    #[error("the file puts out no row of classes for each image")]
    NoScores,
}

/// Runs images, not more than the batch of the only input that was loaded; images of nothing fill it up.
pub fn score<'a>(
    session: &mut Session,
    load: &Load,
    images: impl ExactSizeIterator<Item = &'a [f32]>,
) -> Result<Scored, ScoreError> {
    let input = &load.inputs[0];
    let count = images.len();
    let mut values = Vec::with_capacity(input.shape.iter().product());
    for image in images {
        values.extend_from_slice(image);
    }
    values.resize(input.shape.iter().product(), 0.0);
    let tensor = Tensor::from(&Array { shape: input.shape.clone(), values });
    let ran = session.run(&[(input.name.clone(), tensor)])?;
    let mut rows = scores(&ran.outputs, input.shape[0]).ok_or(ScoreError::NoScores)?;
    rows.truncate(count);
    Ok(Scored { rows, time: ran.time, placement: ran.placement })
}
