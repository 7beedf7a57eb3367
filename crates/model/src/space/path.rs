//! Why a stage may not have a path.

/// What is wrong with a path. Stages and layers count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The space has no such stage.
    #[error("{space} has stages 1 to {stages}, not {stage}")]
    Stage {
        /// Name of the space.
        space: &'static str,
        /// The stage that was asked for.
        stage: usize,
        /// How many are searched.
        stages: usize,
    },
    /// Another number of layers.
    #[error("stage {stage} has {layers} layers, the path has {found}")]
    Length {
        /// The stage.
        stage: usize,
        /// Its layers.
        layers: usize,
        /// Those of the path.
        found: usize,
    },
    /// There is no such operation.
    #[error("stage {stage}, layer {layer}: operations are 0 to {highest}, not {op}")]
    Operation {
        /// The stage.
        stage: usize,
        /// The layer.
        layer: usize,
        /// What the path has there.
        op: u8,
        /// The last operation.
        highest: u8,
    },
    /// There is no such operation that could end the stage before.
    #[error("before stage {stage}: operations are 0 to {highest}, not {op}")]
    Before {
        /// The stage.
        stage: usize,
        /// What is said to end the stage before.
        op: u8,
        /// The last operation.
        highest: u8,
    },
    /// The map would grow, or shrink by more than one scale, or the stage would begin at a scale where it may not.
    #[error("stage {stage}, layer {layer}: {op} cannot stand there, only {}", listed(.allowed))]
    Order {
        /// The stage.
        stage: usize,
        /// The layer.
        layer: usize,
        /// What the path has there.
        op: u8,
        /// What it may have there.
        allowed: Vec<u8>,
    },
    /// The network would be sound, but the supernet has no weights for it.
    #[error(
        "stage {stage}, layer {layer}: the supernet has no weights for {op} there, \
         since the stage was built for the {depth} smallest maps"
    )]
    NotHeld {
        /// The stage.
        stage: usize,
        /// The layer.
        layer: usize,
        /// What the path has there.
        op: u8,
        /// Scales that the stage was built for.
        depth: usize,
    },
}

fn listed(ops: &[u8]) -> String {
    ops.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
}
