//! Run folders as `bossnas-train search` leaves them, with made-up scores and the recipe's weights.

use std::fs;
use std::io;
use std::path::Path;

use bossnas_model::graph::{Orientation, Param};
use bossnas_model::space::{Side, Space};
use bossnas_model::weights::Weights;
use safetensors::{Dtype, serialize_to_file, tensor::TensorView};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::recipe::{self, Bits, RecipeWeights};

/// A search as far as it has come.
#[derive(Debug, Clone)]
pub struct Run {
    /// The search space.
    pub space: Space,
    /// Side of its images.
    pub image_size: usize,
    /// The paths of each stage that was rated with their scores, in published order.
    pub ratings: Vec<Vec<(Vec<u8>, f64)>>,
    /// The best paths of the stages that are decided.
    pub best_paths: Vec<Vec<u8>>,
    /// Batches done.
    pub step: u64,
}

impl Run {
    /// A search of which `decided` stages are decided and the one after, if there is one, was rated once. Scores depend on
    /// stage and path alone.
    pub fn new(space: Space, image_size: usize, decided: usize) -> Self {
        let mut run = Self { space, image_size, ratings: Vec::new(), best_paths: Vec::new(), step: 1200 };
        for stage in 0..space.stages().min(decided + 1) {
            let before = run.best_paths.last().and_then(|path| path.last()).copied();
            let scored: Vec<(Vec<u8>, f64)> = space
                .paths(stage, before)
                .into_iter()
                .map(|path| {
                    let score = score(stage, &path);
                    (path, score)
                })
                .collect();
            let goes_on = |path: &[u8]| path.last().is_some_and(|&op| space.goes_on(stage, op));
            let best = scored.iter().filter(|(path, _)| goes_on(path)).min_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((best, _)) = best.filter(|_| stage < decided) {
                run.best_paths.push(best.clone());
            }
            run.ratings.push(scored);
        }
        run
    }

    /// [`Run::new`] of the space of this name and base width, with attention of that name.
    pub fn of(space: &str, base: usize, attention: &str, image_size: usize, decided: usize) -> Option<Self> {
        let space: Space = space.parse().ok()?;
        let space = space.with_base(base).ok()?.with_orientation(Orientation::from_name(attention)?);
        Some(Self::new(space, image_size, decided))
    }

    /// The digits of the best paths, `5433/3230`.
    pub fn best(&self) -> String {
        self.best_paths.iter().map(|path| digits(path)).collect::<Vec<_>>().join("/")
    }

    /// Writes the folder, which must not be there. Weights are those of both sides and the predictors, and a trace of an
    /// optimizer.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder.join("ratings"))?;
        fs::write(folder.join("config.toml"), format!("space = \"{}\"\nbase = {}\n", self.space, self.space.base()))?;
        for stage in 0..self.ratings.len() {
            fs::write(folder.join(format!("ratings/stage-{stage}.json")), self.rating(stage).to_string())?;
        }
        let name = format!("checkpoint-{:08}.safetensors", self.step);
        self.write_weights(&folder.join(&name))?;
        let bytes = fs::read(folder.join(&name))?;
        fs::write(folder.join("checkpoint.json"), self.checkpoint(&name, &bytes).to_string())
    }

    /// `ratings/stage-K.json`.
    pub fn rating(&self, stage: usize) -> Value {
        let scored = &self.ratings[stage];
        let mut order: Vec<&(Vec<u8>, f64)> = scored.iter().collect();
        order.sort_by(|a, b| a.1.total_cmp(&b.1));
        let scores: Map<String, Value> = scored.iter().map(|(path, score)| (digits(path), (*score).into())).collect();
        json!({
            "schema": "bossnas-train/rate/1",
            "space": self.space.name(),
            "base": self.space.base(),
            "stage": stage,
            "epoch": 5,
            "best_paths": self.best_paths.iter().take(stage).map(|path| digits(path)).collect::<Vec<_>>(),
            "rules": "corrected",
            "way": "shared",
            "scores": scores,
            "order": order.into_iter().map(|(path, _)| digits(path)).collect::<Vec<_>>(),
        })
    }

    /// `checkpoint.json`, for a file of weights with this name and these bytes.
    pub fn checkpoint(&self, file: &str, bytes: &[u8]) -> Value {
        let attention = match self.space {
            Space::Hytra(space) => space.orientation(),
            Space::Mbconv(_) | Space::Nats(_) => Orientation::Standard,
        };
        let mut checkpoint = json!({
            "schema": "bossnas-train/checkpoint/1",
            "file": file,
            "bytes": bytes.len(),
            "sha256": hex(bytes),
            "space": self.space.name(),
            "base": self.space.base(),
            "image_size": self.image_size,
            "rules": {"attention": attention.name(), "prefix": "frozen"},
            "stage": self.best_paths.len(),
            "epoch": 5,
            "step": self.step,
            "best_paths": self.best_paths.iter().map(|path| digits(path)).collect::<Vec<_>>(),
        });
        if let Space::Hytra(space) = self.space {
            checkpoint["depths"] = space.depths().to_vec().into();
        }
        checkpoint
    }

    /// What one side's weights are, under the names that graphs have.
    pub fn weights(&self, side: Side) -> RecipeWeights {
        let params: Vec<Param> = self.space.parameters().into_iter().map(Param::from).collect();
        RecipeWeights::new(&params, recipe::RELU_GAIN, u64::from(side == Side::Target))
    }

    fn write_weights(&self, path: &Path) -> io::Result<()> {
        let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
        for side in Side::ALL {
            let weights = self.weights(side);
            for name in weights.names().into_iter().filter(|name| side == Side::Online || !name.starts_with("heads.")) {
                let Some(info) = weights.info(name) else { continue };
                let dtype = if info.dtype.is_float() { Dtype::F32 } else { Dtype::I64 };
                let bytes = weights.bytes(name).map_err(io::Error::other)?.into_owned();
                tensors.push((side.name(name), dtype, info.shape.clone(), bytes));
            }
        }
        let first = tensors[0].clone();
        tensors.push((format!("optimizer.momentum.{}", first.0), first.1, first.2, first.3));
        let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
            Ok((name.clone(), TensorView::new(*dtype, shape.clone(), bytes).map_err(io::Error::other)?))
        });
        let views: Vec<(String, TensorView<'_>)> = views.collect::<io::Result<_>>()?;
        serialize_to_file(views, None, path).map_err(io::Error::other)
    }
}

/// A made-up score, from -3 to -1.
fn score(stage: usize, path: &[u8]) -> f64 {
    -3.0 + 2.0 * Bits::new(&format!("{stage}/{}", digits(path)), 0).unit(0)
}

/// Operations as files have them.
fn digits(path: &[u8]) -> String {
    path.iter().map(u8::to_string).collect()
}

fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
    Sha256::digest(bytes).iter().flat_map(digits).collect()
}
