//! Addresses that a registry may name.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

const MAX_LEN: usize = 2048;

/// Parses the address of a file: `https://HOST[:PORT]/PATH/FILE` without credentials, query or fragment, `http` of this
/// machine alone, or `file:///PATH/FILE`.
pub(crate) fn parse(text: &str) -> Result<Url, &'static str> {
    if text.len() > MAX_LEN {
        return Err("it is longer than 2048 characters");
    }
    let forbidden = ['"', '<', '>', '\\', '^', '`', '{', '|', '}'];
    if !text.chars().all(|c| c.is_ascii_graphic() && !forbidden.contains(&c)) {
        return Err("it holds a character that an address cannot hold");
    }
    let (scheme, rest) = text.split_once("://").ok_or("it must start with https://")?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') || rest.contains(['?', '#']) {
        return Err("it must not hold credentials, a query or a fragment");
    }
    let url = Url::parse(text).map_err(|_| "it is malformed")?;
    // What the library corrects in silence would not be what was written.
    match scheme {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err("it must start with https://, since it is not an address of this machine"),
        "file" if rest.starts_with('/') => {}
        "file" => return Err("a file: address must be absolute: file:///PATH"),
        _ => return Err("it must start with https://"),
    }
    if scheme != "file" && (rest.starts_with('/') || rest.starts_with(':')) {
        return Err("it names no host");
    }
    if url.port() == Some(0) || authority.ends_with(':') {
        return Err("its port is no port");
    }
    match url.host() {
        Some(Host::Domain(name)) if !name.split('.').all(is_label) => return Err("its host is no host name"),
        _ => {}
    }
    file_name(&url).map(|_| url)
}

/// The last part of the path, decoded: the name of the file.
pub(crate) fn file_name(url: &Url) -> Result<String, &'static str> {
    let last = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    let name = percent_decode_str(last).decode_utf8().map_err(|_| "its file name is no text")?;
    if matches!(&*name, "" | "." | "..") {
        return Err("it names no file");
    }
    if name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')) {
        return Err("its file name holds a character that file names cannot hold");
    }
    Ok(name.into_owned())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

fn is_label(label: &str) -> bool {
    let inner = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_of_files_pass() {
        let good = [
            "https://example.org/a.pth",
            "https://a-b.example.org:8443/x/y-1.0/a%20b.pth",
            "https://h/f",
            "https://h/a@b.pth",
            "https://192.0.2.1/f",
            "http://127.0.0.1:8000/a",
            "http://127.9.9.9/a",
            "http://[::1]:8000/a",
            "http://localhost/a",
            "file:///srv/a.pth",
        ];
        for good in good {
            assert_eq!(parse(good).map(|url| url.to_string()).as_deref(), Ok(good));
        }
        let bad = [
            "",
            "example.org/a",
            "http://example.org/a",
            "http://128.0.0.1/a",
            "http://localhost.example.org/a",
            "HTTPS://example.org/a",
            "ftp://example.org/a",
            "file://host/a",
            "file://a",
            "file:///",
            "https://",
            "https:///a",
            "https://host",
            "https://host/",
            "https://host/..",
            "https://host/x/%2e%2e",
            "https://host/a%2fb",
            "https://host/a%5cb",
            "https://host/a%00",
            "https://host/%ff",
            "https://user:pw@host/a",
            "https://host/a?b",
            "https://host/a#b",
            "https://ho st/a",
            "https://host/a\nb",
            "https://host/\u{e9}",
            "https://-host/a",
            "https://a..b/c",
            "https://host:/a",
            "https://host:0/a",
            "https://host:65536/a",
            "https://host:+1/a",
            "https://host/a\\b",
            "https://[::1/a",
        ];
        for bad in bad {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&format!("https://h/{}", "a".repeat(2048))).is_err());
    }

    #[test]
    fn a_file_name_is_decoded() {
        let name = |text: &str| file_name(&parse(text).unwrap());
        assert_eq!(name("https://h/x/a%20b.pth").as_deref(), Ok("a b.pth"));
    }
}
