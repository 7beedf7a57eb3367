//! The parts of a supernet, and which of them paths need.

use bossnas_model::graph::Graph;
pub use bossnas_model::space::Side;
use bossnas_model::space::{PathError, Space};

/// A part of a supernet that runs as a whole. Stages and layers count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// From the image to what the first layer reads.
    Stem {
        /// The first layer's operation.
        first: u8,
    },
    /// One operation of one layer.
    Layer {
        /// The stage.
        stage: usize,
        /// The layer within it.
        layer: usize,
        /// The operation before it; `None` for the first layer of all.
        before: Option<u8>,
        /// The operation.
        op: u8,
    },
    /// From the map of a stage to a projection: `channels_fix` where the space has it, and the neck.
    Project {
        /// The stage.
        stage: usize,
        /// Its last operation.
        op: u8,
    },
    /// The predictor of a stage.
    Predict {
        /// The stage.
        stage: usize,
    },
}

impl Part {
    /// Its graph.
    pub fn graph(self, space: &Space) -> Graph {
        match self {
            Self::Stem { first } => space.stem(first),
            Self::Layer { stage, layer, before, op } => space.layer(stage, layer, before, op),
            Self::Project { stage, op } => match space.channels_fix(stage, op) {
                Some(fix) => fix.then(space.neck(stage, op)),
                None => space.neck(stage, op),
            },
            Self::Predict { stage } => space.head(stage),
        }
    }
}

/// A stage with the best paths of those before it, checked against the space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagePaths {
    stage: usize,
    best: Vec<Vec<u8>>,
    candidates: Vec<Vec<u8>>,
    /// Whether the stem depends on the first operation.
    stem_varies: bool,
}

impl StagePaths {
    /// The stage after those of `best`, with all paths that it may have.
    pub fn new(space: &Space, best: Vec<Vec<u8>>) -> Result<Self, PathError> {
        let stage = best.len();
        let mut before = None;
        for (number, path) in best.iter().enumerate() {
            space.check_path(number, before, path)?;
            before = path.last().copied();
        }
        if stage >= space.stages() {
            return Err(PathError::Stage { space: space.name(), stage: stage + 1, stages: space.stages() });
        }
        let stem_varies = matches!(space, Space::Nats(_));
        Ok(Self { stage, candidates: space.paths(stage, before), best, stem_varies })
    }

    /// The same stage, with these paths alone.
    pub fn only(self, space: &Space, paths: Vec<Vec<u8>>) -> Result<Self, PathError> {
        paths.iter().try_for_each(|path| space.check_path(self.stage, self.before(), path))?;
        Ok(Self { candidates: paths, ..self })
    }

    /// The stage, from 0.
    pub fn stage(&self) -> usize {
        self.stage
    }

    /// The best paths of the stages before.
    pub fn best(&self) -> &[Vec<u8>] {
        &self.best
    }

    /// The paths it may have.
    pub fn candidates(&self) -> &[Vec<u8>] {
        &self.candidates
    }

    /// The last operation of the stage before.
    pub fn before(&self) -> Option<u8> {
        self.best.last().and_then(|path| path.last()).copied()
    }

    fn stem(&self, path: &[u8]) -> Option<Part> {
        path.first().map(|&first| Part::Stem { first: if self.stem_varies { first } else { 0 } })
    }

    /// The parts before the stage, stem included. Where the stage is the first, there are none: the stem of a path depends
    /// on its first operation.
    pub fn prefix(&self) -> Vec<Part> {
        let Some(stem) = self.best.first().and_then(|path| self.stem(path)) else { return Vec::new() };
        let mut before = None;
        let mut parts = vec![stem];
        for (stage, path) in self.best.iter().enumerate() {
            for (layer, &op) in path.iter().enumerate() {
                parts.push(Part::Layer { stage, layer, before, op });
                before = Some(op);
            }
        }
        parts
    }

    /// The parts of a path of the stage from what the prefix gives to the map, the stem included where there is no prefix.
    pub fn body(&self, path: &[u8]) -> Vec<Part> {
        let first = self.stem(path).filter(|_| self.best.is_empty());
        let mut before = self.before();
        let layers = path.iter().enumerate().map(|(layer, &op)| {
            let part = Part::Layer { stage: self.stage, layer, before, op };
            before = Some(op);
            part
        });
        first.into_iter().chain(layers).collect()
    }

    /// From the map of a path to its projection.
    pub fn projection(&self, path: &[u8]) -> Part {
        Part::Project { stage: self.stage, op: path.last().copied().unwrap_or(0) }
    }

    /// The predictor.
    pub fn prediction(&self) -> Part {
        Part::Predict { stage: self.stage }
    }

    /// Everything that the candidates need of both sides, each part once.
    pub fn parts(&self) -> Vec<(Side, Part)> {
        let paths = self.candidates.iter().flat_map(|path| self.body(path).into_iter().chain([self.projection(path)]));
        let both: Vec<Part> = self.prefix().into_iter().chain(paths).collect();
        let sides = Side::ALL.into_iter().flat_map(|side| both.iter().map(move |&part| (side, part)));
        let mut seen = std::collections::HashSet::new();
        sides.chain([(Side::Online, self.prediction())]).filter(|part| seen.insert(*part)).collect()
    }
}
