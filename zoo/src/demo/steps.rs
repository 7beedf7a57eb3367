//! The steps of the demonstration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bossnas_converter::onnx::{Batch, DEFAULT_OPSET, Metadata, Options, Source};
use bossnas_data::{Limits, classes, decode, transform};
use bossnas_files::npy::{self, Array, NpyError};
use bossnas_model::arch::BossNet;
use bossnas_model::cost::Cost;
use bossnas_model::draw;
use bossnas_model::init::Initial;
use bossnas_model::pass::Pass;
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::shape::ShapeError;

use super::folder::{COST, DRAWING, Folder, FolderError, INPUT, NETWORK, PHOTOGRAPH};
use crate::export::{ExportError, Exported, Job, export};
use crate::parts;
use crate::predict::{Guess, best};
use crate::runtime::{Tract, TractError};

/// The seed of the untrained weights.
pub const SEED: u64 = 0;
/// Height and width of the input.
const SIZE: [usize; 2] = [224, 224];
/// Name of the network.
const NAME: &str = "BossNet-T0";
/// How many classes are named.
const TOP: usize = 5;

const FLOWER: &[u8] = include_bytes!("../../assets/flower.jpg");

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file could not be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The network could not be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The photograph could not be prepared.
    #[error("the photograph of the demonstration: {0}")]
    Image(#[from] bossnas_data::Error),
    /// The input could not be written.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] TractError),
    /// The runtime gave no logits.
    #[error("{path} puts out nothing", path = .0.display())]
    NoOutput(PathBuf),
    /// The network does not fit its input.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The network could not be drawn.
    #[error(transparent)]
    Draw(#[from] draw::DrawError),
}

/// The demonstration: its network and what that costs.
#[derive(Debug)]
pub struct Demo {
    net: BossNet,
    cost: Cost,
    folder: Folder,
}

impl Demo {
    /// Prepares the network; files go to `folder`.
    pub fn new(folder: Folder) -> Result<Self, DemoError> {
        let net = BossNet::t0();
        let cost = bossnas_model::cost::cost(&net.graph(), SIZE[0], SIZE[1])?;
        Ok(Self { net, cost, folder })
    }

    /// The network's name.
    pub const fn name(&self) -> &'static str {
        NAME
    }

    /// The network.
    pub fn net(&self) -> &BossNet {
        &self.net
    }

    /// What it costs.
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// Where the files go.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Draws the architecture; says what is to be seen and where it is.
    pub fn draw(&self) -> Result<(draw::Drawing, PathBuf), DemoError> {
        let drawing = draw::Drawing::new(&self.net.clone().into(), SIZE, NAME, Some(&self.cost))?;
        let path = self.folder.write(DRAWING, drawing.svg().as_bytes())?;
        Ok((drawing, path))
    }

    /// Writes the cost of every node.
    pub fn write_cost(&self) -> Result<PathBuf, DemoError> {
        Ok(self.folder.write(COST, parts::csv(&self.cost).as_bytes())?)
    }

    /// Exports the network with untrained weights and verifies the file.
    pub fn export(&self) -> Result<Exported, DemoError> {
        let metadata = Metadata {
            architecture: self.net.clone().into(),
            model: Some(NAME.to_owned()),
            passes: Pass::INFERENCE.to_vec(),
            source: Source::Untrained { seed: SEED },
            preprocessing: Preprocessing::published(SIZE),
            labels: classes::imagenet(),
            licence: None,
        };
        let job = Job {
            weights: Arc::new(Initial::new(&self.net.graph(), SEED)),
            metadata: &metadata,
            options: Options { opset: DEFAULT_OPSET, batch: Batch::Dynamic, size: SIZE },
            verify: true,
        };
        Ok(export(&job, &self.folder.file(NETWORK))?)
    }

    /// Turns the photograph into the network's input; both are written, so that others can start from either.
    pub fn prepare(&self) -> Result<(Array, [PathBuf; 2]), DemoError> {
        let photograph = self.folder.write(PHOTOGRAPH, FLOWER)?;
        let image = decode(FLOWER, Limits::default())?;
        let values = transform::evaluation_input(&image, &Preprocessing::published(SIZE))?;
        let array = Array { shape: vec![1, 3, SIZE[0], SIZE[1]], values };
        let input = self.folder.file(INPUT);
        npy::write_path(&input, &array.shape, &array.values)?;
        Ok((array, [photograph, input]))
    }

    /// Runs the file on the input, in tract, and names the likeliest classes.
    pub fn classify(&self, file: &Path, input: &Array) -> Result<Vec<Guess>, DemoError> {
        let outputs = Tract::load(file, &[("", &input.shape)])?.run(&[input])?;
        let (_, logits) = outputs.first().ok_or_else(|| DemoError::NoOutput(file.to_owned()))?;
        Ok(best(&logits.values, &classes::imagenet(), TOP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_name_for_every_class() {
        let labels = classes::imagenet();
        assert_eq!(labels.len(), BossNet::t0().classes);
        assert_eq!((labels[0].as_str(), labels[999].as_str()), ("tench", "toilet tissue"));
    }

    #[test]
    fn the_photograph_becomes_an_input() {
        let folder = tempfile::tempdir().unwrap();
        let demo = Demo::new(Folder::open(folder.path()).unwrap()).unwrap();
        let (array, [photograph, input]) = demo.prepare().unwrap();
        assert_eq!(array.shape, [1, 3, 224, 224]);
        assert!(photograph.is_file());
        assert_eq!(npy::read_path(&input).unwrap(), array);
    }
}
