//! tract, the runtime that is built in.
//!
//! Extents are fixed when a file is loaded, so a file with a symbolic batch runs as fast as one with a fixed batch.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use bossnas_files::npy::{Array, Element};
use tract_onnx::prelude::*;

use self::plan::Plan;
use self::values::{datum_type, from_tract, to_tract};
use super::Named;
use super::engine::{Engine, NamedTensor};
use super::error::RuntimeError;
use super::placement::Placement;
use super::settings::{InputSpec, Load, Settings};

mod images;
mod ops;
mod plan;
mod values;

/// Why tract did not run a file.
#[derive(Debug, thiserror::Error)]
pub enum TractError {
    /// It cannot read the file.
    #[error("tract cannot load {path}: {reason}", path = path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// Its own words.
        reason: String,
    },
    /// The given inputs do not fit the file.
    #[error("{path}: {reason}", path = path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// Which one, and how.
        reason: String,
    },
    /// It failed while running.
    #[error("tract failed to run {path}: {reason}", path = path.display())]
    Run {
        /// The file.
        path: PathBuf,
        /// Its own words.
        reason: String,
    },
}

/// An ONNX file, loaded for inputs of given shapes.
pub struct Tract {
    path: PathBuf,
    inputs: Vec<InputSpec>,
    outputs: Vec<String>,
    plan: Plan,
    /// What [`Engine::repeat`] runs on.
    held: TVec<TValue>,
}

impl Tract {
    /// Loads the file at `path` for inputs of the named shapes. An empty name means the only input.
    pub fn load(path: &Path, shapes: &[(&str, &[usize])]) -> Result<Self, TractError> {
        Self::load_values(path, shapes, None)
    }

    /// Like [`Tract::load`], with all of `values` as outputs instead of the file's own.
    pub fn load_values(
        path: &Path,
        shapes: &[(&str, &[usize])],
        values: Option<&[String]>,
    ) -> Result<Self, TractError> {
        let float = |(name, shape): &(&str, &[usize])| InputSpec {
            name: (*name).to_owned(),
            element: Element::Float32,
            shape: shape.to_vec(),
        };
        Self::load_typed(path, &shapes.iter().map(float).collect::<Vec<_>>(), values)
    }

    /// Like [`Tract::load_values`], for inputs of any type.
    pub fn load_typed(path: &Path, inputs: &[InputSpec], values: Option<&[String]>) -> Result<Self, TractError> {
        let failed = |reason: String| TractError::Load { path: path.to_owned(), reason };
        // Value infos of a symbolic file would contradict the extents that are fixed here.
        let framework = tract_onnx::onnx().with_ignore_value_info(true);
        let model = guarded(|| framework.model_for_path(path)).map_err(failed)?;
        let names = |outlets: &[OutletId]| -> Vec<String> {
            outlets.iter().map(|outlet| model.node(outlet.node).name.clone()).collect()
        };
        let input_names = names(model.input_outlets().map_err(|e| failed(chain(&e)))?);
        let own_outputs = model.output_outlets().map_err(|e| failed(chain(&e)))?;
        let label = |outlet: &OutletId| model.outlet_label(*outlet).map(str::to_owned);
        let own_outputs: Vec<String> =
            own_outputs.iter().zip(names(own_outputs)).map(|(outlet, node)| label(outlet).unwrap_or(node)).collect();
        let inputs = match_inputs(path, &input_names, inputs)?;
        let outputs = values.map_or(own_outputs, <[String]>::to_vec);
        let plan = guarded(|| {
            let mut model = model;
            for (index, input) in inputs.iter().enumerate() {
                model.set_input_fact(index, datum_type(input.element).fact(input.shape.as_slice()).into())?;
            }
            if values.is_some() {
                model.select_outputs_by_name(&outputs)?;
            }
            Plan::new(model.into_typed()?)
        })
        .map_err(failed)?;
        Ok(Self { path: path.to_owned(), inputs, outputs, plan, held: TVec::new() })
    }

    /// Runs on float32 arrays of the shapes it was loaded for, in the same order.
    pub fn run(&self, inputs: &[&Array]) -> Result<Vec<Named>, TractError> {
        let tensors = inputs.iter().map(|array| array.shape.clone()).zip(inputs).map(|(shape, array)| {
            let tensor = Tensor::from_shape(&shape, &array.values).map_err(|e| self.failed(chain(&e)))?;
            Ok((Element::Float32, shape, tensor))
        });
        let outputs = self.compute(self.checked(tensors.collect::<Result<_, TractError>>()?)?)?;
        let array = |(name, value): (&String, TValue)| {
            let value = value.cast_to::<f32>().map_err(|e| self.failed(chain(&e)))?;
            let view = value.to_plain_array_view::<f32>().map_err(|e| self.failed(chain(&e)))?;
            Ok((name.clone(), Array { shape: view.shape().to_vec(), values: view.iter().copied().collect() }))
        };
        self.outputs.iter().zip(outputs).map(array).collect()
    }

    fn failed(&self, reason: String) -> TractError {
        TractError::Run { path: self.path.clone(), reason }
    }

    /// The inputs of a caller in the order of the file.
    fn ordered(&self, inputs: &[NamedTensor]) -> Result<TVec<TValue>, RuntimeError> {
        let ordered = self.inputs.iter().map(|spec| {
            let (_, tensor) = inputs
                .iter()
                .find(|(name, _)| *name == spec.name)
                .ok_or_else(|| RuntimeError::failed(format!("input `{}` is missing", spec.name)))?;
            let value = to_tract(tensor).map_err(|error| RuntimeError::failed(error.to_string()))?;
            Ok((tensor.element(), tensor.shape().to_vec(), value))
        });
        self.checked(ordered.collect::<Result<_, RuntimeError>>()?)
            .map_err(|error| RuntimeError::failed(error.to_string()))
    }

    /// The inputs, if they are what the file was loaded for.
    fn checked(&self, inputs: Vec<(Element, Vec<usize>, Tensor)>) -> Result<TVec<TValue>, TractError> {
        let fits = self.inputs.len() == inputs.len()
            && self
                .inputs
                .iter()
                .zip(&inputs)
                .all(|(spec, (element, shape, _))| (spec.element, &spec.shape) == (*element, shape));
        if !fits {
            return Err(self.failed("the inputs have other types or shapes than it was loaded for".to_owned()));
        }
        Ok(inputs.into_iter().map(|(_, _, tensor)| tensor.into()).collect())
    }

    fn compute(&self, inputs: TVec<TValue>) -> Result<TVec<TValue>, TractError> {
        self.plan.run(inputs).map_err(|reason| self.failed(reason))
    }
}

impl Engine for Tract {
    fn run(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, RuntimeError> {
        let outputs = self.compute(self.ordered(inputs)?).map_err(|error| RuntimeError::failed(error.to_string()))?;
        let output = |(name, value): (&String, TValue)| {
            let tensor = from_tract(&value).map_err(|reason| {
                RuntimeError::failed(format!("output `{name}` of {} cannot be read: {reason}", self.path.display()))
            })?;
            Ok((name.clone(), tensor))
        };
        self.outputs.iter().zip(outputs).map(output).collect()
    }

    fn hold(&mut self, inputs: &[NamedTensor]) -> Result<(), RuntimeError> {
        self.held = self.ordered(inputs)?;
        Ok(())
    }

    fn repeat(&mut self) -> Result<(), RuntimeError> {
        let outputs = self.compute(self.held.clone()).map_err(|error| RuntimeError::failed(error.to_string()))?;
        drop(std::hint::black_box(outputs));
        Ok(())
    }

    fn build(&self) -> Option<String> {
        None
    }

    fn placement(&self) -> Option<&Placement> {
        None
    }
}

/// Loads a file in the process of a worker, where the threads of tract may be set for all.
pub(super) fn engine(load: &Load) -> Result<Tract, RuntimeError> {
    use_threads(&load.settings)?;
    Tract::load_typed(&load.model, &load.inputs, load.outputs.as_deref()).map_err(|error| {
        let kind = match error {
            TractError::Input { .. } => super::error::Kind::Usage,
            TractError::Load { .. } | TractError::Run { .. } => super::error::Kind::Failed,
        };
        RuntimeError::new(kind, error.to_string())
    })
}

/// Matrix products run on as many threads as the settings say, each bound to its processor if they say so.
fn use_threads(settings: &Settings) -> Result<(), RuntimeError> {
    let threads = settings.thread_count();
    if threads < 2 {
        return Ok(());
    }
    let cpus = settings.cpus.clone();
    let bind = move |thread: usize| {
        if let Some(&cpu) = cpus.get(thread) {
            super::affinity::bind(&[cpu]);
        }
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).start_handler(bind).build();
    let pool = pool.map_err(|error| RuntimeError::failed(format!("tract gets no {threads} threads: {error}")))?;
    tract_linalg::multithread::set_default_executor(tract_linalg::multithread::Executor::MultiThread(Arc::new(pool)));
    Ok(())
}

/// Type and shape of each input of the file, in its order.
fn match_inputs(path: &Path, names: &[String], given: &[InputSpec]) -> Result<Vec<InputSpec>, TractError> {
    let error = |reason: String| TractError::Input { path: path.to_owned(), reason };
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if let [spec] = given
        && let [only] = names
        && (spec.name.is_empty() || spec.name == *only)
    {
        return Ok(vec![InputSpec { name: only.clone(), ..spec.clone() }]);
    }
    if let Some(spec) = given.iter().find(|spec| !names.contains(&spec.name)) {
        let given =
            if spec.name.is_empty() { "an input without a name".to_owned() } else { format!("input `{}`", spec.name) };
        return Err(error(format!("{given} was given, the file has {listed}")));
    }
    let find = |name: &String| {
        let spec = given.iter().find(|spec| spec.name == *name);
        spec.cloned().ok_or_else(|| error(format!("input `{name}` is missing, the file has {listed}")))
    };
    names.iter().map(find).collect()
}

thread_local! {
    /// Whether panics of this thread are caught and told as errors.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a piece of tract. A foreign file may make it panic; that ends as an error with tract's words, not as a crash.
fn guarded<T>(f: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                usual(panic);
            }
        }));
    });
    GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(false);
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(chain(&error)),
        Err(panic) => Err(format!("it panicked: {}", panic_text(&*panic))),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

/// All of an error's causes on one line: tract puts the real one last.
fn chain(error: &anyhow::Error) -> String {
    error.chain().map(|cause| cause.to_string().replace('\n', " ")).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_tract_is_an_error_with_its_words() {
        let result: Result<(), String> = guarded(|| panic!("no such axis: {}", 3));
        assert_eq!(result, Err("it panicked: no such axis: 3".to_owned()));
    }

    fn spec(name: &str, shape: &[usize]) -> InputSpec {
        InputSpec { name: name.to_owned(), element: Element::Float32, shape: shape.to_vec() }
    }

    #[test]
    fn inputs_are_matched_by_name_and_an_only_one_needs_none() {
        let path = Path::new("x.onnx");
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let matched = match_inputs(path, &names(&["image"]), &[spec("", &[1, 3])]).unwrap();
        assert_eq!(matched, [spec("image", &[1, 3])]);
        let two = names(&["a", "b"]);
        let matched = match_inputs(path, &two, &[spec("b", &[2]), spec("a", &[1])]).unwrap();
        assert_eq!(matched, [spec("a", &[1]), spec("b", &[2])]);
        for (name, expected) in
            [("a", "input `b` is missing"), ("c", "input `c` was given"), ("", "an input without a name")]
        {
            let error = match_inputs(path, &two, &[spec(name, &[1])]).unwrap_err().to_string();
            assert!(error.contains(expected), "`{expected}` is not in `{error}`");
        }
    }
}
