//! Which kind of file it is, by what is in it and not by its name, and how the parts of each kind are read.

use bossnas_files::SourceFile;
use bossnas_pickle::{Limits, PickleError, Tree, read, shown};

use super::error::Problem;
use super::legacy::{self, Legacy, LegacyError};
use super::safetensors::Safetensors;
use super::tensor::TensorError;
use super::torch::{self, StorageRef};
use super::zip::Archive;

/// The containers that checkpoints come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// PyTorch's zip archive (since 1.6).
    Zip,
    /// PyTorch's row of pickles (before 1.6).
    Legacy,
    /// safetensors.
    Safetensors,
}

impl Kind {
    /// How the kind is called in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zip => "PyTorch (zip)",
            Self::Legacy => "PyTorch (legacy)",
            Self::Safetensors => "safetensors",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An open container.
#[derive(Debug)]
pub(super) enum Container {
    Zip {
        archive: Archive,
        /// What stands before `data.pkl` and `data/0`, with the slash.
        root: String,
        tree: Tree,
    },
    Legacy(Legacy),
    Safetensors(Safetensors),
}

/// Where the bytes of a storage are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At a position of the file.
    File { at: u64, len: u64 },
    /// In an entry of the archive.
    Entry { index: usize, len: u64 },
}

impl Place {
    pub(super) const fn len(self) -> u64 {
        match self {
            Self::File { len, .. } | Self::Entry { len, .. } => len,
        }
    }
}

impl Container {
    pub(super) fn open(file: &SourceFile) -> Result<Self, Problem> {
        let start = file.read_up_to(0, 64)?;
        match &*start {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::open_zip(file),
            // The length of a header (less than 4 GB), and the header. The length can look like the mark of a pickle, so
            // this comes first; no pickle that PyTorch writes has these zeros.
            [_, _, _, _, 0, 0, 0, 0, b'{', ..] => Ok(Self::Safetensors(Safetensors::open(file)?)),
            // Protocol 2 and later begin like this.
            [0x80, 0..=5, ..] => Self::open_pickle(file),
            [] => Err(Problem::NotACheckpoint("it is empty")),
            _ => Err(other(file, &start)),
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Zip { .. } => Kind::Zip,
            Self::Legacy(_) => Kind::Legacy,
            Self::Safetensors(_) => Kind::Safetensors,
        }
    }

    /// What the pickle says, if there is one.
    pub(super) const fn tree(&self) -> Option<&Tree> {
        match self {
            Self::Zip { tree, .. } => Some(tree),
            Self::Legacy(legacy) => Some(&legacy.tree),
            Self::Safetensors(_) => None,
        }
    }

    fn open_zip(file: &SourceFile) -> Result<Self, Problem> {
        let limits = Limits::default();
        let archive = Archive::open(file)?;
        let is_pickle = |name: &str| name.split_once('/').is_some_and(|(_, rest)| rest == "data.pkl");
        let found: Vec<String> = archive.names().filter(|name| is_pickle(name)).map(str::to_owned).collect();
        let [name] = &*found else { return Err(Problem::DataPkl(found.len())) };
        let root = name.trim_end_matches("data.pkl").to_owned();
        if let Some(index) = archive.find(&format!("{root}byteorder")) {
            let order = archive.read(file, index, 64)?;
            if order != b"little" {
                return Err(Problem::ByteOrder(shown(&String::from_utf8_lossy(&order))));
            }
        }
        let index = archive.find(name).ok_or(Problem::DataPkl(0))?;
        let bytes = archive.read(file, index, limits.bytes as u64)?;
        let pickle = read(&bytes, limits, &torch::allows)?;
        if pickle.consumed != bytes.len() {
            return Err(PickleError::Malformed { at: pickle.consumed, what: "more follows its end" }.into());
        }
        Ok(Self::Zip { archive, root, tree: pickle.tree })
    }

    fn open_pickle(file: &SourceFile) -> Result<Self, Problem> {
        let first = legacy::pickle_at(file, 0).map_err(|error| match error {
            LegacyError::Pickle(error) => Problem::Pickle(error),
            error => error.into(),
        })?;
        if legacy::is_magic(&first.tree) { Ok(Self::Legacy(Legacy::open(file)?)) } else { Err(Problem::BarePickle) }
    }

    /// Finds a storage and compares its size with what the pickle says.
    pub(super) fn storage(&self, storage: &StorageRef<'_>) -> Result<Place, TensorError> {
        let missing = || TensorError::NoStorage(storage.key.to_owned());
        let place = match self {
            Self::Zip { archive, root, .. } => {
                let index = archive.find(&format!("{root}data/{}", storage.key)).ok_or_else(missing)?;
                Place::Entry { index, len: archive.size(index) }
            }
            Self::Legacy(legacy) => {
                let stored = legacy.storages.get(storage.key).ok_or_else(missing)?;
                Place::File { at: stored.at, len: stored.len }
            }
            Self::Safetensors(_) => return Err(missing()),
        };
        if u128::from(place.len()) != storage.byte_len() {
            return Err(TensorError::StorageSize {
                key: storage.key.to_owned(),
                stated: storage.byte_len(),
                found: place.len(),
            });
        }
        Ok(place)
    }

    /// Reads a range of a storage; it was compared with the storage's length when the tensor was described.
    pub(super) fn read(&self, file: &SourceFile, place: Place, start: u64, len: u64) -> Result<Vec<u8>, Problem> {
        match (place, self) {
            (Place::File { at, .. }, _) => Ok(file.read_at(at + start, len)?),
            (Place::Entry { index, .. }, Self::Zip { archive, .. }) => Ok(archive.read_range(file, index, start, len)?),
            (Place::Entry { .. }, _) => Err(Problem::DataPkl(0)),
        }
    }
}

/// What a file is that is no checkpoint. A pickle of protocol 0 or 1 has no mark, so reading it is the only way to tell
/// what it would import.
fn other(file: &SourceFile, start: &[u8]) -> Problem {
    let text = start.trim_ascii_start();
    let known: &[(&[u8], &str)] = &[
        (b"version https://git-lfs", "it is a Git LFS pointer, the file itself was not downloaded"),
        (b"<", "it is a web page or XML text"),
        (b"{", "it is JSON text"),
        (b"\x93NUMPY", "it is a NumPy array"),
        (b"\x1f\x8b", "it is compressed with gzip"),
        (b"\x89HDF", "it is an HDF5 file"),
        (b"\x89PNG", "it is a picture"),
        (b"\xff\xd8\xff", "it is a picture"),
        (b"\x7fELF", "it is a program"),
        (b"GGUF", "it is a GGUF file"),
    ];
    if let Some((_, what)) = known.iter().find(|(mark, _)| text.starts_with(mark)) {
        return Problem::NotACheckpoint(what);
    }
    // An ONNX file begins with its IR version and then names its producer.
    if matches!(start, [8, 1..=20, 0x12 | 0x1a | 0x3a | 0x42, ..]) {
        return Problem::NotACheckpoint("it looks like an ONNX file");
    }
    // The first line of a pickle without a mark is a command or a name.
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let is_text =
        !line.is_empty() && line.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t' | b'\r'));
    if is_text && line.iter().any(|byte| matches!(byte, b' ' | b',' | b';' | b'\t')) {
        return Problem::NotACheckpoint("it is a text file");
    }
    match legacy::pickle_at(file, 0) {
        Err(LegacyError::Pickle(error @ PickleError::Forbidden(_))) => error.into(),
        Ok(_) => Problem::BarePickle,
        Err(_) => Problem::NotACheckpoint("it begins neither like PyTorch's archives nor like safetensors"),
    }
}
