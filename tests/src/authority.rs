//! Certificates for servers on the loopback, from an authority made for the test.
//!
//! Each call makes new keys, so that a second authority is foreign to the first: what it signed must not be trusted by a
//! client that was given the first.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa};
use rcgen::{KeyPair, KeyUsagePurpose};

/// The names that a server's certificate is for.
const NAMES: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// The PEM files of an authority and of the one server that it has signed for.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The authority's certificate: what a client is told to trust.
    pub ca: PathBuf,
    /// The server's certificate, for 127.0.0.1, `::1` and localhost.
    pub certificate: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes an authority and writes `<name>-ca.pem`, `<name>-server.pem` and `<name>-server.key` into `folder`.
    pub fn create(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("{name} test authority"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("the authority signs itself");

        let mut params = CertificateParams::new(NAMES.map(String::from)).expect("names of servers");
        params.distinguished_name.push(DnType::CommonName, format!("{name} test server"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let server = key();
        let certificate = params.signed_by(&server, &issuer).expect("the authority signs the server's certificate");

        let write = |file: &str, pem: String| {
            let path = folder.join(format!("{name}-{file}"));
            std::fs::write(&path, pem).expect("the folder for certificates can be written");
            path
        };
        Self {
            ca: write("ca.pem", issuer.pem()),
            certificate: write("server.pem", certificate.pem()),
            key: write("server.key", server.serialize_pem()),
        }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}
