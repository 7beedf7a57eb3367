//! Addresses that a registry may name.

/// Checks that `url` is `https://HOST[:PORT]/PATH/FILE`, without credentials, query or fragment.
pub(crate) fn check(url: &str) -> Result<(), &'static str> {
    let rest = url.strip_prefix("https://").ok_or("it must start with https://")?;
    if !url.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'))
    {
        return Err("it holds a character that an address cannot hold");
    }
    if rest.contains(['?', '#', '@']) {
        return Err("it must not hold credentials, a query or a fragment");
    }
    let (authority, path) = rest.split_once('/').ok_or("it names no file")?;
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        let inner = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    if !host.split('.').all(label) {
        return Err("its host is no host name");
    }
    if port.is_some_and(|port| !port.chars().all(|c| c.is_ascii_digit()) || !matches!(port.parse::<u16>(), Ok(1..))) {
        return Err("its port is no port");
    }
    match path.rsplit('/').next() {
        None | Some("" | "." | "..") => Err("it names no file"),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https_addresses_of_files_pass() {
        for good in ["https://example.org/a.pth", "https://a-b.example.org:8443/x/y-1.0/a%20b.pth", "https://h/f"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let bad = [
            "",
            "http://example.org/a",
            "HTTPS://example.org/a",
            "file:///a",
            "https://",
            "https:///a",
            "https://host",
            "https://host/",
            "https://host/..",
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
        ];
        for bad in bad {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
