//! Scores of whole architectures from searches on the digits: what a search has found, what its weights say of any path, and
//! architectures drawn at random among those.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use bossnas_model::random::splitmix64;
use bossnas_model::space::Space;
use serde_json::Value;

use super::json;
use crate::process;

/// Draws the views that are rated on, other ones than the searches'.
const RATING_SEED: &str = "7";

/// The scores of each stage's paths.
pub(super) type Scores = Vec<BTreeMap<String, f64>>;

/// A search on the digits by these rules; says how many seconds it took.
pub(super) fn search(train: &Path, run: &Path, seed: u64, rules: &str) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut command = Command::new(train);
    command.args(["search", "--config", "digits", "--rules", rules, "--seed", &seed.to_string(), "--out"]).arg(run);
    process::run(&mut command)?;
    Ok(begun.elapsed().as_secs_f64())
}

/// The space of a run, and the path of each stage that was found.
pub(super) fn found(run: &Path) -> anyhow::Result<(Space, Vec<String>)> {
    let text = std::fs::read(run.join("checkpoint.json"))?;
    let checkpoint: Value = serde_json::from_slice(&text)?;
    let named = checkpoint["space"].as_str().and_then(|name| name.parse::<Space>().ok());
    let base = checkpoint["base"].as_u64().context("a checkpoint without a base width")?;
    let space = named.context("a checkpoint without a space")?.with_base(base as usize)?;
    let paths = checkpoint["best_paths"].as_array().into_iter().flatten();
    Ok((space, paths.filter_map(|path| path.as_str().map(str::to_owned)).collect()))
}

/// The scores of all paths of each stage, behind the same paths for every run.
pub(super) fn rate(train: &Path, run: &Path, best: &[String]) -> anyhow::Result<Scores> {
    (0..best.len())
        .map(|stage| {
            let mut command = Command::new(train);
            command.args(["rate", "--json", "--seed", RATING_SEED, "--stage", &stage.to_string(), "--run"]).arg(run);
            if stage > 0 {
                command.args(["--best-paths", &best[..stage].join("/")]);
            }
            let document = json(&mut command)?;
            let scores = document["scores"].as_object().context("a rating without scores")?;
            let number = |(path, score): (&String, &Value)| Some((path.clone(), score.as_f64()?));
            Ok(scores.iter().filter_map(number).collect())
        })
        .collect()
}

fn operations(path: &str) -> Vec<u8> {
    path.bytes().map(|digit| digit - b'0').collect()
}

/// Architectures that the space allows, of paths that were rated.
pub(super) fn random_architectures(space: Space, scores: &Scores, count: u64) -> anyhow::Result<Vec<Vec<String>>> {
    /// A stage may leave none of the rated paths to the next; then all is drawn again.
    const TRIES: u64 = 1000;
    let draw = |stream: u64| -> Option<Vec<String>> {
        let mut before = None;
        let mut paths = Vec::new();
        for (stage, scores) in scores.iter().enumerate() {
            let allowed = |path: &&String| space.check_path(stage, before, &operations(path)).is_ok();
            let allowed: Vec<&String> = scores.keys().filter(allowed).collect();
            let number = splitmix64(stream, stage as u64) as usize;
            let path = allowed.get(number.checked_rem(allowed.len())?)?;
            before = operations(path).last().copied();
            paths.push((*path).clone());
        }
        Some(paths)
    };
    let drawn = (0..count * TRIES).filter_map(|number| draw(splitmix64(1, number)));
    let architectures: Vec<_> = drawn.take(count as usize).collect();
    anyhow::ensure!(architectures.len() == count as usize, "there are no {count} architectures of the rated paths");
    Ok(architectures)
}

/// The score of an architecture: the sum of its stages' scores.
pub(super) fn sum(scores: &Scores, paths: &[String]) -> anyhow::Result<f64> {
    scores.iter().zip(paths).try_fold(0.0, |sum, (scores, path)| {
        Ok(sum + scores.get(path).with_context(|| format!("path {path} was not rated"))?)
    })
}
