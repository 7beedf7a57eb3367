//! How a model is run: all images of a batch at once, or each alone.

use std::sync::Arc;

use rayon::prelude::*;
use tract_linalg::multithread::{Executor, current_tract_executor, multithread_tract_scope};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::DimLike;

use super::{guarded, images, ops};

/// A model that is ready to run.
pub(super) enum Plan {
    /// On whole inputs.
    Whole(Arc<TypedSimplePlan>),
    /// On one image of them after the other, side by side where there are threads.
    Images {
        /// For inputs with one image.
        plan: Arc<TypedSimplePlan>,
        /// How many images inputs have.
        batch: usize,
    },
}

impl Plan {
    /// Makes a plan for a model as it was read, with the extents of its inputs set.
    pub(super) fn new(model: TypedModel) -> TractResult<Self> {
        let batch = model.input_fact(0).ok().and_then(|fact| fact.shape.first()?.to_usize().ok());
        let single = batch.and_then(|batch| Some((images::one(&model, batch)?, batch)));
        Ok(match single {
            Some((single, batch)) => Self::Images { plan: optimised(single)?, batch },
            None => Self::Whole(optimised(model)?),
        })
    }

    /// Runs it on inputs of the shapes it was made for.
    pub(super) fn run(&self, inputs: TVec<TValue>) -> Result<TVec<TValue>, String> {
        let (plan, batch) = match self {
            Self::Whole(plan) => return guarded(|| plan.run(inputs)),
            Self::Images { plan, batch } => (plan, *batch),
        };
        let image = |index: usize| {
            guarded(|| {
                let image = inputs.iter().map(|input| Ok(input.slice(0, index, index + 1)?.into()));
                plan.run(image.collect::<TractResult<_>>()?)
            })
        };
        let mut images = Vec::with_capacity(batch);
        if let Executor::MultiThread(pool) = current_tract_executor() {
            // As many rounds as there are, with an image on each thread; products of the rest share the threads.
            let alone = |index| multithread_tract_scope(Executor::SingleThread, || image(index));
            let rounds = batch - batch % pool.current_num_threads();
            let run = || (0..rounds).into_par_iter().with_max_len(1).map(alone).collect::<Result<Vec<_>, String>>();
            images = pool.install(run)?;
        }
        for index in images.len()..batch {
            images.push(image(index)?);
        }
        let output = |slot: usize| {
            let parts: Vec<&Tensor> = images.iter().map(|outputs| &*outputs[slot]).collect();
            guarded(|| Ok(Tensor::stack_tensors(0, &parts)?.into()))
        };
        (0..images[0].len()).map(output).collect()
    }
}

fn optimised(mut model: TypedModel) -> TractResult<Arc<TypedSimplePlan>> {
    model.declutter()?;
    ops::replace(&mut model)?;
    model.optimize()?;
    model.into_runnable()
}
