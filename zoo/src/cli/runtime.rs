//! Options that say what runs a file, and how.

use std::path::Path;

use bossnas_files::{SourceFile, sha256_of};
use bossnas_hub::cache::Cache;
use bossnas_report::Failure;
use bossnas_zoo::bench::Machine;
use bossnas_zoo::runtime::{
    Optimisation, Placement, Precision, Provider, Runtime, Settings, Share, allowed_cpus, available_cpus,
};
use bossnas_zoo::tune::{Goal, Setting, Tuned};
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

/// What runs a file, and how.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Runtime")]
pub(crate) struct RuntimeArgs {
    /// tract, which is built in, or ONNX Runtime [default: tract, or ort with --provider]
    #[arg(long, value_name = "tract|ort", hide_possible_values = true)]
    runtime: Option<Family>,
    /// What computes: tract, or an execution provider of ONNX Runtime (cpu, cuda, tensorrt, openvino, coreml, directml, xnnpack)
    #[arg(long, value_name = "P", hide_possible_values = true, value_parser = provider_parser())]
    provider: Option<Runtime>,
    /// Threads that compute one run [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// The type that the provider multiplies in: f32, tf32 (cuda), bf16 or f16 (openvino, tensorrt)
    #[arg(long, value_name = "P", default_value = "f32", hide_possible_values = true, value_parser = precision_parser())]
    precision: Precision,
    /// Run as `bossnas-zoo tune --save` found to be best for this file on this machine
    #[arg(long, conflicts_with_all = ["runtime", "provider", "threads", "precision", "pin", "graph_optimization", "io_binding", "allow_fallback"])]
    tuned: bool,
    #[command(flatten)]
    how: HowArgs,
}

/// What was asked for, before the file is known.
pub(crate) enum Asked {
    /// This runtime, run like this.
    Runtime(Runtime, Settings),
    /// What was found to be best, within so much memory.
    Tuned(Option<u64>),
}

/// How a file is run.
pub(crate) struct Chosen {
    pub(crate) runtime: Runtime,
    pub(crate) settings: Settings,
    /// What was found to be best, if that was asked for.
    pub(crate) tuned: Option<Setting>,
}

impl Asked {
    /// For the file at `path`.
    pub(crate) fn for_file(self, path: &Path, goal: Goal) -> anyhow::Result<Chosen> {
        match self {
            Self::Runtime(runtime, settings) => Ok(Chosen { runtime, settings, tuned: None }),
            Self::Tuned(memory_limit) => {
                let setting = tuned(path, goal)?;
                let settings = Settings { memory_limit, ..setting.settings() };
                Ok(Chosen { runtime: setting.runtime, settings, tuned: Some(setting) })
            }
        }
    }
}

/// What `tune --save` remembered for the file at `path`.
pub(crate) fn tuned(path: &Path, goal: Goal) -> anyhow::Result<Setting> {
    let digest = sha256_of(&SourceFile::open(path)?)?.to_string();
    let tuned = Tuned::load(&Cache::of_user()?.tuned_folder(), &digest, &Machine::observe());
    let tuned = tuned.map_err(|error| {
        Failure::failed(format!("--tuned: {error}"))
            .hint(format!("`bossnas-zoo tune {} --save` finds the best settings here", path.display()))
    })?;
    Ok(tuned.choice(goal).setting)
}

/// How a file is run, whatever runs it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Runtime")]
pub(crate) struct HowArgs {
    /// Bind each thread to a processor: those that are named, or the first ones
    #[arg(long, value_name = "CPUS", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pin: Option<Pin>,
    /// How much ONNX Runtime may change the graph: none, basic, extended or all [default: all]
    #[arg(long, value_name = "LEVEL", hide_possible_values = true)]
    graph_optimization: Option<Level>,
    /// Bind inputs and outputs to memory of ONNX Runtime
    #[arg(long)]
    io_binding: bool,
    /// Most memory (addresses) that the runtime's process may take; not for GPUs
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, help = "Most memory (addresses) that the runtime's process may take, such as 2G; not for GPUs")]
    memory_limit: Option<u64>,
    /// Let the processor run what the provider cannot, heavy nodes too
    #[arg(long)]
    allow_fallback: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Family {
    Tract,
    Ort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    None,
    Basic,
    Extended,
    All,
}

/// Processors to bind threads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pin {
    Auto,
    Cpus(Vec<usize>),
}

/// Where the nodes of a file ran, for JSON.
#[derive(Debug, Serialize)]
pub(crate) struct PlacementReport {
    providers: Vec<ProviderReport>,
    /// Nodes that multiply matrices, convolve or attend.
    heavy_nodes: usize,
    /// Those of them that did not run on the provider that was asked for.
    heavy_nodes_elsewhere: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ProviderReport {
    provider: String,
    nodes: usize,
    seconds: f64,
    share_of_nodes: f64,
    share_of_time: f64,
}

impl PlacementReport {
    /// Of a run on `runtime`.
    pub(crate) fn new(placement: &Placement, runtime: Runtime) -> Self {
        let provider = |share: &Share| ProviderReport {
            provider: share.provider.clone(),
            nodes: share.nodes,
            seconds: share.seconds,
            share_of_nodes: placement.node_share(&share.provider),
            share_of_time: placement.time_share(&share.provider),
        };
        let strays = match runtime {
            Runtime::Tract => Vec::new(),
            Runtime::Ort(provider) => placement.strays(provider.canonical()),
        };
        Self {
            providers: placement.shares.iter().map(provider).collect(),
            heavy_nodes: placement.heavy.len(),
            heavy_nodes_elsewhere: strays.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Where the nodes of a file ran, in one line.
pub(crate) fn describe(placement: &Placement) -> String {
    let share = |share: &Share| {
        let time = placement.time_share(&share.provider) * 100.0;
        format!("{} {} nodes, {time:.1} % of the time", share.provider, share.nodes)
    };
    placement.shares.iter().map(share).collect::<Vec<_>>().join("; ")
}

/// A provider's name, or that of tract, which stands beside them.
pub(crate) fn provider_parser() -> impl TypedValueParser<Value = Runtime> {
    let names = std::iter::once("tract").chain(Provider::ALL.iter().map(|provider| provider.name()));
    PossibleValuesParser::new(names.collect::<Vec<_>>()).map(|name| {
        let provider = Provider::ALL.into_iter().find(|provider| provider.name() == name);
        provider.map_or(Runtime::Tract, Runtime::Ort)
    })
}

/// The name of a precision.
pub(crate) fn precision_parser() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(Precision::ALL.map(Precision::name)).map(|name| {
        let precision = Precision::ALL.into_iter().find(|precision| precision.name() == name);
        precision.unwrap_or_default()
    })
}

impl RuntimeArgs {
    /// What was asked for.
    pub(crate) fn asked(&self) -> Result<Asked, Failure> {
        if self.tuned {
            return Ok(Asked::Tuned(self.how.memory_limit));
        }
        let runtime = self.runtime()?;
        Ok(Asked::Runtime(runtime, self.settings(runtime)?))
    }

    /// What runs the file.
    fn runtime(&self) -> Result<Runtime, Failure> {
        match (self.runtime, self.provider) {
            (None | Some(Family::Tract), None) => Ok(Runtime::Tract),
            (Some(Family::Ort), None) => Ok(Runtime::Ort(Provider::Cpu)),
            (None, Some(runtime)) => Ok(runtime),
            (Some(family), Some(runtime)) if (family == Family::Tract) == (runtime == Runtime::Tract) => Ok(runtime),
            (Some(Family::Tract), Some(runtime)) => {
                Err(Failure::usage(format!("{runtime} is a provider of ONNX Runtime, not of tract"))
                    .hint("--runtime ort"))
            }
            (Some(Family::Ort), Some(_)) => {
                Err(Failure::usage("tract is no provider of ONNX Runtime")
                    .hint("--provider tract does without --runtime"))
            }
        }
    }

    /// How `runtime` runs it. What it does not know is refused.
    fn settings(&self, runtime: Runtime) -> Result<Settings, Failure> {
        self.how.settings(runtime, self.threads.map(usize::from), self.precision)
    }
}

impl HowArgs {
    /// With each thread on a processor, unless they are bound already or the system knows no such thing.
    pub(crate) fn pinned(&self) -> Self {
        let pin = self.pin.clone().or((!allowed_cpus().is_empty()).then_some(Pin::Auto));
        Self { pin, ..self.clone() }
    }

    /// Whether processors were named.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pin.is_some()
    }

    /// How `runtime` runs a file. What it does not know is refused.
    pub(crate) fn settings(
        &self,
        runtime: Runtime,
        threads: Option<usize>,
        precision: Precision,
    ) -> Result<Settings, Failure> {
        if runtime == Runtime::Tract {
            let given = [
                (self.graph_optimization.is_some(), "--graph-optimization"),
                (self.io_binding, "--io-binding"),
                (self.allow_fallback, "--allow-fallback"),
            ];
            if let Some((_, option)) = given.iter().find(|(given, _)| *given) {
                return Err(
                    Failure::usage(format!("{option} is for ONNX Runtime, not for tract")).hint("--provider cpu")
                );
            }
        }
        if !runtime.precisions().contains(&precision) {
            let able = |runtime: &Runtime| runtime.precisions().contains(&precision);
            let able: Vec<&str> = Runtime::all().filter(able).map(Runtime::name).collect();
            let message = format!("{runtime} cannot be told to compute in {}", precision.name());
            return Err(Failure::usage(message).hint(format!("those that can: {}", able.join(", "))));
        }
        let cpus = self.pin.as_ref().map(|pin| pin.cpus(threads)).transpose()?.unwrap_or_default();
        Ok(Settings {
            threads: threads.or((!cpus.is_empty()).then_some(cpus.len())),
            cpus,
            optimisation: match self.graph_optimization {
                Some(Level::None) => Optimisation::None,
                Some(Level::Basic) => Optimisation::Basic,
                Some(Level::Extended) => Optimisation::Extended,
                Some(Level::All) | None => Optimisation::All,
            },
            precision,
            io_binding: self.io_binding,
            memory_limit: self.memory_limit,
            allow_fallback: self.allow_fallback,
            // Proof that a provider did what it was asked to.
            profile: matches!(runtime, Runtime::Ort(_)),
            profile_runs: None,
        })
    }
}

impl Pin {
    fn cpus(&self, threads: Option<usize>) -> Result<Vec<usize>, Failure> {
        let allowed = allowed_cpus();
        if allowed.is_empty() {
            return Err(Failure::usage("this system does not let threads be bound to processors"));
        }
        let shown = || allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let cpus = match self {
            Self::Auto => allowed.iter().copied().take(threads.unwrap_or_else(available_cpus)).collect(),
            Self::Cpus(cpus) => cpus.clone(),
        };
        if let Some(cpu) = cpus.iter().find(|cpu| !allowed.contains(cpu)) {
            return Err(Failure::usage(format!("this process may not run on processor {cpu}"))
                .hint(format!("it may run on {}", shown())));
        }
        let wanted = threads.unwrap_or(cpus.len());
        if wanted != cpus.len() {
            let message = format!("{wanted} threads cannot be bound to {} processors, one each", cpus.len());
            return Err(Failure::usage(message).hint(format!("this process may run on {}", shown())));
        }
        Ok(cpus)
    }
}

impl std::str::FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let expected = || "expected processors such as 0,2-3".to_owned();
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|&cpu| cpu < 4096).ok_or_else(expected);
        let mut cpus = Vec::new();
        for part in text.split(',') {
            let range = match part.split_once('-') {
                Some((first, last)) => number(first)?..=number(last)?,
                None => number(part)?..=number(part)?,
            };
            if range.is_empty() {
                return Err(expected());
            }
            cpus.extend(range);
        }
        let distinct: std::collections::BTreeSet<usize> = cpus.iter().copied().collect();
        if distinct.len() == cpus.len() { Ok(Self::Cpus(cpus)) } else { Err("a processor is named twice".to_owned()) }
    }
}

/// A number of bytes: `500M`, `2G`, `1073741824`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_uppercase().as_str() {
        "" => 1,
        "K" | "KB" => 1 << 10,
        "M" | "MB" => 1 << 20,
        "G" | "GB" => 1 << 30,
        _ => return Err("expected a number of bytes, such as 500M or 2G".to_owned()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).filter(|&bytes| bytes > 0);
    bytes.ok_or_else(|| "expected a number of bytes, such as 500M or 2G".to_owned())
}

/// A tolerance.
pub(crate) fn parse_tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a number from 0 on, such as 1e-5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_numbers_and_ranges() {
        assert_eq!("0,2-4".parse(), Ok(Pin::Cpus(vec![0, 2, 3, 4])));
        assert_eq!("auto".parse(), Ok(Pin::Auto));
        for bad in ["", "a", "1-", "3-1", "1,1", "0-2,1", "-1", "99999999999"] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_bytes("2G"), Ok(2 << 30));
        assert_eq!(parse_bytes("500m"), Ok(500 << 20));
        assert_eq!(parse_bytes("17"), Ok(17));
        for bad in ["", "G", "0", "1.5G", "-1", "99999999999G", "1T"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }
}
