//! Does a file compute the same everywhere, and what it should? Every runtime against one reference.
//!
//! Of a file of ours the reference is its network in float64 with the weights it was made from ([`Network`]); of any other
//! it is the first runtime. [`compare_all`] compares the outputs, [`scan`] the values inside, in the order in which they are
//! computed, and names the first that differs.

mod inner;
mod tolerance;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bossnas_converter::onnx::{OnnxError, computed_values};
use bossnas_files::npy::{Element, Tensor};
use bossnas_model::evaluate::{self, EvaluateError, evaluate};
use bossnas_model::graph::Graph;
use bossnas_model::weights::SharedWeights;

use crate::compare::{Comparison, Manner, Tolerance, compare};
use crate::ports;
use crate::runtime::{Load, NamedTensor, Ran, Runtime, RuntimeError, Session, Settings};

pub use inner::{Difference, Scan, scan};
pub use tolerance::Allowance;

/// What takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contender {
    /// The network of a file of ours, in float64.
    Reference,
    /// A runtime.
    Runtime(Runtime),
}

impl Contender {
    /// `reference`, or the name of the runtime.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Runtime(runtime) => runtime.name(),
        }
    }

    /// The inverse of [`Contender::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        if name == Self::Reference.name() { Some(Self::Reference) } else { Runtime::from_name(name).map(Self::Runtime) }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Reference).chain(Runtime::all().map(Self::Runtime))
    }
}

/// The network that a file of ours stands for, with the weights it was made from.
pub struct Network {
    /// The network before any pass: what the outputs should be.
    pub graph: Graph,
    /// Its weights.
    pub weights: SharedWeights,
    /// The network after the passes of the file: what the values inside should be.
    pub written: Graph,
    /// Its weights.
    pub written_weights: SharedWeights,
}

/// A file and what it is run on.
pub struct Subject<'a> {
    /// The file.
    pub file: PathBuf,
    /// A tensor for each input.
    pub inputs: Vec<NamedTensor>,
    /// What the symbols in the file stand for.
    pub symbols: Vec<(String, usize)>,
    /// What it should compute, if that is known.
    pub network: Option<&'a Network>,
    /// How runtimes run it.
    pub settings: Settings,
}

/// Why a contender has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ContenderError {
    /// The runtime failed, or is not to be had.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The reference could not be computed.
    #[error("the reference cannot be computed: {0}")]
    Reference(String),
}

impl From<EvaluateError> for ContenderError {
    fn from(error: EvaluateError) -> Self {
        Self::Reference(error.to_string())
    }
}

/// What a contender makes of the inputs.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The outputs of the file.
    pub outputs: Vec<NamedTensor>,
    /// Time to load the file; none for the reference.
    pub load_time: Duration,
    /// Time to run it once.
    pub run_time: Duration,
}

/// What came of a contender.
pub struct Row {
    /// Which.
    pub contender: Contender,
    /// Its times, and how each of its outputs compares with the reference's; none for the reference itself.
    pub result: Result<(Answer, Vec<(String, Comparison)>), ContenderError>,
}

impl Row {
    /// Whether it ran and agrees.
    pub fn agrees(&self) -> bool {
        self.result.as_ref().is_ok_and(|(_, comparisons)| comparisons.iter().all(|(_, comparison)| comparison.passed))
    }

    /// Whether it ran and does not.
    pub fn differs(&self) -> bool {
        self.result.as_ref().is_ok_and(|(_, comparisons)| comparisons.iter().any(|(_, comparison)| !comparison.passed))
    }
}

impl Subject<'_> {
    /// Runs a contender once.
    pub fn answer(&self, contender: Contender) -> Result<Answer, ContenderError> {
        match contender {
            Contender::Reference => self.reference(),
            Contender::Runtime(runtime) => Ok(self.run(runtime, None)?),
        }
    }

    fn reference(&self) -> Result<Answer, ContenderError> {
        let network = self.network.ok_or_else(|| ContenderError::Reference("the file is none of ours".to_owned()))?;
        let start = Instant::now();
        let outputs = evaluate(&network.graph, &*network.weights, self.wide_inputs(network)?)?;
        let run_time = start.elapsed();
        let names = network.graph.outputs().iter().map(|&value| network.graph.value_name(value).to_owned());
        let outputs = names.zip(outputs.iter().map(narrow)).collect();
        Ok(Answer { outputs, load_time: Duration::ZERO, run_time })
    }

    /// The inputs in the order of the network, in float64.
    fn wide_inputs(&self, network: &Network) -> Result<Vec<evaluate::Tensor>, ContenderError> {
        let missing = |name: &str| ContenderError::Reference(format!("there is no input `{name}`"));
        let wide = |name: &str| {
            let (_, tensor) = self.inputs.iter().find(|(given, _)| given == name).ok_or_else(|| missing(name))?;
            evaluate::Tensor::new(tensor.shape(), tensor.f64s()).ok_or_else(|| missing(name))
        };
        network.graph.inputs().iter().map(|input| wide(&input.name)).collect()
    }

    /// Runs the file once in a runtime; `values` instead of its outputs if they are named.
    fn run(&self, runtime: Runtime, values: Option<&[String]>) -> Result<Answer, RuntimeError> {
        let load = Load {
            model: self.file.clone(),
            runtime,
            inputs: ports::specs(&self.inputs),
            symbols: self.symbols.clone(),
            outputs: values.map(<[String]>::to_vec),
            settings: Settings { profile: runtime != Runtime::Tract && values.is_none(), ..self.settings.clone() },
        };
        let mut session = Session::load(&load)?;
        let Ran { outputs, time, .. } = session.run(&self.inputs)?;
        Ok(Answer { outputs, load_time: session.load_time(), run_time: time })
    }
}

fn narrow(tensor: &evaluate::Tensor) -> Tensor {
    let bytes = tensor.data().iter().flat_map(|number| number.to_le_bytes()).collect();
    Tensor::new(Element::Float64, tensor.shape().to_vec(), bytes)
        .unwrap_or_else(|| unreachable!("as many elements as the shape says"))
}

/// Runs all contenders and compares each with the first that has an answer.
pub fn compare_all(
    subject: &Subject<'_>,
    contenders: &[Contender],
    tolerance: Tolerance,
    mut each: impl FnMut(Contender),
) -> Result<Vec<Row>, OnnxError> {
    let values = computed_values(&subject.file)?;
    let manner = |name: &str| {
        values.iter().find(|value| value.name == name).map_or(Manner::PLAIN, |value| Manner::of(&value.op))
    };
    let mut reference: Option<Vec<NamedTensor>> = None;
    let mut rows = Vec::with_capacity(contenders.len());
    for &contender in contenders {
        each(contender);
        let result = subject.answer(contender).map(|answer| {
            let comparisons = match &reference {
                None => Vec::new(),
                Some(reference) => {
                    reference.iter().map(|output| pair(output, &answer.outputs, tolerance, manner(&output.0))).collect()
                }
            };
            reference.get_or_insert_with(|| answer.outputs.clone());
            (answer, comparisons)
        });
        rows.push(Row { contender, result });
    }
    Ok(rows)
}

/// An output of the reference beside that of the same name.
fn pair(
    (name, expected): &NamedTensor,
    outputs: &[NamedTensor],
    tolerance: Tolerance,
    manner: Manner,
) -> (String, Comparison) {
    let comparison = match outputs.iter().find(|(other, _)| other == name) {
        Some((_, found)) => compare(expected, found, tolerance, manner),
        None => Comparison::missing(),
    };
    (name.clone(), comparison)
}
