//! The machine and what is set in its environment.

use std::io::IsTerminal;

use bossnas_data::jpeg_decoder;
use bossnas_zoo::bench::machine::system;

use super::report::{Certificates, Problem, Terminal, Variable, Versions};
use crate::cli::context::Context;

/// Variables that this program reads, beside those of proxies.
const OURS: [&str; 4] = ["BOSSNAS_HOME", "BOSSNAS_REGISTRY", "BOSSNAS_CA_FILE", "BOSSNAS_NATIVE"];

/// Variables of the project's tests.
const TESTS: [&str; 2] = ["BOSSNAS_ZOO", "BOSSNAS_FIXTURES"];

/// Variables that others define and that count here.
const OTHERS: [&str; 6] = ["ORT_DYLIB_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "NO_COLOR", "XDG_CACHE_HOME", "TERM"];

const PROXIES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];

pub(super) fn versions() -> Versions {
    Versions {
        bossnas_zoo: env!("CARGO_PKG_VERSION"),
        tract: tract(),
        jpeg_decoder: jpeg_decoder().sentence(),
        target: target(),
        system: system(),
    }
}

/// The version of tract that the workspace asks for; it is pinned.
fn tract() -> &'static str {
    const MANIFEST: &str = include_str!("../../../../Cargo.toml");
    let version = MANIFEST.lines().find_map(|line| line.strip_prefix("tract-onnx = \"="));
    version.and_then(|version| version.split('"').next()).unwrap_or("of an unknown version")
}

/// Processor, system and C library that this program was built for.
fn target() -> String {
    use std::env::consts::{ARCH, OS};
    let library = if cfg!(target_env = "musl") {
        "-musl"
    } else if cfg!(target_env = "msvc") {
        "-msvc"
    } else if cfg!(target_env = "gnu") {
        "-gnu"
    } else {
        ""
    };
    format!("{ARCH}-{OS}{library}")
}

pub(super) fn terminal(context: &Context) -> Terminal {
    Terminal {
        stdout: std::io::stdout().is_terminal(),
        stderr: std::io::stderr().is_terminal(),
        term: value("TERM"),
        color: context.console.style().is_colored(),
    }
}

/// The system's authorities; none is a problem, but only for who wants to fetch.
pub(super) fn certificates(problems: &mut Vec<Problem>) -> Certificates {
    let loaded = rustls_native_certs::load_native_certs();
    if loaded.certs.is_empty() {
        problems.push(Problem {
            broken: false,
            message: "no certificates of the system were found: no https server will be accepted".to_owned(),
            hint:
                "install the package ca-certificates, or name a file of authorities with --ca-file or $BOSSNAS_CA_FILE"
                    .to_owned(),
        });
    }
    Certificates { found: loaded.certs.len(), errors: loaded.errors.iter().map(ToString::to_string).collect() }
}

/// Variables that name proxies, in either case.
pub(super) fn proxies() -> Vec<Variable> {
    PROXIES.iter().flat_map(|name| [(*name).to_owned(), name.to_ascii_lowercase()]).filter_map(variable).collect()
}

/// Variables that this program reads. One that looks like it and is not is a slip.
pub(super) fn variables(problems: &mut Vec<Problem>) -> Vec<Variable> {
    let mut slips: Vec<String> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).filter(|name| is_slip(name)).collect();
    slips.sort();
    problems.extend(slips.into_iter().map(|name| Problem {
        broken: false,
        message: format!("${name} is set and means nothing"),
        hint: format!("the variables of this program are {}", OURS.map(|name| format!("${name}")).join(", ")),
    }));
    if let Some(path) = value("BOSSNAS_CA_FILE").filter(|path| !std::path::Path::new(path).is_file()) {
        problems.push(Problem {
            broken: true,
            message: format!("$BOSSNAS_CA_FILE names `{path}`, which is no file"),
            hint: "name a file of certificates in PEM form, or unset it".to_owned(),
        });
    }
    OURS.iter().chain(&OTHERS).map(|name| (*name).to_owned()).filter_map(variable).collect()
}

fn is_slip(name: &str) -> bool {
    name.starts_with("BOSSNAS_") && !OURS.contains(&name) && !TESTS.contains(&name)
}

fn value(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

fn variable(name: String) -> Option<Variable> {
    value(&name).map(|value| Variable { name, value: without_credentials(&value) })
}

/// A value without what may be a password: all before the last `@`, and a query.
fn without_credentials(value: &str) -> String {
    let (scheme, rest) = value.split_once("://").unwrap_or(("", value));
    if scheme.is_empty() && !rest.contains('@') {
        return rest.to_owned();
    }
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let hidden = if rest.contains('@') { "…@" } else { "" };
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{hidden}{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_without_credentials() {
        let cases = [
            ("http://user:secret@proxy:3128", "http://…@proxy:3128"),
            ("user:se/cr@et@proxy:3128/x", "…@proxy:3128/x"),
            ("https://h/r.toml?token=secret", "https://h/r.toml"),
            ("http://proxy:3128", "http://proxy:3128"),
            ("localhost,.example.org", "localhost,.example.org"),
            ("/home/me/cache", "/home/me/cache"),
        ];
        for (value, shown) in cases {
            assert_eq!(without_credentials(value), shown);
        }
    }

    #[test]
    fn the_version_of_tract_is_known() {
        assert!(tract().split('.').count() == 3, "{}", tract());
    }

    #[test]
    fn a_slip_in_a_name_is_seen() {
        assert!(is_slip("BOSSNAS_CACHE") && !is_slip("BOSSNAS_HOME") && !is_slip("BOSSNAS_ZOO") && !is_slip("HOME"));
    }
}
