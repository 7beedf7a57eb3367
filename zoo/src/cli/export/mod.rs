//! `export`: networks become ONNX or safetensors files.

mod plan;
mod report;

use std::path::PathBuf;

use bossnas_converter::checkpoint::Choice;
use bossnas_converter::onnx::{Batch, DEFAULT_OPSET, MAX_OPSET, MIN_OPSET};
use bossnas_hub::{Registry, Resolved};
use bossnas_model::space::Side;
use bossnas_report::Failure;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use self::plan::Plan;
use self::report::FileReport;
use super::context::Context;
use super::size::Size;
use super::state_dict::StateDictArg;
use super::subject::Subject;
use super::{default_models, model, searched};

/// Write networks as ONNX files, verified
///
/// The weights come from a checkpoint (.pth, .pt or .safetensors), from what `bossnas-zoo fetch` brought, or from a seed, and
/// then the network is untrained. Without MODEL every model that was fetched is exported, or, while there is none, the one that is
/// part of the program.
/// Batch norms and the scale of attention are folded into the weights. Before a file gets its name it is loaded by tract
/// and compared with a float64 evaluation of the network; one that differs is kept as NAME.rejected.onnx and the command
/// ends with exit code 3.
///
/// A run folder of `bossnas-train search` gives a path of its supernet as a feature extractor, whose output is `features`: the
/// path that the search has found, or any with --path, with the weights of the last checkpoint and attention as the search
/// computes it. They are supernet weights, not retrained, and the file says so. Batch norms have the running statistics of the
/// checkpoint, gathered over all paths that were trained: they are not estimated again for this one.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "Examples:
  bossnas-zoo export --onnx
  bossnas-zoo export BossNet-T0 -o t0.onnx
  bossnas-zoo export BossNet-Digits --batch 1 --opset 13
  bossnas-zoo export BossNet-T0 --checkpoint BossNet-T0-80_8.pth
  bossnas-zoo export T0 T0@288 --checkpoint BossNet-T0-80_8.pth -o models/
  bossnas-zoo export BossNet-T1 --checkpoint t1.pth --state-dict model --size 256x320 --batch 8 --opset 18
  bossnas-zoo export bossnet:1/0/1/0+silu+se+base=16+classes=10 --seed 7 -o tiny.onnx
  bossnas-zoo export BossNet-T0 --checkpoint BossNet-T0-80_8.pth --safetensors
  bossnas-zoo export runs/hytra
  bossnas-zoo export runs/hytra --path 5433/3230/0010/0000 --side target -o features.onnx
  bossnas-zoo export nats-c10:64:40:56:40:48 --seed 1

A file is called <name>-<height>x<width>-b<batch>.onnx unless -o names it.")]
pub(crate) struct Args {
    /// Names from `bossnas-zoo list`, architectures, arch.json files, checkpoints or run folders of searches
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// Take the weights from this file; without MODEL its network is recognised
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Which weights of a training checkpoint
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "auto",
        help = "Which weights of a training checkpoint: auto takes model_ema where there is one"
    )]
    state_dict: StateDictArg,
    #[arg(
        long,
        value_name = "P",
        requires = "models",
        conflicts_with = "checkpoint",
        help = "Of a run folder: the path to export, such as 5433/3230/0010/0000 [default: what the search has found]"
    )]
    path: Option<String>,
    #[arg(long, value_name = "SIDE", requires = "models", hide_possible_values = true, value_parser = side_parser(),
          help = "Of a run folder: the supernet whose weights are taken, online (which is trained) or target (which follows) [default: online]")]
    side: Option<Side>,
    /// Write ONNX (what happens without any of the two)
    #[arg(long, conflicts_with = "safetensors")]
    onnx: bool,
    /// Write the state dict as safetensors instead, nothing folded
    #[arg(long, conflicts_with_all = ["size", "batch", "opset", "no_fold", "no_verify"])]
    safetensors: bool,
    /// File to write; a folder when it is one, ends in a slash, or there are several MODELs
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Size of the input [default: the published one, else 224]
    #[arg(long, value_name = "N|HxW")]
    size: Option<Size>,
    /// Images at a time: a number, or dynamic for any
    #[arg(long, value_name = "N|dynamic", default_value = "dynamic", value_parser = parse_batch)]
    batch: Batch,
    /// ONNX operator set, 13 to 21
    #[arg(long, value_name = "N", default_value_t = DEFAULT_OPSET,
          value_parser = clap::value_parser!(u8).range(i64::from(MIN_OPSET)..=i64::from(MAX_OPSET)))]
    opset: u8,
    /// Keep batch norms and the attention scale as nodes of their own
    #[arg(long)]
    no_fold: bool,
    /// Do not compare the file with the float64 evaluation
    #[arg(long)]
    no_verify: bool,
    /// Seed of untrained weights, also for a model that was fetched [default: 0 where there is no checkpoint]
    #[arg(long, value_name = "N", conflicts_with = "checkpoint")]
    seed: Option<u64>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Largest batch of a file.
const MAX_BATCH: usize = 4096;

fn parse_batch(text: &str) -> Result<Batch, String> {
    if text == "dynamic" {
        return Ok(Batch::Dynamic);
    }
    let batch = text.parse().ok().filter(|batch| (1..=MAX_BATCH).contains(batch));
    batch.map(Batch::Fixed).ok_or_else(|| format!("expected `dynamic` or a number from 1 to {MAX_BATCH}"))
}

fn side_parser() -> impl TypedValueParser<Value = Side> {
    PossibleValuesParser::new(Side::ALL.map(Side::as_str)).try_map(|name| Side::from_name(&name).ok_or("no such side"))
}

#[derive(Serialize)]
struct Document {
    files: Vec<FileReport>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let registry = context.registry()?;
    let choice = Choice::from(args.state_dict);
    let subjects = match (args.models.as_slice(), &args.checkpoint) {
        ([], None) => {
            let models = default_models::all("export", &registry, context.console)?;
            models.into_iter().map(Subject::of_model).collect::<anyhow::Result<_>>()?
        }
        ([], Some(path)) => vec![Subject::of_checkpoint(&registry, path, choice)?],
        (models, _) => {
            models.iter().map(|text| subject(args, &registry, text)).collect::<anyhow::Result<Vec<Subject>>>()?
        }
    };
    for line in subjects.iter().flat_map(|subject| &subject.assumed) {
        context.console.note(line);
    }
    if args.checkpoint.is_none() && args.seed.is_none() {
        for name in subjects.iter().filter(|it| !it.has_weights()).filter_map(|subject| subject.name.as_deref()) {
            context
                .console
                .note(format_args!("{name} was not fetched: its weights are untrained (`bossnas-zoo fetch {name}`)"));
        }
    }
    let plans =
        subjects.iter().map(|subject| Plan::new(args, subject, subjects.len())).collect::<Result<Vec<_>, _>>()?;
    if let Some(twice) = plans.iter().enumerate().find(|(i, plan)| plans[..*i].iter().any(|p| p.target == plan.target))
    {
        return Err(Failure::usage(format!("two files would be called `{}`", twice.1.target.display())).into());
    }
    let mut document = Document { files: Vec::new() };
    let mut rejected = None;
    for plan in plans {
        let report = plan.carry_out(args, choice)?;
        if !args.json {
            report.print(context)?;
        }
        if let Some(failure) = report.failure() {
            rejected.get_or_insert(failure);
        }
        document.files.push(report);
    }
    if args.json {
        context.console.json("export", &document)?;
    }
    rejected.map_or(Ok(()), |failure| Err(failure.into()))
}

/// What a MODEL stands for.
fn subject(args: &Args, registry: &Registry, text: &str) -> anyhow::Result<Subject> {
    match model::find(registry, text)? {
        Resolved::Run(path) => {
            if args.checkpoint.is_some() {
                let message = format!("the run folder `{text}` and --checkpoint exclude each other");
                return Err(Failure::usage(message).hint("give the path as MODEL, `hytra:...`").into());
            }
            Subject::of_run(searched::open(&path)?, args.path.as_deref(), args.side.unwrap_or(Side::Online))
        }
        _ if args.path.is_some() || args.side.is_some() => {
            let option = if args.path.is_some() { "--path" } else { "--side" };
            let message = format!("{option} is for run folders of searches, and `{text}` is none");
            Err(Failure::usage(message).hint("a path alone is a MODEL too: `hytra:5433/3230/0010/0000`").into())
        }
        _ => Subject::find(registry, text, args.state_dict.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_number_or_dynamic() {
        assert_eq!(parse_batch("dynamic"), Ok(Batch::Dynamic));
        assert_eq!(parse_batch("8"), Ok(Batch::Fixed(8)));
        for bad in ["0", "-1", "4097", "dyn", ""] {
            assert!(parse_batch(bad).is_err(), "{bad}");
        }
    }
}
