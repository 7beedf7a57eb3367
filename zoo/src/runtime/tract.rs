//! tract, the runtime that is built in.
//!
//! Extents are fixed when a file is loaded, so a file with a symbolic batch runs as fast as one with a fixed batch.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use bossnas_files::npy::Array;
use tract_onnx::prelude::*;

use super::Named;

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
    inputs: Vec<(String, Vec<usize>)>,
    outputs: Vec<String>,
    plan: Arc<TypedSimplePlan>,
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
        let inputs = match_inputs(path, &input_names, shapes)?;
        let outputs = values.map_or(own_outputs, <[String]>::to_vec);
        let plan = guarded(|| {
            let mut model = model;
            for (index, (_, shape)) in inputs.iter().enumerate() {
                model.set_input_fact(index, f32::fact(shape.as_slice()).into())?;
            }
            if values.is_some() {
                model.select_outputs_by_name(&outputs)?;
            }
            model.into_optimized()?.into_runnable()
        })
        .map_err(failed)?;
        Ok(Self { path: path.to_owned(), inputs, outputs, plan })
    }

    /// Runs on arrays of the shapes it was loaded for, in the same order.
    pub fn run(&self, inputs: &[&Array]) -> Result<Vec<Named>, TractError> {
        let failed = |reason: String| TractError::Run { path: self.path.clone(), reason };
        let fits = self.inputs.len() == inputs.len()
            && self.inputs.iter().zip(inputs).all(|((_, shape), array)| *shape == array.shape);
        if !fits {
            return Err(failed("the inputs have other shapes than it was loaded for".to_owned()));
        }
        let outputs = guarded(|| {
            let tensors = inputs.iter().map(|array| Ok(Tensor::from_shape(&array.shape, &array.values)?.into()));
            self.plan.run(tensors.collect::<TractResult<TVec<TValue>>>()?)
        })
        .map_err(failed)?;
        let array = |(name, value): (&String, TValue)| {
            let value = value.cast_to::<f32>().map_err(|e| failed(chain(&e)))?;
            let view = value.to_plain_array_view::<f32>().map_err(|e| failed(chain(&e)))?;
            Ok((name.clone(), Array { shape: view.shape().to_vec(), values: view.iter().copied().collect() }))
        };
        self.outputs.iter().zip(outputs).map(array).collect()
    }
}

/// The shape for each input of the file, in its order.
fn match_inputs(
    path: &Path,
    names: &[String],
    shapes: &[(&str, &[usize])],
) -> Result<Vec<(String, Vec<usize>)>, TractError> {
    let error = |reason: String| TractError::Input { path: path.to_owned(), reason };
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if let [(name, shape)] = shapes
        && let [only] = names
        && (name.is_empty() || name == only)
    {
        return Ok(vec![(only.clone(), shape.to_vec())]);
    }
    if let Some((name, _)) = shapes.iter().find(|(name, _)| !names.iter().any(|known| known == name)) {
        let given = if name.is_empty() { "an input without a name".to_owned() } else { format!("input `{name}`") };
        return Err(error(format!("{given} was given, the file has {listed}")));
    }
    let find = |name: &String| {
        let shape = shapes.iter().find(|(given, _)| given == name);
        let (_, shape) = shape.ok_or_else(|| error(format!("input `{name}` is missing, the file has {listed}")))?;
        Ok((name.clone(), shape.to_vec()))
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

    #[test]
    fn inputs_are_matched_by_name_and_an_only_one_needs_none() {
        let path = Path::new("x.onnx");
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let matched = match_inputs(path, &names(&["image"]), &[("", &[1, 3])]).unwrap();
        assert_eq!(matched, [("image".to_owned(), vec![1, 3])]);
        let two = names(&["a", "b"]);
        let matched = match_inputs(path, &two, &[("b", &[2]), ("a", &[1])]).unwrap();
        assert_eq!(matched, [("a".to_owned(), vec![1]), ("b".to_owned(), vec![2])]);
        for (shapes, expected) in [
            (&[("a", &[1_usize][..])][..], "input `b` is missing"),
            (&[("c", &[1][..])], "input `c` was given"),
            (&[("", &[1][..])], "an input without a name"),
        ] {
            let error = match_inputs(path, &two, shapes).unwrap_err().to_string();
            assert!(error.contains(expected), "`{expected}` is not in `{error}`");
        }
    }
}
