//! ONNX Runtime, loaded when it is needed. One library a process: this code runs in workers only.

mod profile;
mod providers;
mod values;

use std::path::Path;

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{IoBinding, Session, SessionInputValue};
use ort::value::DynValue;
use tempfile::TempDir;

use self::values::{from_ort, to_ort};
use super::engine::{Engine, NamedTensor};
use super::error::{Kind, RuntimeError};
use super::placement::Placement;
use super::provider::Provider;
use super::settings::{Load, Optimisation, Settings};

/// A file that ONNX Runtime has loaded.
pub(super) struct Ort {
    model: String,
    session: Session,
    provider: Provider,
    io_binding: bool,
    allow_fallback: bool,
    outputs: Vec<String>,
    /// What [`Engine::repeat`] runs on.
    held: Held,
    /// Where a profile is being written, and runs until it is whole.
    profile: Option<TempDir>,
    unrecorded: u32,
    /// What the profile of the first run said.
    placement: Option<Placement>,
}

/// Inputs that are run on again and again.
enum Held {
    Values(Vec<(String, DynValue)>),
    Bound(Box<IoBinding>),
}

impl Ort {
    /// Loads the file of `load` with the library at `library`.
    pub(super) fn load(load: &Load, provider: Provider, library: &Path) -> Result<Self, RuntimeError> {
        let environment = environment(library)?;
        let settings = &load.settings;
        let profile = settings.profile.then(tempfile::tempdir).transpose();
        let profile = profile.map_err(|error| RuntimeError::failed(format!("no folder for a profile: {error}")))?;
        let mut builder = options(&environment, load, profile.as_ref().map(TempDir::path)).map_err(failed(load))?;
        builder = providers::register(builder, provider, settings, library)?;
        let session = match &load.outputs {
            None => builder.commit_from_file(&load.model),
            Some(values) => {
                let bytes = bossnas_converter::onnx::with_outputs(&load.model, values)
                    .map_err(|error| RuntimeError::failed(error.to_string()))?;
                builder.commit_from_memory(&bytes)
            }
        };
        let session = session.map_err(|error| providers::explain(load, provider, library, &error.to_string()))?;
        let own = || session.outputs().iter().map(|output| output.name().to_owned()).collect();
        let outputs = load.outputs.clone().unwrap_or_else(own);
        Ok(Self {
            model: load.model.display().to_string(),
            session,
            provider,
            io_binding: settings.io_binding,
            allow_fallback: settings.allow_fallback,
            outputs,
            held: Held::Values(Vec::new()),
            profile,
            unrecorded: settings.profile_runs.unwrap_or(1),
            placement: None,
        })
    }

    fn failed(&self, error: impl std::fmt::Display) -> RuntimeError {
        RuntimeError::failed(format!("ONNX Runtime failed to run {}: {error}", self.model))
    }

    fn compute(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, RuntimeError> {
        let model = self.model.clone();
        let failed = |error: ort::Error| RuntimeError::failed(format!("ONNX Runtime failed to run {model}: {error}"));
        let values = inputs.iter().map(|(name, tensor)| Ok((name.as_str(), to_ort(tensor)?)));
        let values: Vec<(&str, DynValue)> = values.collect::<Result<_, RuntimeError>>()?;
        let binding;
        let results = if self.io_binding {
            binding = self.bind(&values).map_err(failed)?;
            self.session.run_binding(&binding)
        } else {
            self.session.run(values)
        };
        let results = results.map_err(failed)?;
        let missing = |name: &str| RuntimeError::failed(format!("ONNX Runtime put out no `{name}`"));
        let output = |name: &String| {
            let value = results.get(name).ok_or_else(|| missing(name))?;
            Ok((name.clone(), from_ort(name, value)?))
        };
        self.outputs.iter().map(output).collect()
    }

    /// Inputs where the provider wants them, outputs where they are read.
    fn bind<N: AsRef<str>>(&self, values: &[(N, DynValue)]) -> ort::Result<IoBinding> {
        let mut binding = self.session.create_binding()?;
        for (name, value) in values {
            binding.bind_input(name.as_ref(), value)?;
        }
        let memory = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput)?;
        for name in &self.outputs {
            binding.bind_output_to_device(name.as_str(), &memory)?;
        }
        Ok(binding)
    }

    /// After the first run, or the last that is recorded: where it ran, and whether that is where it should have run.
    fn read_profile(&mut self) -> Result<(), RuntimeError> {
        self.unrecorded = self.unrecorded.saturating_sub(1);
        if self.unrecorded > 0 {
            return Ok(());
        }
        let Some(folder) = self.profile.take() else { return Ok(()) };
        let file = self.session.end_profiling().map_err(|error| self.failed(error))?;
        let bytes = std::fs::read(&file).map_err(|error| self.failed(format!("its profile `{file}`: {error}")))?;
        drop(folder);
        let placement = profile::placement(&bytes).map_err(|error| self.failed(format!("its profile: {error}")))?;
        let placement = self.placement.insert(placement);
        let strays = placement.strays(self.provider.canonical());
        if strays.is_empty() || self.allow_fallback || self.provider == Provider::Cpu {
            return Ok(());
        }
        let message = format!(
            "{} of {} heavy nodes did not run on {}, `{}` the first of them",
            strays.len(),
            placement.heavy.len(),
            self.provider.canonical(),
            strays[0]
        );
        Err(RuntimeError::new(Kind::Fallback, message).hint("--allow-fallback lets them run on the processor"))
    }
}

impl Engine for Ort {
    fn run(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, RuntimeError> {
        let outputs = self.compute(inputs)?;
        self.read_profile()?;
        Ok(outputs)
    }

    fn hold(&mut self, inputs: &[NamedTensor]) -> Result<(), RuntimeError> {
        let values = inputs.iter().map(|(name, tensor)| Ok((name.clone(), to_ort(tensor)?)));
        let values: Vec<(String, DynValue)> = values.collect::<Result<_, RuntimeError>>()?;
        self.held = if self.io_binding {
            Held::Bound(Box::new(self.bind(&values).map_err(|error| self.failed(error))?))
        } else {
            Held::Values(values)
        };
        Ok(())
    }

    fn repeat(&mut self) -> Result<(), RuntimeError> {
        let outputs = match &self.held {
            Held::Values(values) => {
                let values: Vec<(&str, SessionInputValue<'_>)> =
                    values.iter().map(|(name, value)| (name.as_str(), value.into())).collect();
                self.session.run(values)
            }
            Held::Bound(binding) => self.session.run_binding(binding),
        };
        match outputs {
            Ok(outputs) => drop(std::hint::black_box(outputs)),
            Err(error) => {
                return Err(RuntimeError::failed(format!("ONNX Runtime failed to run {}: {error}", self.model)));
            }
        }
        Ok(())
    }

    fn build(&self) -> Option<String> {
        // The flags of the compiler follow.
        let text = ort::info().trim_start_matches("ORT Build Info: ");
        Some(text.split(", cmake").next().unwrap_or(text).to_owned())
    }

    fn placement(&self) -> Option<&Placement> {
        self.placement.as_ref()
    }
}

/// Loads the library.
fn environment(library: &Path) -> Result<Environment, RuntimeError> {
    let unusable = |reason: String| {
        RuntimeError::unavailable(format!("`{}` is no usable ONNX Runtime: {reason}", library.display()))
            .hint("ONNX Runtime 1.24 or newer is needed; `cargo xtask setup` installs one that is known to work")
    };
    let builder = ort::init_from(library).map_err(|error| unusable(error.to_string()))?;
    let builder = builder.with_name("bossnas-zoo").with_telemetry(false);
    builder.build().map_err(|error| unusable(error.to_string()))
}

fn failed(load: &Load) -> impl Fn(String) -> RuntimeError {
    let model = load.model.display().to_string();
    move |reason| RuntimeError::failed(format!("ONNX Runtime cannot load {model}: {reason}"))
}

/// Everything but the provider.
fn options(environment: &Environment, load: &Load, profile: Option<&Path>) -> Result<SessionBuilder, String> {
    let settings = &load.settings;
    let text = |error: ort::Error<SessionBuilder>| error.to_string();
    let mut builder = Session::builder(environment).map_err(|error| error.to_string())?;
    builder = builder.with_log_level(LogLevel::Error).map_err(text)?;
    builder = builder.with_intra_threads(settings.thread_count()).map_err(text)?;
    builder = builder.with_inter_threads(1).map_err(text)?;
    builder = builder.with_optimization_level(level(settings.optimisation)).map_err(text)?;
    if let Some(affinities) = affinities(settings) {
        builder = builder.with_config_entry("session.intra_op_thread_affinities", affinities).map_err(text)?;
    }
    if let Some(folder) = profile {
        builder = builder.with_profiling(folder.join("profile")).map_err(text)?;
    }
    for (symbol, extent) in &load.symbols {
        builder = builder.with_dimension_override(symbol, *extent as i64).map_err(text)?;
    }
    if load.outputs.is_some() {
        // A model from memory has no folder of its own.
        let folder = load.model.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let key = "session.model_external_initializers_file_folder_path";
        builder = builder.with_config_entry(key, folder.to_string_lossy()).map_err(text)?;
    }
    Ok(builder)
}

fn level(optimisation: Optimisation) -> GraphOptimizationLevel {
    match optimisation {
        Optimisation::None => GraphOptimizationLevel::Disable,
        Optimisation::Basic => GraphOptimizationLevel::Level1,
        Optimisation::Extended => GraphOptimizationLevel::Level2,
        Optimisation::All => GraphOptimizationLevel::All,
    }
}

/// The processors of all threads but the calling one, in ONNX Runtime's words: counted from 1, separated by `;`.
fn affinities(settings: &Settings) -> Option<String> {
    let others = settings.cpus.get(1..settings.thread_count())?;
    (!others.is_empty()).then(|| others.iter().map(|cpu| (cpu + 1).to_string()).collect::<Vec<_>>().join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calling_thread_is_not_among_those_that_the_library_binds() {
        let settings =
            |cpus: &[usize]| Settings { threads: Some(cpus.len()), cpus: cpus.to_vec(), ..Settings::default() };
        assert_eq!(affinities(&settings(&[0, 1, 5])), Some("2;6".to_owned()));
        assert_eq!(affinities(&settings(&[3])), None);
        assert_eq!(affinities(&Settings::default()), None);
    }
}
