//! Everything that is measured, from the lists on the command line.

use std::collections::HashSet;

use bossnas_report::{Failure, units};
use bossnas_zoo::bench::{Scenario, Variant};
use bossnas_zoo::eval::{copies_in_memory, streams};
use bossnas_zoo::runtime::library::Library;
use bossnas_zoo::runtime::{Provider, Runtime, Settings, allowed_cpus, available_cpus};
use bossnas_zoo::tune::Goal;

use super::model::Model;
use super::{Args, ScenarioArg, demands};
use crate::cli::context::Context;
use crate::cli::runtime::tuned;

/// Every variant, with the index of its model: models by batches by threads by runtimes by precisions.
pub(super) fn all(args: &Args, models: &[Model], context: &Context) -> anyhow::Result<Vec<(usize, Variant)>> {
    distinct(&args.batch, "--batch")?;
    if !args.rate.is_empty() && args.scenario != ScenarioArg::Server {
        return Err(Failure::usage("--rate is for --scenario server").into());
    }
    let scenarios = match args.scenario {
        ScenarioArg::Latency => vec![Scenario::Latency],
        ScenarioArg::Throughput => vec![Scenario::Throughput],
        ScenarioArg::Server => demands(&args.rate).into_iter().map(Scenario::Server).collect(),
    };
    let listed = if args.tuned { Vec::new() } else { ways(args, context)? };
    let mut variants = Vec::new();
    for (index, model) in models.iter().enumerate() {
        let tuned = if args.tuned { Some(tuned(&model.file.path, goal(args.scenario))?) } else { None };
        let ways = match tuned {
            Some(setting) => vec![(setting.runtime, setting.settings())],
            None => listed.clone(),
        };
        let batches = match (args.batch.as_slice(), model.fixed_batch) {
            ([], fixed) => vec![fixed.or(tuned.map(|setting| setting.batch)).unwrap_or(1)],
            (batches, _) => batches.iter().map(|&batch| batch.into()).collect(),
        };
        for batch in batches {
            for (runtime, settings) in &ways {
                for &scenario in &scenarios {
                    variants.push((index, model.variant(*runtime, settings.clone(), batch, scenario)?));
                }
            }
        }
    }
    Ok(variants)
}

/// Runtimes and settings, from the lists: threads by runtimes by precisions.
fn ways(args: &Args, context: &Context) -> Result<Vec<(Runtime, Settings)>, Failure> {
    let runtimes = if args.provider.is_empty() { default_runtimes(context) } else { args.provider.clone() };
    distinct(&runtimes, "--provider")?;
    distinct(&args.precision, "--precision")?;
    distinct(&args.threads, "--threads")?;
    let how = if args.no_pin { args.how.clone() } else { args.how.pinned() };
    let threads: Vec<Option<usize>> = match args.threads.as_slice() {
        // Processors that are named are as many threads.
        [] if args.how.is_pinned() => vec![None],
        [] => vec![Some(available_cpus())],
        threads => threads.iter().map(|&threads| Some(threads.into())).collect(),
    };
    let mut ways = Vec::new();
    for &threads in &threads {
        for &runtime in &runtimes {
            for &precision in &args.precision {
                let settings = how.settings(runtime, threads, precision).map_err(|failure| {
                    let too_many = threads.is_some_and(|threads| threads > allowed_cpus().len());
                    if too_many && !args.no_pin && !args.how.is_pinned() {
                        failure.hint("--no-pin lets threads run on any processor")
                    } else {
                        failure
                    }
                })?;
                ways.push((runtime, settings));
            }
        }
    }
    Ok(ways)
}

fn goal(scenario: ScenarioArg) -> Goal {
    match scenario {
        ScenarioArg::Latency | ScenarioArg::Server => Goal::Latency,
        ScenarioArg::Throughput => Goal::Throughput,
    }
}

/// All variants are loaded at once, since they run in turn.
pub(super) fn check_memory<'a>(variants: impl Iterator<Item = &'a Variant>) -> Result<(), Failure> {
    let mut free = 1.0;
    let mut count = 0;
    for variant in variants {
        let copies = match variant.scenario {
            Scenario::Throughput => streams(&variant.load).len(),
            Scenario::Latency | Scenario::Server(_) => 1,
        };
        count += 1;
        free -= copies as f64 / copies_in_memory(&variant.load.model).max(1) as f64;
    }
    if free >= 0.0 || count == 1 {
        return Ok(());
    }
    let message = format!("{} variants at once take more memory than is free", units::grouped(count));
    Err(Failure::failed(message).hint("fewer models, providers, batches or threads in one run"))
}

fn default_runtimes(context: &Context) -> Vec<Runtime> {
    let mut runtimes = vec![Runtime::Tract];
    match Library::choose(Provider::Cpu) {
        Ok(_) => runtimes.push(Runtime::Ort(Provider::Cpu)),
        Err(error) => context.console.note(format_args!("{error}: {}", error.hints.join("; "))),
    }
    runtimes
}

fn distinct<T: std::hash::Hash + Eq>(values: &[T], option: &str) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    if values.iter().all(|value| seen.insert(value)) {
        Ok(())
    } else {
        Err(Failure::usage(format!("{option} names something twice")))
    }
}
