//! What every command is given.

use std::path::PathBuf;

use bossnas_hub::{Location, LocationError, Registry, RemoteFile};
use bossnas_report::{Console, Exit, Failure};

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
    pub(crate) fn registry(&self) -> Result<Registry, Failure> {
        let registry = self.location()?.open().map_err(explain)?;
        self.console.detail(format_args!("registry: {}", registry.origin()));
        Ok(registry)
    }

    /// The registry in use, if it is one at an address.
    pub(crate) fn remote_registry(&self) -> Result<Option<RemoteFile>, Failure> {
        match self.location()? {
            Location::Remote(remote) => Ok(Some(*remote)),
            Location::BuiltIn | Location::File(_) => Ok(None),
        }
    }

    fn location(&self) -> Result<Location, Failure> {
        Location::choose(self.registry.as_deref()).map_err(explain)
    }
}

fn explain(error: LocationError) -> Failure {
    let message = error.to_string();
    match error {
        LocationError::Address { .. } => Failure::usage(message),
        LocationError::NotFetched(url) => Failure::new(Exit::Failed, message)
            .hint(format!("`bossnas-zoo fetch --registry {url}` brings it; other commands open no connection")),
        LocationError::Registry(_) => {
            Failure::failed(message).hint("without --registry and $BOSSNAS_REGISTRY the built-in registry is used")
        }
        LocationError::Cache(_) => Failure::failed(message),
    }
}
