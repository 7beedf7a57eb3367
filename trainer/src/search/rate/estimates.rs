//! Statistics of batch norms, estimated part by part.

use std::collections::HashMap;

use tch::Tensor;

use crate::search::siamese::{Part, Siamese, Side};
use crate::torch::{Norm, Statistics, TorchError};

/// The statistics of the parts that were run on an estimation batch.
#[derive(Default)]
pub(super) struct Estimates(HashMap<(Side, Part), Statistics>);

impl Estimates {
    /// Runs parts of one side with the statistics of the batch, which are kept; the last ones where a part runs again.
    pub(super) fn estimate(
        &mut self,
        siamese: &Siamese,
        side: Side,
        parts: impl IntoIterator<Item = Part>,
        input: &Tensor,
    ) -> Result<Tensor, TorchError> {
        let mut value = input.shallow_clone();
        for part in parts {
            let mut statistics = Statistics::default();
            let mode = &mut siamese.mode(Norm::Estimate(&mut statistics));
            value = siamese.module(side, part)?.forward_one(&value, mode)?;
            self.keep(side, part, statistics);
        }
        Ok(value)
    }

    /// Keeps the statistics of a part that came another way.
    pub(super) fn keep(&mut self, side: Side, part: Part, statistics: Statistics) {
        self.0.insert((side, part), statistics);
    }

    /// Runs parts of one side with the statistics that were kept.
    pub(super) fn given(
        &self,
        siamese: &Siamese,
        side: Side,
        parts: impl IntoIterator<Item = Part>,
        input: &Tensor,
    ) -> Result<Tensor, TorchError> {
        let mut value = input.shallow_clone();
        for part in parts {
            let mode = &mut siamese.mode(Norm::Given(&self.0[&(side, part)]));
            value = siamese.module(side, part)?.forward_one(&value, mode)?;
        }
        Ok(value)
    }
}
