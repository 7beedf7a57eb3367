//! Two supernets, of which one follows the other, as modules that can run.
//!
//! A path is run part by part: stem, one operation of each layer, what brings its map to a projection; the online side has
//! a predictor besides. Each part is a [`Module`] of its own, bound to the tensors of its side.

mod learner;
mod loss;
mod parts;

use std::collections::HashMap;

use bossnas_model::graph::{Graph, Param};
use bossnas_model::space::Space;
use bossnas_model::weights::Weights;
use tch::{Device, Tensor};

pub use learner::{Batch, BatchReport, Learner};
pub(crate) use loss::{Mean, cosine_losses, normalised};
pub use parts::{Part, Side, StagePaths};

use crate::torch::{Mode, Module, Norm, Params, Placement, TorchError};

/// Two supernets with their weights, as far as they were asked for.
#[derive(Debug)]
pub struct Siamese {
    space: Space,
    params: Params,
    modules: HashMap<(Side, Part), Module>,
}

/// How much of the state dict is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// What the parts need.
    Parts,
    /// All there is: what a checkpoint of a search holds, and what the published rules let follow.
    Whole,
}

impl Siamese {
    /// Loads what the parts of both sides need, or all, from weights under their siamese names. Fails with all that do not
    /// fit.
    pub fn load(
        space: Space,
        parts: &[(Side, Part)],
        extent: Extent,
        weights: &dyn Weights,
        placement: Placement,
    ) -> Result<Self, TorchError> {
        let mut params = Params::default();
        params.load(wanted(&space, &graphs(&space, parts), extent), weights, placement)?;
        for (_, tensor) in params.iter().filter(|(name, _)| Side::Target.owns(name)) {
            let _ = tensor.f_set_requires_grad(false)?;
        }
        Self::of(space, parts, params)
    }

    /// The parts of both sides with tensors that are loaded already, under their siamese names.
    pub fn of(space: Space, parts: &[(Side, Part)], params: Params) -> Result<Self, TorchError> {
        let graphs = graphs(&space, parts);
        let bind = |(side, part, graph): (Side, Part, Graph)| {
            Ok(((side, part), Module::bind(graph, &params, |name| side.name(name))?))
        };
        let modules = graphs.into_iter().map(bind).collect::<Result<_, TorchError>>()?;
        Ok(Self { space, params, modules })
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The tensors of both sides.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The tensors of both sides alone, to make other parts of.
    pub fn into_params(self) -> Params {
        self.params
    }

    /// A part of one side.
    pub(crate) fn module(&self, side: Side, part: Part) -> Result<&Module, TorchError> {
        self.modules.get(&(side, part)).ok_or_else(|| TorchError::NotLoaded(format!("{side:?} {part:?}")))
    }

    /// How parts run: in float32. Kernels have the channels of a tap side by side, and maps behind a convolution follow
    /// them; on processors only `MBConv` gains when what a part reads is brought into that format first.
    pub(crate) fn mode<'a>(&self, norm: Norm<'a>) -> Mode<'a> {
        let on_processor = self.params.iter().next().is_none_or(|(_, tensor)| tensor.device() == Device::Cpu);
        Mode { channels_last: !on_processor || matches!(self.space, Space::Mbconv(_)), ..Mode::with(norm) }
    }

    /// Binds another graph of one side's parameters.
    pub(crate) fn bind(&self, side: Side, graph: Graph) -> Result<Module, TorchError> {
        Ok(Module::bind(graph, &self.params, |name| side.name(name))?)
    }

    /// Runs parts of one side one after the other.
    pub(crate) fn run(
        &self,
        side: Side,
        parts: impl IntoIterator<Item = Part>,
        input: &Tensor,
        mode: &mut Mode<'_>,
    ) -> Result<Tensor, TorchError> {
        let mut value = input.shallow_clone();
        for part in parts {
            value = self.module(side, part)?.forward_one(&value, mode)?;
        }
        Ok(value)
    }
}

fn graphs(space: &Space, parts: &[(Side, Part)]) -> Vec<(Side, Part, Graph)> {
    parts.iter().map(|&(side, part)| (side, part, part.graph(space))).collect()
}

/// The parameters to load under their siamese names: those of the parts, and for a whole network all others.
fn wanted(space: &Space, graphs: &[(Side, Part, Graph)], extent: Extent) -> Vec<(String, Param)> {
    let whole = |param: &Param| Param { shape: param.stored_shape().to_vec(), stored: None, ..param.clone() };
    let of_parts = graphs
        .iter()
        .flat_map(|(side, _, graph)| graph.params().iter().map(|param| (side.name(&param.name), whole(param))));
    let mut all: Vec<(String, Param)> = of_parts.collect();
    if extent == Extent::Whole {
        for param in space.parameters().into_iter().map(Param::from) {
            all.extend(Side::ALL.map(|side| (side.name(&param.name), param.clone())));
        }
    }
    all
}
