//! The HTTP client: whom it trusts, which redirects it follows, how long it waits.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bossnas_files::{ReadError, SourceFile};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::fault::Fault;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

const MAX_CA_BYTES: u64 = 8 << 20;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file of additional authorities cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It holds no certificate.
    #[error("`{}` holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// It holds one that cannot be used.
    #[error("a certificate in `{}` cannot be used: {problem}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What the library said.
        problem: String,
    },
    /// The library refused.
    #[error("cannot prepare the HTTP client: {0}")]
    Build(String),
}

/// A client that trusts the system's authorities and those in `ca_file`, takes proxies from the environment, never follows a
/// redirect away from https, and gives up a connection on which nothing came for `silence`.
pub fn client(ca_file: Option<&Path>, silence: Duration) -> Result<Client, ClientError> {
    let build = |error: &dyn StdError| ClientError::Build(innermost(error));
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| build(&error))?
        .with_root_certificates(authorities(ca_file)?)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("bossnas-zoo/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::custom(follow))
        // An address may hold a secret, and is nobody else's business.
        .referer(false)
        .http1_only()
        // Each download has its own thread, which drives its connection and no other.
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(silence)
        .build()
        .map_err(|error| build(&error))
}

/// The system's authorities (`$SSL_CERT_FILE` and `$SSL_CERT_DIR` count) and those in a file. Certificates of the system that
/// cannot be read are left out: whoever needs one is told that a server's certificate is not accepted.
fn authorities(ca_file: Option<&Path>) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let Some(path) = ca_file else { return Ok(roots) };
    let file = SourceFile::open(path)?;
    let pem = file.read_at(0, file.len().min(MAX_CA_BYTES))?;
    let unusable = |problem: String| ClientError::Certificate { path: path.to_owned(), problem };
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        found = true;
    }
    if found { Ok(roots) } else { Err(ClientError::NoCertificate(path.to_owned())) }
}

/// A redirect that is not followed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct NotFollowed(Fault);

/// The library leaves out credentials when host, port or scheme change.
fn follow(attempt: Attempt<'_>) -> redirect::Action {
    let was_https = attempt.previous().iter().any(|url| url.scheme() == "https");
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error(NotFollowed(Fault::Redirects(MAX_REDIRECTS)));
    }
    match attempt.url().scheme() {
        "https" => attempt.follow(),
        "http" if !was_https => attempt.follow(),
        scheme => {
            let scheme = scheme.to_owned();
            attempt.error(NotFollowed(Fault::Downgrade(scheme)))
        }
    }
}

/// What a failure of the library means for a download that has `at` bytes; `silence` is its time-out.
pub(super) fn fault(error: &reqwest::Error, at: u64, silence: Duration) -> Fault {
    if let Some(NotFollowed(fault)) = find::<NotFollowed>(error) {
        return fault.clone();
    }
    if let Some(rustls::Error::InvalidCertificate(reason)) = find::<rustls::Error>(error) {
        return Fault::Certificate(reason.to_string());
    }
    let reason = innermost(error);
    match error {
        error if error.is_connect() && error.is_timeout() => Fault::Connect("no answer".to_owned()),
        error if error.is_connect() => Fault::Connect(reason),
        error if error.is_timeout() => Fault::Silent(silence),
        _ => Fault::Broken { at, reason },
    }
}

/// The first error of type `E` among the causes, also within errors of input and output.
fn find<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

/// The cause that says what happened; those around it repeat the address and that a request was made.
fn innermost(error: &dyn StdError) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
