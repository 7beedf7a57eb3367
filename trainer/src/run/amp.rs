//! Mixed precision by name.

use serde::{Deserialize, Serialize};

use crate::torch::Precision;

/// Number format by its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amp {
    /// All in float32.
    Off,
    /// bfloat16 where it is enough.
    Bf16,
    /// float16 with a scaled loss.
    Fp16,
}

impl From<Amp> for Precision {
    fn from(amp: Amp) -> Self {
        match amp {
            Amp::Off => Self::Full,
            Amp::Bf16 => Self::Bf16,
            Amp::Fp16 => Self::Fp16,
        }
    }
}
