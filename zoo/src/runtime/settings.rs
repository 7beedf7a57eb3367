//! How a file is run: threads, processors, optimisation, memory.

use std::path::PathBuf;

use bossnas_files::npy::Element;
use serde::{Deserialize, Serialize};

use super::Runtime;

/// How much a runtime may change a graph before it runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimisation {
    /// The graph runs as it is.
    None,
    /// Constants are folded, nodes that do nothing are removed.
    Basic,
    /// Nodes are fused.
    Extended,
    /// Layouts are changed too.
    #[default]
    All,
}

/// The type that a provider multiplies in, where a file says float32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// float32, as the file says.
    #[default]
    F32,
    /// Ten bits of mantissa, sums in float32 (NVIDIA's TensorFloat-32).
    Tf32,
    /// bfloat16: seven bits of mantissa.
    Bf16,
    /// float16: ten bits of mantissa, numbers up to 65504.
    F16,
}

impl Precision {
    /// All of them, the exact one first.
    pub const ALL: [Self; 4] = [Self::F32, Self::Tf32, Self::Bf16, Self::F16];

    /// `f32`, `tf32`, `bf16`, `f16`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// Half of the distance from 1 to the next number.
    pub const fn unit_roundoff(self) -> f64 {
        match self {
            Self::F32 => 1.0 / (1_u64 << 24) as f64,
            Self::Tf32 | Self::F16 => 1.0 / (1_u64 << 11) as f64,
            Self::Bf16 => 1.0 / (1_u64 << 8) as f64,
        }
    }
}

/// How a file is run. What a runtime does not know is refused, not ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Threads that compute one run; without it as many as the process may use processors.
    pub threads: Option<usize>,
    /// Processors that the threads are bound to, one each. As many as there are threads.
    pub cpus: Vec<usize>,
    /// How much the graph may be changed.
    pub optimisation: Optimisation,
    /// The type that is multiplied in.
    #[serde(default)]
    pub precision: Precision,
    /// Inputs and outputs are bound once to memory that the runtime knows.
    pub io_binding: bool,
    /// Most bytes of addresses that the process of the runtime may take.
    pub memory_limit: Option<u64>,
    /// What a provider cannot run may run on the processor, heavy nodes too.
    pub allow_fallback: bool,
    /// Which nodes ran where is recorded in the first run.
    pub profile: bool,
    /// So many runs are recorded instead of the first alone, so that nodes are seen when they are warm.
    #[serde(default)]
    pub profile_runs: Option<u32>,
}

impl Settings {
    /// Threads that are used.
    pub fn thread_count(&self) -> usize {
        self.threads.unwrap_or_else(available_cpus)
    }
}

/// Processors that this process may use.
pub fn available_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// An input as it will be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSpec {
    /// Its name in the file.
    pub name: String,
    /// Type of its elements.
    pub element: Element,
    /// Extents, all fixed: a file with symbolic ones then runs as fast as one without.
    pub shape: Vec<usize>,
}

/// What to load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The ONNX file.
    pub model: PathBuf,
    /// What runs it.
    pub runtime: Runtime,
    /// Its inputs.
    pub inputs: Vec<InputSpec>,
    /// Symbols of extents in the file and what they stand for in these inputs.
    pub symbols: Vec<(String, usize)>,
    /// Values to put out instead of those that the file declares; any value of the file will do.
    pub outputs: Option<Vec<String>>,
    /// How.
    pub settings: Settings,
}
