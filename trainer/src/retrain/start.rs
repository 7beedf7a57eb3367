//! What training begins with: drawn weights, or those of a checkpoint whose classifier is drawn anew where its classes are others.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use bossnas_converter::checkpoint::{Checkpoint, CheckpointError, Choice, Mismatch, StateDict, check};
use bossnas_files::{ReadError, SourceFile, sha256_of};
use bossnas_model::arch::BossNet;
use bossnas_model::graph::Role;
use bossnas_model::init::Initial;
use bossnas_model::weights::{TensorInfo, Weights, WeightsError};

/// Weights to begin with.
#[derive(Debug)]
pub struct Start {
    drawn: Initial,
    loaded: Option<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    weights: StateDict,
    sha256: String,
    /// Tensors that are drawn all the same.
    anew: Vec<String>,
}

/// Why weights cannot be begun with.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It holds the weights of another network.
    #[error("`{path}` is not for {network}: {mismatch}", path = .path.display())]
    Misfit {
        /// The file.
        path: PathBuf,
        /// The network to train.
        network: String,
        /// All differences but those of the classifier.
        mismatch: Box<Mismatch>,
    },
}

impl Start {
    /// Weights drawn by a seed.
    pub fn drawn(network: &BossNet, seed: u64) -> Self {
        Self { drawn: Initial::new(&network.graph(), seed), loaded: None }
    }

    /// The weights of a checkpoint. A classifier of another number of classes is drawn by the seed.
    pub fn of_checkpoint(path: &Path, choice: Choice, network: &BossNet, seed: u64) -> Result<Self, StartError> {
        let sha256 = sha256_of(&SourceFile::open(path)?)?.to_string();
        let weights = Checkpoint::open(path)?.state_dict(choice)?;
        let graph = network.graph();
        let is_classifier = |name: &str| {
            let role = graph.params().iter().find(|param| param.name == name).map(|param| param.role);
            matches!(role, Some(Role::LinearWeight | Role::LinearBias))
        };
        let mut anew = Vec::new();
        if let Err(mut mismatch) = check(graph.params(), &weights) {
            let shapes = std::mem::take(&mut mismatch.shapes);
            let (classifier, others): (Vec<_>, Vec<_>) =
                shapes.into_iter().partition(|shape| is_classifier(&shape.name));
            mismatch.shapes = others;
            anew = classifier.into_iter().map(|shape| shape.name).collect();
            if mismatch != Mismatch::default() {
                let (path, network) = (path.to_owned(), network.to_string());
                return Err(StartError::Misfit { path, network, mismatch: Box::new(mismatch) });
            }
        }
        Ok(Self { drawn: Initial::new(&graph, seed), loaded: Some(Loaded { weights, sha256, anew }) })
    }

    /// Digest of the file; empty where all is drawn.
    pub fn sha256(&self) -> &str {
        self.loaded.as_ref().map_or("", |loaded| &loaded.sha256)
    }

    /// The state dict that was loaded.
    pub fn state_dict(&self) -> Option<&'static str> {
        self.loaded.as_ref().map(|loaded| loaded.weights.name().name())
    }

    /// What is drawn although a checkpoint was loaded.
    pub fn drawn_anew(&self) -> &[String] {
        self.loaded.as_ref().map_or(&[], |loaded| &loaded.anew)
    }

    fn of(&self, name: &str) -> &dyn Weights {
        match &self.loaded {
            Some(Loaded { weights, anew, .. }) if !anew.iter().any(|other| other == name) => weights,
            _ => &self.drawn,
        }
    }
}

impl Weights for Start {
    fn names(&self) -> Vec<&str> {
        self.drawn.names()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.of(name).info(name)
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        self.of(name).bytes(name)
    }
}
