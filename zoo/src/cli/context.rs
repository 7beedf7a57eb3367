//! What every command is given.

use std::path::PathBuf;

use bossnas_hub::Registry;
use bossnas_report::{Console, Failure};

/// Output and the global options.
#[derive(Debug)]
pub(crate) struct Context {
    /// Where output goes.
    pub(crate) console: Console,
    registry: Option<PathBuf>,
}

impl Context {
    pub(crate) fn new(console: Console, registry: Option<PathBuf>) -> Self {
        Self { console, registry }
    }

    /// The registry in use.
    pub(crate) fn registry(&self) -> anyhow::Result<Registry> {
        let registry = Registry::open(self.registry.as_deref()).map_err(|error| {
            Failure::failed(error.to_string())
                .hint("without --registry and $BOSSNAS_REGISTRY the built-in registry is used")
        })?;
        self.console.detail(format_args!("registry: {}", registry.origin()));
        Ok(registry)
    }
}
