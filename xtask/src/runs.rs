//! Folders of the trainer's runs: what their logs say, and how the small networks are trained that experiments and the shipped
//! network are made of.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

/// Height and width of their inputs: every network of the digits' space leaves a pixel of them at its end.
pub(crate) const SIZE: &str = "64";

/// How often a network is right about the images that were held out, and its loss on them.
#[derive(Clone, Copy)]
pub(crate) struct Scores {
    /// In per cent.
    pub(crate) top1: f64,
    /// In per cent.
    pub(crate) top5: f64,
    pub(crate) loss: f64,
}

/// A training with the recipe for small pictures, on one thread.
pub(crate) fn training(train: &Path, network: &str, data_set: &str, seed: u64, run: &Path) -> Command {
    let mut command = Command::new(train);
    command.args(["retrain", "--arch", network, "--data-set", data_set, "--recipe", "small", "--input-size", SIZE]);
    command.args(["--threads", "1", "--seed", &seed.to_string(), "--out"]).arg(run);
    command
}

/// The events of a run's log of one kind.
pub(crate) fn events(run: &Path, kind: &str) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(run.join("log.jsonl"))?;
    let events = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    Ok(events.into_iter().filter(|event| event["event"] == kind).collect())
}

/// The scores of the averaged weights after a training's last epoch: no epoch is chosen by the images that it is judged on.
pub(crate) fn last_average(run: &Path) -> anyhow::Result<Scores> {
    let epochs = events(run, "epoch")?;
    let last = &epochs.last().context("a training without epochs")?["model_ema"];
    let number = |key: &str| last[key].as_f64().with_context(|| format!("an epoch without {key}"));
    Ok(Scores { top1: 100.0 * number("top1")?, top5: 100.0 * number("top5")?, loss: number("loss")? })
}
