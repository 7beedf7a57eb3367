//! `bossnas-train` as people run it.
//!
//! Tolerance: scores within 2e-5 of the published ones, as in `rating.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bossnas_converter::checkpoint::write_safetensors;
use bossnas_files::npy;
use bossnas_model::space::Space;
use bossnas_model::weights::Weights;
use bossnas_testkit::fixtures::Case;
use bossnas_testkit::recipe::{self, Kind, RecipeWeights};
use bossnas_trainer::search::siamese::StagePaths;
use serde_json::Value;
use support::{fixtures, gain, published_space};

const CASE: &str = "nats/nats_c10_eval_s2";
const BEST: &str = "77/52";
const PUBLISHED: f64 = 2e-5;

fn rate(arguments: &[&str], folder: &Path) -> Output {
    let program = std::env::var_os("BOSSNAS_TRAIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_bossnas-train").into());
    Command::new(program).arg("rate").args(arguments).current_dir(folder).output().unwrap()
}

/// A folder with a checkpoint and images of a case.
struct Files {
    folder: tempfile::TempDir,
    images: Vec<PathBuf>,
    case: Case,
}

impl Files {
    fn of(case: &Case, best: Vec<Vec<u8>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let space = published_space(&case.id);
        let weights = weights(&space, best, gain(case));
        let names = weights.names();
        write_safetensors(folder.path().join("w.safetensors"), &weights, &names, &BTreeMap::new()).unwrap();
        let mut images = Vec::new();
        let batches = case.params["val_batches"].as_array().unwrap().iter().chain([&case.params["bn_img"]]);
        for (number, batch) in batches.enumerate() {
            let (name, shape, kind): (String, Vec<usize>, String) = serde_json::from_value(batch.clone()).unwrap();
            let path = folder.path().join(format!("{number}.npy"));
            let values = recipe::values(&name, &shape, Kind::from_manifest(&kind).unwrap(), 1.0, 0);
            npy::write_path(&path, &shape, &values).unwrap();
            images.push(path);
        }
        Self { folder, images, case: case.clone() }
    }

    fn arguments(&self) -> Vec<&str> {
        let mut arguments =
            "--space nats-c10 --checkpoint w.safetensors --stage 2 --rules published --threads 1 --best-paths"
                .split(' ')
                .collect::<Vec<_>>();
        arguments.extend([BEST, "--bn-images", self.images.last().unwrap().to_str().unwrap(), "--images"]);
        let batches = &self.images[..self.images.len() - 1];
        arguments.extend(batches.iter().map(|path| path.to_str().unwrap()));
        arguments
    }

    fn run(&self, more: &[&str]) -> Output {
        rate(&[&self.arguments()[..], more].concat(), self.folder.path())
    }

    /// Insists that the program ends with this code and says this.
    fn refused(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let output = rate(arguments, self.folder.path());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
        assert!(output.stdout.is_empty() && !text.contains("frame #"), "{text}");
    }
}

fn weights(space: &Space, best: Vec<Vec<u8>>, gain: f64) -> RecipeWeights {
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (side, part) in StagePaths::new(space, best).unwrap().parts() {
        for param in part.graph(space).params() {
            shapes.insert(side.name(&param.name), param.stored_shape().to_vec());
        }
    }
    RecipeWeights::of_shapes(shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())), gain, 0)
}

#[test]
fn paths_are_rated_and_what_is_wrong_is_said() {
    let Some(fixtures) = fixtures() else { return };
    let case = fixtures.case(CASE).unwrap();
    let best: Vec<Vec<u8>> = serde_json::from_value(case.params["best_paths"].clone()).unwrap();
    let text = |path: &Vec<u8>| path.iter().map(u8::to_string).collect::<String>();
    assert_eq!(best.iter().map(text).collect::<Vec<_>>().join("/"), BEST);
    let files = Files::of(case, best);
    scores_are_the_published_ones(&files);
    bad_input_is_refused(&files);
}

fn scores_are_the_published_ones(files: &Files) {
    for way in ["shared", "plain"] {
        let more: &[&str] = if way == "plain" { &["--json", "--plain"] } else { &["--json"] };
        let output = files.run(more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&document["schema"], &document["way"]), (&"bossnas-zoo/rate/1".into(), &way.into()));
        let theirs = files.case.values["loss"].as_object().unwrap();
        assert_eq!(document["scores"].as_object().unwrap().len(), theirs.len());
        for (path, score) in theirs {
            let (ours, theirs) = (document["scores"][path].as_f64().unwrap(), score.as_f64().unwrap());
            assert!((ours - theirs).abs() <= PUBLISHED, "{path}: {ours}, not {theirs}");
        }
        assert_eq!(document["order"][0], files.case.values["best"]);
        assert!(document["seconds"].as_f64().unwrap() > 0.0);
    }
    let table = String::from_utf8(files.run(&["--paths", "0,7,3"]).stdout).unwrap();
    assert_eq!(table.lines().count(), 4, "{table}");
}

fn bad_input_is_refused(files: &Files) {
    let good = files.arguments();
    let with = |option: &str, value: &'static str| -> Vec<&str> {
        let at = good.iter().position(|word| *word == option).unwrap();
        let mut arguments = good.clone();
        arguments[at + 1] = value;
        arguments
    };
    files.refused(&with("--space", "resnet"), 2, &["no search space `resnet`", "hytra, mbconv"]);
    files.refused(&with("--stage", "3"), 2, &["nats-c10 has no stage 3", "0 to 2"]);
    files.refused(&with("--stage", "1"), 2, &["1 stage before it", "names 2"]);
    files.refused(&with("--best-paths", "77/58"), 2, &["operations are 0 to 7, not 8"]);
    files.refused(&with("--best-paths", "77/5x"), 2, &["`5x` is no path"]);
    files.refused(&with("--checkpoint", "none.safetensors"), 1, &["none.safetensors"]);
    files.refused(&[&good[..], &["--paths", "9"]].concat(), 2, &["operations are 0 to 7, not 9"]);
    files.refused(&[&good[..], &["--paths", "01"]].concat(), 2, &["stage 3 has 1 layers, the path has 2"]);
    files.refused(&[&good[..], &["--memory", "1"]].concat(), 1, &["MB may be used", "hint: --memory"]);
    // All tensors that another space lacks, at once.
    let mut other = with("--space", "nats-c100");
    other.truncate(good.len());
    let at = other.iter().position(|word| *word == "--best-paths").unwrap();
    other[at + 1] = "77/5";
    files.refused(&other, 1, &["do not fit", "online_backbone._blocks.2._block_layers.1", "is missing"]);
    // Images of the wrong rank, number of views, and size.
    for (shape, words) in [
        (vec![2, 3, 32, 32], ["holds an array of shape [2, 3, 32, 32]", "[images, views, 3, height, width]"]),
        (vec![2, 3, 3, 32, 32], ["views (2)", "batch 1"]),
        (vec![2, 2, 3, 16, 16], ["one height and width", "[2, 2, 3, 16, 16]"]),
    ] {
        let path = files.folder.path().join("bad.npy");
        npy::write_path(&path, &shape, &vec![0.5; shape.iter().product()]).unwrap();
        let mut arguments = good[..good.iter().position(|word| *word == "--images").unwrap()].to_vec();
        arguments.extend(["--images", "bad.npy"]);
        files.refused(&arguments, 1, &words);
    }
    let path = files.folder.path().join("bad.npy");
    npy::write_path(&path, &[1, 2, 3, 2, 2], &[f32::NAN; 24]).unwrap();
    let mut arguments = good[..good.iter().position(|word| *word == "--images").unwrap()].to_vec();
    arguments.extend(["--images", "bad.npy"]);
    files.refused(&arguments, 1, &["bad.npy` holds NaN"]);
}
