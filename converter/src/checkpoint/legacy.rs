//! The container that PyTorch wrote before 1.6, and writes still when asked to.
//!
//! Five pickles in a row (a magic number, the protocol version 1001, facts about the machine, the object, the keys of
//! its storages) and then, for each key, the number of elements as 64 bits and the elements. Where a storage lies follows
//! from the sizes of those before it, so all sizes are checked against each other and against the file at once.

use std::collections::HashMap;

use bossnas_files::{ReadError, SourceFile};
use bossnas_pickle::{Limits, Pickle, PickleError, Tree, Value, read, shown};

use super::torch::{self, StorageRef};

/// `0x1950a86a20f9469cfc6c`, the first pickle.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The second pickle.
const PROTOCOL: i64 = 1001;

/// So much is read at first, and four times as much each time that a pickle turns out to be longer.
const WINDOW: u64 = 1 << 20;

/// How such a file can be wrong.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// One of the pickles is wrong.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// A version of the container that nobody has seen.
    #[error("it is of protocol version {0}, only {PROTOCOL} is known")]
    Protocol(i64),
    /// One of the pickles at the beginning holds something else than it should.
    #[error("its beginning is malformed: {0}")]
    Malformed(&'static str),
    /// Written on a machine with the other byte order.
    #[error("its numbers are stored in big-endian byte order, which is not supported")]
    ByteOrder,
    /// A key has no storage that the object refers to, so its size is unknown.
    #[error("nothing refers to its storage `{0}`")]
    Unused(String),
    /// A storage is listed twice.
    #[error("its storage `{0}` is listed twice")]
    Twice(String),
    /// The object refers to a storage in two ways.
    #[error("its storage `{0}` is described in two ways")]
    Contradiction(String),
    /// The number before a storage is not the one in the description.
    #[error("its storage `{key}` has {found} elements where the description says {stated}")]
    Size {
        /// Key of the storage.
        key: String,
        /// Elements by the description.
        stated: u64,
        /// Elements by the number before them.
        found: i64,
    },
    /// The file ends too early.
    #[error("it was cut short: storage `{key}` ends at byte {end}, the file at {len}")]
    Cut {
        /// Key of the first storage that is not whole.
        key: String,
        /// Where it should end.
        end: u128,
        /// Length of the file.
        len: u64,
    },
    /// There is more behind the last storage.
    #[error("{0} bytes follow its last storage")]
    Trailing(u64),
}

/// A storage's bytes in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) at: u64,
    pub(super) len: u64,
}

/// The object, and where its storages lie.
#[derive(Debug)]
pub(super) struct Legacy {
    pub(super) tree: Tree,
    pub(super) storages: HashMap<String, Stored>,
}

/// Whether a value is the magic number.
pub(super) fn is_magic(tree: &Tree) -> bool {
    matches!(tree.get(tree.root()), Value::BigInt(bytes) if **bytes == MAGIC)
}

/// Reads the pickle at `at`, in a window that grows until it is whole.
pub(super) fn pickle_at(file: &SourceFile, at: u64) -> Result<Pickle, LegacyError> {
    let limits = Limits::default();
    let mut window = WINDOW;
    loop {
        let bytes = file.read_up_to(at, window)?;
        let whole = (bytes.len() as u64) < window || window > limits.bytes as u64;
        match read(&bytes, limits, &torch::allows) {
            Err(PickleError::Truncated { .. } | PickleError::Limit { what: "bytes", .. }) if !whole => window *= 4,
            result => return Ok(result?),
        }
    }
}

impl Legacy {
    /// Reads a file whose first pickle is the magic number.
    pub(super) fn open(file: &SourceFile) -> Result<Self, LegacyError> {
        let mut at = 0;
        let mut next = || -> Result<Tree, LegacyError> {
            let pickle = pickle_at(file, at)?;
            at += pickle.consumed as u64;
            Ok(pickle.tree)
        };
        if !is_magic(&next()?) {
            return Err(LegacyError::Malformed("no magic number"));
        }
        let protocol = next()?;
        match protocol.int(protocol.root()) {
            Some(PROTOCOL) => {}
            Some(other) => return Err(LegacyError::Protocol(other)),
            None => return Err(LegacyError::Malformed("no protocol version")),
        }
        check_machine(&next()?)?;
        let tree = next()?;
        let keys = next()?;
        let keys = keys
            .sequence(keys.root())
            .and_then(|ids| ids.iter().map(|&id| keys.str(id).map(str::to_owned)).collect::<Option<Vec<_>>>())
            .ok_or(LegacyError::Malformed("no list of storage keys"))?;
        let storages = locate(file, at, &keys, &references(&tree)?)?;
        Ok(Self { tree, storages })
    }
}

fn check_machine(tree: &Tree) -> Result<(), LegacyError> {
    let facts = tree.dict(tree.root()).ok_or(LegacyError::Malformed("no facts about the machine"))?;
    let little = facts.iter().find(|(key, _)| tree.str(*key) == Some("little_endian"));
    match little.map(|&(_, value)| tree.get(value)) {
        Some(Value::Bool(true)) => Ok(()),
        Some(Value::Bool(false)) => Err(LegacyError::ByteOrder),
        _ => Err(LegacyError::Malformed("no byte order")),
    }
}

/// Every storage that the object refers to. Which tensors are wanted does not matter: positions depend on all.
fn references(tree: &Tree) -> Result<HashMap<&str, StorageRef<'_>>, LegacyError> {
    let mut found: HashMap<&str, StorageRef<'_>> = HashMap::new();
    for id in tree.ids().filter(|&id| matches!(tree.get(id), Value::Persistent(_))) {
        let storage: StorageRef<'_> =
            torch::storage(tree, id).map_err(|_| LegacyError::Malformed("a reference to no storage"))?;
        if found.insert(storage.key, storage).is_some_and(|before| before != storage) {
            return Err(LegacyError::Contradiction(shown(storage.key)));
        }
    }
    Ok(found)
}

fn locate(
    file: &SourceFile,
    start: u64,
    keys: &[String],
    references: &HashMap<&str, StorageRef<'_>>,
) -> Result<HashMap<String, Stored>, LegacyError> {
    let mut at = start;
    let mut storages = HashMap::with_capacity(keys.len());
    for key in keys {
        let storage = references.get(key.as_str()).ok_or_else(|| LegacyError::Unused(shown(key)))?;
        let data_at = u128::from(at) + 8;
        let end = data_at + storage.byte_len();
        if end > u128::from(file.len()) {
            return Err(LegacyError::Cut { key: shown(key), end, len: file.len() });
        }
        let mut count = [0; 8];
        file.read_exact_at(at, &mut count)?;
        let found = i64::from_le_bytes(count);
        if u64::try_from(found) != Ok(storage.elements) {
            return Err(LegacyError::Size { key: shown(key), stated: storage.elements, found });
        }
        let stored = Stored { at: data_at as u64, len: (end - data_at) as u64 };
        if storages.insert(key.clone(), stored).is_some() {
            return Err(LegacyError::Twice(shown(key)));
        }
        at = end as u64;
    }
    if at != file.len() {
        return Err(LegacyError::Trailing(file.len() - at));
    }
    Ok(storages)
}
