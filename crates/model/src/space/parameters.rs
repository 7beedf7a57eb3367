//! The parameters of a supernet, without going through its paths.

use super::{Space, projection};
use crate::graph::{Param, Role};
use crate::layers::Map;

/// A parameter or buffer of a supernet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedParam {
    /// The first of its names in the published state dict, without the side.
    pub name: String,
    /// Its other names within one side: modules that the published code holds in several places. The state dict has the
    /// names `backbone.`, `online_net.` and `target_net.` besides, and `online_neck.` and the like for whichever stage
    /// is trained.
    pub aliases: Vec<String>,
    /// Extents as stored; empty for a scalar.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

impl From<SharedParam> for Param {
    fn from(param: SharedParam) -> Self {
        Self { name: param.name, shape: param.shape, stored: None, role: param.role }
    }
}

/// Every part of the supernet is built in each of its forms, in published order and on values that mean nothing; what is
/// kept is the table of parameters.
pub(super) fn parameters(space: &Space) -> Vec<SharedParam> {
    let supernet = space.supernet();
    let stages = supernet.layers().len();
    let mut layers = supernet.builder();
    let any = layers.input("any", 1);
    supernet.declare_backbone(&mut layers, any);
    for stage in 0..stages {
        let map = supernet.declare_fix(&mut layers, stage, any);
        projection::neck(&mut layers, stage, map, space.base());
    }
    let projected = Map { channels: projection::width(space.base()), ..any };
    for stage in 0..stages {
        projection::head(&mut layers, stage, projected, space.base());
    }
    if let Space::Nats(nats) = space {
        for (stage, op) in (0..stages).flat_map(|stage| (0..super::nats::OPS).map(move |op| (stage, op))) {
            nats.channels_fix(&mut layers, stage, Map { channels: nats.width(op), ..any }, op);
        }
    }
    let shared = |param: &Param| SharedParam {
        aliases: supernet.aliases(&param.name),
        name: param.name.clone(),
        shape: param.stored_shape().to_vec(),
        role: param.role,
    };
    layers.finish(any).params().iter().map(shared).collect()
}
