//! Where a file may come from.

use std::fmt;
use std::path::{Path, PathBuf};

use bossnas_hub::{RemoteFile, Url};

/// One place to ask for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The place.
    pub place: Place,
    /// Whether it is the registry's own address, and not a mirror or a file.
    pub own: bool,
}

/// An address or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `http:` or `https:`.
    Url(Url),
    /// A file on this machine.
    File(PathBuf),
}

impl Source {
    /// The place of an address; `file:` addresses are files.
    pub fn of_url(url: &Url, own: bool) -> Self {
        let place = match url.scheme() {
            "file" => url.to_file_path().map_or_else(|()| Place::Url(url.clone()), Place::File),
            _ => Place::Url(url.clone()),
        };
        Self { place, own }
    }
}

impl fmt::Display for Source {
    /// Without credentials and query, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Url(url) => f.write_str(public(url).as_str()),
            Place::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// All places of `file` in the order in which they are asked: a local file alone, or the user's mirrors, the registry's own
/// address, the registry's mirrors. A mirror serves a file under its base name.
pub fn sources(file: &RemoteFile, mirrors: &[Url], from: Option<&Path>) -> Vec<Source> {
    if let Some(path) = from {
        let path = if path.is_dir() { path.join(&file.name) } else { path.to_owned() };
        return vec![Source { place: Place::File(path), own: false }];
    }
    let base = file.url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or(&file.name);
    let mut sources: Vec<Source> = Vec::new();
    let mirrored = mirrors.iter().map(|mirror| below(mirror, base));
    for url in mirrored.chain([file.url.clone()]).chain(file.mirrors.iter().cloned()) {
        let source = Source::of_url(&url, url == file.url);
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}

/// `base` below a mirror's address, which may or may not end in a slash.
fn below(mirror: &Url, base: &str) -> Url {
    let mut url = mirror.clone();
    url.set_fragment(None);
    let path = format!("{}/{base}", mirror.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// The address without credentials, query and fragment.
pub(super) fn public(url: &Url) -> Url {
    let mut url = url.clone();
    // These fail for addresses that cannot have credentials, and then there are none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> RemoteFile {
        RemoteFile {
            name: "named.pth".to_owned(),
            url: "https://own.example/x/a%20b.pth".parse().unwrap(),
            mirrors: vec!["https://second.example/y/c.pth".parse().unwrap()],
            bytes: None,
            sha256: None,
        }
    }

    #[test]
    fn mirrors_are_asked_first_and_serve_base_names() {
        let mirrors = ["http://m.example/z/".parse().unwrap(), "https://u:p@n.example?token=1#x".parse().unwrap()];
        let sources = sources(&file(), &mirrors, None);
        let places: Vec<String> = sources
            .iter()
            .map(|source| match &source.place {
                Place::Url(url) => url.to_string(),
                Place::File(path) => path.display().to_string(),
            })
            .collect();
        let expected = [
            "http://m.example/z/a%20b.pth",
            "https://u:p@n.example/a%20b.pth?token=1",
            "https://own.example/x/a%20b.pth",
            "https://second.example/y/c.pth",
        ];
        assert_eq!(places, expected);
        assert_eq!(sources.iter().map(|source| source.own).collect::<Vec<_>>(), [false, false, true, false]);
        assert_eq!(sources[1].to_string(), "https://n.example/a%20b.pth", "nothing secret is shown");
    }

    #[test]
    fn a_mirror_that_is_the_own_address_is_asked_once() {
        let own = sources(&file(), &["https://own.example/x".parse().unwrap()], None);
        assert_eq!((own.len(), own[0].own), (2, true));
    }

    #[test]
    fn a_folder_holds_files_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let of = |path: &Path| sources(&file(), &[], Some(path)).remove(0).place;
        assert_eq!(of(folder.path()), Place::File(folder.path().join("named.pth")));
        assert_eq!(of(Path::new("other.bin")), Place::File("other.bin".into()));
        let url: Url = "file:///srv/x.pth".parse().unwrap();
        assert_eq!(Source::of_url(&url, true), Source { place: Place::File("/srv/x.pth".into()), own: true });
    }
}
