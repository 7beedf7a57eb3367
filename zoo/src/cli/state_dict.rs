//! `--state-dict`: which weights of a training checkpoint.

use bossnas_converter::checkpoint::Choice;
use clap::ValueEnum;

/// The names as they are typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum StateDictArg {
    Auto,
    #[value(name = "model_ema")]
    ModelEma,
    Model,
}

impl From<StateDictArg> for Choice {
    fn from(argument: StateDictArg) -> Self {
        match argument {
            StateDictArg::Auto => Self::Auto,
            StateDictArg::ModelEma => Self::ModelEma,
            StateDictArg::Model => Self::Model,
        }
    }
}
