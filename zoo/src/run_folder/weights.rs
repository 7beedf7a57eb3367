//! The weights of one side of a run's supernet.

use std::sync::Arc;

use bossnas_converter::checkpoint::{Checkpoint, Choice, check};
use bossnas_files::{SourceFile, sha256_of};
use bossnas_model::graph::Graph;
use bossnas_model::space::Side;
use bossnas_model::weights::{Cut, Renamed, SharedWeights};

use super::{Problem, RunError, RunFolder};

impl RunFolder {
    /// What `graph`, a part of the supernet, uses of the weights of `side`, under the graph's names and as wide as they are
    /// stored. The whole file is read once, to compare its digest.
    pub fn weights(&self, side: Side, graph: &Graph) -> Result<SharedWeights, RunError> {
        let path = self.path.join(&self.checkpoint.file);
        let file = SourceFile::open(&path)?;
        let wrong = |problem: Problem| RunError::new(&path, problem);
        if file.len() != self.checkpoint.bytes {
            return Err(wrong(Problem::Bytes { found: file.len(), expected: self.checkpoint.bytes }));
        }
        let found = sha256_of(&file)?;
        if found != self.checkpoint.sha256 {
            return Err(wrong(Problem::Digest { found, expected: self.checkpoint.sha256 }));
        }
        let all = Checkpoint::from_source(file)?.state_dict(Choice::Auto)?;
        let weights = of_side(Arc::new(all), side, graph);
        check(graph.params(), &Cut::new(weights.clone(), graph)).map_err(|mismatch| wrong(mismatch.into()))?;
        Ok(weights)
    }
}

/// Of a siamese state dict what `graph` uses of one side, under the graph's names.
pub fn of_side(siamese: SharedWeights, side: Side, graph: &Graph) -> SharedWeights {
    let names = graph.params().iter().map(|param| param.name.as_str());
    Arc::new(Renamed::new(siamese, names, |name| side.name(name)))
}
