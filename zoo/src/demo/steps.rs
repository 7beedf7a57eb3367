//! The steps of the demonstration.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bossnas_converter::onnx::{Batch, DEFAULT_OPSET, Metadata, Options};
use bossnas_data::dataset::{DataSet, DataSetError, Split};
use bossnas_data::transform::evaluation_input;
use bossnas_data::{RgbImage, encode_png};
use bossnas_files::npy::{self, Array, NpyError};
use bossnas_model::cost::Cost;
use bossnas_model::draw;
use bossnas_model::shape::ShapeError;
use bossnas_model::space::SpaceError;
use bossnas_model::weights::SharedWeights;

use super::folder::{COST, DIGIT, DRAWING, Folder, FolderError, INPUT, NETWORK, PREDICTIONS};
use crate::eval::{ClassScore, Confusion, Prediction, Scores};
use crate::export::{ExportError, Exported, Job, export};
use crate::parts;
use crate::predict::label;
use crate::runtime::{Tract, TractError};

/// Digits at a time.
const BATCH: usize = 60;
/// Digits that are shown.
const SHOWN: usize = 4;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file could not be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The network could not be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A digit could not be read.
    #[error(transparent)]
    Data(#[from] DataSetError),
    /// A digit could not be prepared or written.
    #[error("the digits: {0}")]
    Image(#[from] bossnas_data::Error),
    /// The input could not be written.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] TractError),
    /// The runtime gave no logits.
    #[error("{path} puts out no row of logits for each digit", path = .0.display())]
    NoLogits(PathBuf),
    /// The architecture is no network.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The network does not fit its input.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The network could not be drawn.
    #[error(transparent)]
    Draw(#[from] draw::DrawError),
}

/// The demonstration: a network with its weights, and what it costs.
pub struct Demo {
    metadata: Metadata,
    weights: SharedWeights,
    cost: Cost,
    folder: Folder,
}

/// What the network says of the digits that it has never seen.
#[derive(Debug, Clone)]
pub struct Seen {
    /// For each of them, in their order.
    pub predictions: Vec<Prediction>,
    /// How often it is right.
    pub score: ClassScore,
    /// What it takes for what.
    pub confusion: Confusion,
    /// Time of loading the file and running it.
    pub time: Duration,
    set: std::sync::Arc<DataSet>,
}

impl Demo {
    /// Prepares the network that `metadata` describe; files go to `folder`.
    pub fn new(metadata: Metadata, weights: SharedWeights, folder: Folder) -> Result<Self, DemoError> {
        let [height, width] = metadata.preprocessing.size;
        let cost = bossnas_model::cost::cost(&metadata.architecture.graph()?, height, width)?;
        Ok(Self { metadata, weights, cost, folder })
    }

    /// What the network's file says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The network's name.
    pub fn name(&self) -> String {
        self.metadata.model.clone().unwrap_or_else(|| self.metadata.architecture.to_string())
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
        let Metadata { architecture, preprocessing, .. } = &self.metadata;
        let drawing = draw::Drawing::new(architecture, preprocessing.size, &self.name(), Some(&self.cost))?;
        let path = self.folder.write(DRAWING, drawing.svg().as_bytes())?;
        Ok((drawing, path))
    }

    /// Writes the cost of every node.
    pub fn write_cost(&self) -> Result<PathBuf, DemoError> {
        Ok(self.folder.write(COST, parts::csv(&self.cost).as_bytes())?)
    }

    /// Exports the network and verifies the file.
    pub fn export(&self) -> Result<Exported, DemoError> {
        let size = self.metadata.preprocessing.size;
        let job = Job {
            weights: self.weights.clone(),
            metadata: &self.metadata,
            options: Options { opset: DEFAULT_OPSET, batch: Batch::Dynamic, size },
            verify: true,
        };
        Ok(export(&job, &self.folder.file(NETWORK))?)
    }

    /// Runs the file, in tract, on every digit that was held out.
    pub fn look(&self, file: &Path) -> Result<Seen, DemoError> {
        let set = DataSet::digits_of(Split::Test);
        let numbers: Vec<usize> = (0..set.len()).collect();
        let start = Instant::now();
        let [height, width] = self.metadata.preprocessing.size;
        let shape = vec![BATCH, 3, height, width];
        let runtime = Tract::load(file, &[("", &shape)])?;
        let mut predictions = Vec::with_capacity(numbers.len());
        for numbers in numbers.chunks(BATCH) {
            let mut values = Vec::with_capacity(shape.iter().product());
            for &number in numbers {
                values.extend(self.input(&set.load(number)?)?);
            }
            // The last ones may be fewer: nothing fills the batch up.
            values.resize(shape.iter().product(), 0.0);
            let outputs = runtime.run(&[&Array { shape: shape.clone(), values }])?;
            let no_logits = || DemoError::NoLogits(file.to_owned());
            let (_, logits) = outputs.first().ok_or_else(no_logits)?;
            let &[BATCH, classes] = logits.shape.as_slice() else { return Err(no_logits()) };
            for (&number, row) in numbers.iter().zip(logits.values.chunks_exact(classes.max(1))) {
                let label = set.sample(number).map_or(u32::MAX, |sample| sample.label);
                predictions.push(Prediction::new(number, label, row));
            }
        }
        let time = start.elapsed();
        let classes = set.class_names().map_or(0, <[String]>::len);
        Ok(Seen {
            score: Scores::of(&predictions).all,
            confusion: Confusion::of(&predictions, classes),
            predictions,
            time,
            set: set.into(),
        })
    }

    /// Writes what was said of each digit, and the first of those that are shown as a picture and as the network's input, so that
    /// others can start from either; says where they are.
    pub fn write_seen(&self, seen: &Seen) -> Result<[PathBuf; 3], DemoError> {
        let mut text = "digit,class,said,probability\n".to_owned();
        for Prediction { index, label: class, class: said, probability, .. } in &seen.predictions {
            let name = seen.set.sample(*index).map(|sample| sample.name()).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name},{},{},{probability:.6}", self.label(*class), self.label(*said));
        }
        let predictions = self.folder.write(PREDICTIONS, text.as_bytes())?;
        let number = seen.shown().first().map_or(0, |prediction| prediction.index);
        let image = seen.image(number)?;
        let picture = self.folder.write(DIGIT, &encode_png(&image)?)?;
        let [height, width] = self.metadata.preprocessing.size;
        let input = self.folder.file(INPUT);
        npy::write_path(&input, &[1, 3, height, width], &self.input(&image)?)?;
        Ok([predictions, picture, input])
    }

    /// What a class is called.
    pub fn label(&self, class: u32) -> String {
        label(class as usize, &self.metadata.labels)
    }

    fn input(&self, image: &RgbImage) -> Result<Vec<f32>, DemoError> {
        Ok(evaluation_input(image, &self.metadata.preprocessing)?)
    }
}

impl Seen {
    /// A few that are worth a look: of different classes, and among them one that it takes for something else, if there is one.
    pub fn shown(&self) -> Vec<Prediction> {
        let wrong = self.predictions.iter().find(|prediction| prediction.rank > 0);
        let mut shown: Vec<Prediction> = Vec::with_capacity(SHOWN);
        for prediction in self.predictions.iter().filter(|prediction| prediction.rank == 0) {
            let taken = wrong.into_iter().chain(&shown).any(|other| other.label == prediction.label);
            if !taken && shown.len() < SHOWN - usize::from(wrong.is_some()) {
                shown.push(*prediction);
            }
        }
        shown.extend(wrong);
        shown
    }

    /// The digit of a prediction.
    pub fn image(&self, index: usize) -> Result<RgbImage, DataSetError> {
        self.set.load(index)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bossnas_converter::onnx::Source;
    use bossnas_model::arch::Architecture;
    use bossnas_model::init::Initial;
    use bossnas_model::pass::Pass;
    use bossnas_model::preprocess::Preprocessing;

    use super::*;

    fn demo(folder: &Path) -> Demo {
        let architecture: Architecture = "bossnet:1/0/1/0+base=2+classes=10".parse().unwrap();
        let weights = Arc::new(Initial::with_open_branches(&architecture.graph().unwrap(), 3));
        let metadata = Metadata {
            architecture,
            model: None,
            passes: Pass::INFERENCE.to_vec(),
            source: Source::StateDict("model".to_owned()),
            preprocessing: Preprocessing { mean: [0.3; 3], std: [0.4; 3], ..Preprocessing::cifar([32, 32]) },
            labels: (0..10).map(|digit| digit.to_string()).collect(),
            licence: None,
        };
        Demo::new(metadata, weights, Folder::open(folder).unwrap()).unwrap()
    }

    #[test]
    fn every_digit_that_was_held_out_is_looked_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let demo = demo(folder.path());
        let exported = demo.export().unwrap();
        assert!(!exported.is_rejected());
        let seen = demo.look(&exported.path).unwrap();
        assert!(seen.predictions.iter().map(|prediction| prediction.index).eq(0..359));
        assert_eq!(seen.score.images, 359);
        let counted: u64 = (0..10).map(|class| seen.confusion.count(class, class)).sum();
        assert_eq!(counted, seen.score.top1);
        let [predictions, picture, input] = demo.write_seen(&seen).unwrap();
        assert_eq!(std::fs::read_to_string(predictions).unwrap().lines().count(), 360);
        // The picture, prepared like any other, is the input.
        let how = &demo.metadata().preprocessing;
        let prepared = crate::images::prepare(&picture, how, bossnas_data::DecodeOptions::default()).unwrap();
        assert_eq!(npy::read_path(&input).unwrap().values, prepared.values);
    }

    #[test]
    fn what_is_shown_has_different_classes_and_one_mistake_if_there_is_one() {
        let seen = |predictions: &[(u32, u32)]| {
            let prediction = |(index, &(label, class)): (usize, &(u32, u32))| Prediction {
                index,
                label,
                class,
                probability: 1.0,
                rank: u32::from(label != class),
            };
            let predictions: Vec<Prediction> = predictions.iter().enumerate().map(prediction).collect();
            let score = Scores::of(&predictions).all;
            let confusion = Confusion::of(&predictions, 10);
            Seen { predictions, score, confusion, time: Duration::ZERO, set: Arc::new(DataSet::digits_of(Split::Test)) }
        };
        let indices = |seen: &Seen| seen.shown().iter().map(|prediction| prediction.index).collect::<Vec<_>>();
        assert_eq!(indices(&seen(&[(1, 1), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)])), [0, 2, 3, 4]);
        assert_eq!(indices(&seen(&[(1, 1), (2, 7), (2, 2), (3, 3), (4, 4), (5, 5), (6, 1)])), [0, 3, 4, 1]);
        assert!(seen(&[]).shown().is_empty());
    }
}
