//! `validate`: does a file compute the same everywhere, and what it should?

mod inputs;
mod report;

use std::path::PathBuf;

use bossnas_converter::onnx::numerics;
use bossnas_converter::onnx::summary::Summary;
use bossnas_report::{Exit, Failure};
use bossnas_zoo::compare::Tolerance;
use bossnas_zoo::ports;
use bossnas_zoo::runtime::library::Library;
use bossnas_zoo::runtime::{Kind, Provider, Runtime};
use bossnas_zoo::validate::{Allowance, Contender, ContenderError, Row, Subject, compare_all, scan};

use self::report::{Document, Inside};
use super::context::Context;
use super::default_models::{self, Answer, Printed};
use super::model_file::{self, ModelFile};
use super::network::Claimed;
use super::runtime::parse_tolerance;
use super::size::Size;

/// Check that a model computes what it should, in every runtime
///
/// Of a file of ours the reference is its network in float64, with the weights that it was made from: those that were
/// fetched, drawn from its seed, or in --checkpoint; every node and tensor of it must be what its architecture says. Of any
/// other file it is the first runtime. Every output of every runtime is compared with it. With --bisect a difference is
/// followed inside, to the first value, in the order of computation, that two of them compute differently. Of untrained
/// networks all inner values are compared, since their branches end in a factor of 0. Exit code 3: something differs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo validate
  bossnas-zoo validate BossNet-T0
  bossnas-zoo validate bossnet-t0-224x224-bdyn.onnx --against reference,tract,ort-cpu,ort-cuda
  bossnas-zoo validate foreign.onnx --input photo.jpg --bisect
  bossnas-zoo validate foreign.onnx --input ids=ids.npy --shape mask=1x16 --rtol 1e-3
  bossnas-zoo validate bossnet:1/0/10/01+silu+se+base=16 --size 64 --json")]
pub(crate) struct Args {
    /// An ONNX file, a name from `bossnas-zoo list`, an architecture, a checkpoint, or the run folder of a search [default: every
    /// model that was fetched, else BossNet-Digits]
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// Who takes part, the reference first: reference, tract, ort-cpu, ort-cuda, ort-openvino, ... [default: reference of our
    /// files, tract, and ort-cpu where ONNX Runtime is installed]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = parse_contender)]
    against: Vec<Contender>,
    /// An input: an array, or a photograph that is prepared as for `classify`; without it noise that is always the same
    #[arg(long, value_name = "[NAME=]X.npy|IMAGE")]
    input: Vec<String>,
    /// Extents of an input that is made up, where the file leaves them open
    #[arg(long, value_name = "[NAME=]1x3xHxW")]
    shape: Vec<String>,
    /// Size of images, where the file leaves it open, or of the network that MODEL names
    #[arg(long, value_name = "N|HxW")]
    size: Option<Size>,
    /// Weights that a file of ours was made from; of a path of a search its run folder
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Largest difference, absolute, instead of one that follows from precision and depth
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = parse_tolerance)]
    atol: Option<f64>,
    /// Largest difference in units of each element, added to the absolute one
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = parse_tolerance)]
    rtol: Option<f64>,
    /// Find the first value that is computed differently
    #[arg(long)]
    bisect: bool,
    /// Threads of each runtime [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

fn parse_contender(text: &str) -> Result<Contender, String> {
    Contender::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Contender::all().map(Contender::name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// What a validation found.
struct Findings<'a> {
    model: &'a ModelFile,
    claimed: Option<&'a Claimed>,
    subject: &'a Subject<'a>,
    allowance: Allowance,
    rows: &'a [Row],
    inside: Vec<Inside>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let names = default_models::names(args.model.as_deref(), "validate", context)?;
    let how = Printed { command: "validate", json: args.json, is_given: args.model.is_some() };
    let one = |name: &str| validated(args, name, context);
    default_models::each(&names, &how, context, one, |document: &Document| document.print(context))
}

/// Validates one model.
fn validated(args: &Args, name: &str, context: &Context) -> anyhow::Result<Answer<Document>> {
    let model = model_file::find_or_untrained(name, args.size, context)?;
    let file = model.path.as_path();
    let summary = Summary::of_runnable(file)?;
    let claimed = Claimed::read(file, args.checkpoint.as_deref(), context)?;
    if claimed.is_none() && args.checkpoint.is_some() {
        return Err(Failure::usage(format!("`{name}` is none of ours: --checkpoint says nothing of it")).into());
    }
    if let (Some(claimed), Some(size)) = (&claimed, args.size) {
        claimed.check_asked(size, name)?;
    }
    let contenders = contenders(args, name, claimed.is_some(), context)?;
    if let Some(claimed) = claimed.as_ref().filter(|_| contenders.contains(&Contender::Reference)) {
        claimed.check_size()?;
    }
    let inputs = inputs::of(args, &summary.inputs, claimed.as_ref())?;
    let allowance = Allowance::new(numerics(file)?, args.atol, args.rtol);
    let subject = Subject {
        file: file.to_owned(),
        symbols: ports::symbols(&summary.inputs, &ports::specs(&inputs)),
        inputs,
        network: claimed.as_ref().and_then(|claimed| claimed.network.as_ref()),
        settings: bossnas_zoo::runtime::Settings { threads: args.threads.map(usize::from), ..Default::default() },
    };
    let rows = compare_all(&subject, &contenders, allowance.tolerance, |contender| {
        context.console.detail(format_args!("{}: running", contender.name()));
    })?;
    let inside = inside(args, &subject, claimed.as_ref(), &rows, allowance.inside(), context)?;
    let findings =
        Findings { model: &model, claimed: claimed.as_ref(), subject: &subject, allowance, rows: &rows, inside };
    let document = Document::new(name, summary.source(), findings);
    let failure = verdict(&document, claimed.as_ref(), &rows).err().map(|failure| {
        let open = inputs::left_open(args, &summary.inputs).filter(|_| rows.iter().all(|row| row.result.is_err()));
        open.into_iter().fold(failure, Failure::hint).into()
    });
    Ok(Answer { document, failure })
}

/// Who takes part. What is not installed is left out, and said so, unless it was asked for.
fn contenders(args: &Args, name: &str, ours: bool, context: &Context) -> anyhow::Result<Vec<Contender>> {
    let contenders = if args.against.is_empty() {
        let mut contenders = vec![Contender::Runtime(Runtime::Tract)];
        if ours {
            contenders.insert(0, Contender::Reference);
        }
        match Library::choose(Provider::Cpu) {
            Ok(_) => contenders.push(Contender::Runtime(Runtime::Ort(Provider::Cpu))),
            Err(error) => context.console.note(format_args!("{error}: {}", error.hints.join("; "))),
        }
        contenders
    } else {
        args.against.clone()
    };
    if !ours && contenders.contains(&Contender::Reference) {
        let message = format!("`{name}` is none of ours: nobody knows what it should compute");
        return Err(Failure::usage(message).hint("--against tract,ort-cpu compares runtimes with each other").into());
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = contenders.iter().find(|contender| !seen.insert(**contender)) {
        return Err(Failure::usage(format!("{} is named twice", twice.name())).into());
    }
    if let [only] = contenders.as_slice() {
        let message = format!("there is nothing to compare {} with", only.name());
        return Err(Failure::usage(message)
            .hint("--against NAME,NAME names two; `bossnas-zoo doctor` shows what is installed")
            .into());
    }
    Ok(contenders)
}

/// Looks at the values inside where outputs alone do not tell, or where they differ and the place is wanted.
fn inside(
    args: &Args,
    subject: &Subject<'_>,
    claimed: Option<&Claimed>,
    rows: &[Row],
    tolerance: Tolerance,
    context: &Context,
) -> anyhow::Result<Vec<Inside>> {
    let Some((reference, others)) = rows.split_first() else { return Ok(Vec::new()) };
    let untrained = claimed.is_some_and(Claimed::is_untrained) && reference.contender == Contender::Reference;
    let broken = claimed.is_some_and(|claimed| !claimed.defects.is_empty());
    let mut found = Vec::new();
    for row in others {
        let Contender::Runtime(runtime) = row.contender else { continue };
        let wanted = untrained || args.bisect && (row.differs() || broken);
        if reference.result.is_err() || row.result.is_err() || !wanted {
            continue;
        }
        context.console.detail(format_args!("{runtime}: comparing inner values"));
        let scan = scan(subject, reference.contender, runtime, tolerance)?;
        found.push(Inside::new(runtime, scan, claimed.is_some()));
    }
    Ok(found)
}

/// How the command ends: what is not to be had, what failed, what differs.
fn verdict(document: &Document, claimed: Option<&Claimed>, rows: &[Row]) -> Result<(), Failure> {
    let first = document.inside.iter().find_map(|inside| Some((inside.runtime, inside.first.as_ref()?)));
    let place = first.map(|(runtime, first)| format!("{runtime} differs first at `{}` ({})", first.value, first.place));
    match (claimed.and_then(|claimed| claimed.defects.first()), place) {
        (Some(defect), place) => {
            let failure = Failure::check(format!("the file is not what it says it is: {}", defect.problem));
            return Err(place.iter().fold(failure, Failure::detail));
        }
        (None, Some(place)) => return Err(Failure::check(place)),
        (None, None) => {}
    }
    let differing: Vec<&str> = rows.iter().filter(|row| row.differs()).map(|row| row.contender.name()).collect();
    if !differing.is_empty() {
        let failure = Failure::check(format!("{} differs from {}", differing.join(" and "), rows[0].contender.name()));
        return Err(failure.hint("--bisect finds the first value that does"));
    }
    for row in rows {
        match &row.result {
            Ok(_) => {}
            Err(ContenderError::Runtime(error)) => {
                let exit = if error.kind == Kind::Unavailable { Exit::Unavailable } else { Exit::Failed };
                let failure = Failure::new(exit, error.message.clone());
                let failure = error.details.iter().fold(failure, Failure::detail);
                return Err(error.hints.iter().fold(failure, |failure, hint| failure.hint(hint.clone())));
            }
            Err(error @ ContenderError::Reference(_)) => return Err(Failure::failed(error.to_string())),
        }
    }
    Ok(())
}
