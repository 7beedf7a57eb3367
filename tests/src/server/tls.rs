//! The server's side of TLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::authority::Authority;

/// TLS 1.2 and 1.3 with the authority's certificate for servers; no client is asked for one.
pub(super) fn config(authority: &Authority) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(&authority.certificate).expect("the server's certificate");
    let key = PrivateKeyDer::from_pem_file(&authority.key).expect("the server's key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key is the certificate's");
    Arc::new(config)
}
