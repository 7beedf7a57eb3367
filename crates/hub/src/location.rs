//! Which registry is in use.

use std::path::{Path, PathBuf};

use bossnas_files::ReadError;

use crate::cache::{Cache, CacheError};
use crate::{Registry, RegistryError, RemoteFile, Url};

/// Names a registry that takes the place of the compiled-in one.
const ENVIRONMENT_VARIABLE: &str = "BOSSNAS_REGISTRY";

/// Where a registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In the program.
    BuiltIn,
    /// In a file.
    File(PathBuf),
    /// At an address: it is fetched like any other file, and used from the cache.
    Remote(Box<RemoteFile>),
}

/// Why the registry of a location cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// It cannot be read.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The cache cannot be read.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// An address that is none.
    #[error("`{}` is no address of a registry: {why}", text.escape_debug())]
    Address {
        /// The text.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// It was not fetched.
    #[error("the registry {0} is not in the cache")]
    NotFetched(Url),
}

impl Location {
    /// The location that `--registry` names, else the one that `$BOSSNAS_REGISTRY` names, else the program.
    pub fn choose(given: Option<&Path>) -> Result<Self, LocationError> {
        let named = std::env::var_os(ENVIRONMENT_VARIABLE).filter(|path| !path.is_empty());
        match given.or(named.as_deref().map(Path::new)) {
            Some(path) => Self::parse(path),
            None => Ok(Self::BuiltIn),
        }
    }

    fn parse(path: &Path) -> Result<Self, LocationError> {
        let text = path.to_string_lossy();
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("http" | "https" | "file")) {
            return Ok(Self::File(path.to_owned()));
        }
        let wrong = |why: &str| LocationError::Address { text: text.clone().into_owned(), why: why.to_owned() };
        let url = crate::address::parse(&text).map_err(wrong)?;
        let remote =
            RemoteFile { name: "registry.toml".to_owned(), url, mirrors: Vec::new(), bytes: None, sha256: None };
        Ok(Self::Remote(Box::new(remote)))
    }

    /// The registry. One at an address is taken from the cache; no connection is opened.
    pub fn open(&self) -> Result<Registry, LocationError> {
        match self {
            Self::BuiltIn => Ok(Registry::built_in()?),
            Self::File(path) => Ok(Registry::read(path)?),
            Self::Remote(remote) => {
                let cache = Cache::of_user()?;
                let fetched = cache.fetched(&cache.lock()?, remote);
                let fetched = fetched.ok_or_else(|| LocationError::NotFetched(remote.url.clone()))?;
                Ok(Registry::read(&fetched.path)?.from(remote.url.as_str()))
            }
        }
    }
}

impl From<ReadError> for LocationError {
    fn from(error: ReadError) -> Self {
        Self::Registry(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_from_a_file_by_its_scheme() {
        let location = |text: &str| Location::parse(Path::new(text));
        assert_eq!(location("a/b.toml").unwrap(), Location::File("a/b.toml".into()));
        assert_eq!(location(r"C:\a.toml").unwrap(), Location::File(r"C:\a.toml".into()));
        for url in ["https://h/r.toml", "http://127.0.0.1:8/r.toml", "file:///a/r.toml"] {
            assert!(matches!(location(url), Ok(Location::Remote(remote)) if remote.url.as_str() == url), "{url}");
        }
        for bad in ["http://example.org/r.toml", "https://", "HTTPS://u:p@h/r.toml"] {
            assert!(matches!(location(bad), Err(LocationError::Address { .. })), "{bad}");
        }
    }
}
