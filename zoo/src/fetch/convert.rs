//! A fetched checkpoint becomes safetensors: read once by the safe reader, so that no later command touches a pickle.

use std::io::{self, Write};
use std::path::Path;
use std::thread;

use bossnas_converter::checkpoint::{
    Checkpoint, CheckpointError, Mismatch, Notes, SafetensorsWriteError, StateDictName, check, write_safetensors_to,
};
use bossnas_converter::onnx::Source;
use bossnas_files::{AtomicFile, Digest, Sha256};
use bossnas_hub::RegistryError;
use bossnas_hub::cache::{Cache, CacheError, Derived};
use bossnas_model::arch::{Architecture, BossNet};
use bossnas_model::weights::Weights;

/// Why a file is not the checkpoint that it should be.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// It is no checkpoint, or asks for more than to be read.
    #[error("{0}")]
    Unreadable(CheckpointError),
    /// It holds the weights of something else.
    #[error("its weights are not those of {network}: {mismatch}")]
    Misfit {
        /// The network of the registry.
        network: String,
        /// The differences.
        mismatch: Box<Mismatch>,
    },
    /// It is no registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The safetensors file could not be written.
    #[error(transparent)]
    Write(#[from] SafetensorsWriteError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl ConvertError {
    /// Whether it is the file's fault, not this machine's.
    pub fn is_of_file(&self) -> bool {
        match self {
            Self::Unreadable(_) | Self::Misfit { .. } | Self::Registry(_) => true,
            Self::Write(error) => !matches!(error, SafetensorsWriteError::Write(_) | SafetensorsWriteError::Io(_)),
            Self::Cache(_) => false,
        }
    }
}

/// Writes each state dict of the checkpoint at `path` into the cache. `networks` are those that the registry lists for it; the
/// weights must fit the first.
pub fn convert(cache: &Cache, path: &Path, networks: &[BossNet]) -> Result<Vec<Derived>, ConvertError> {
    let checkpoint = Checkpoint::open(path).map_err(ConvertError::Unreadable)?;
    cache.make(&cache.blobs_folder())?;
    let network = networks.first();
    let write = |name: StateDictName| state_dict(cache, &checkpoint, name, network);
    thread::scope(|scope| {
        let threads: Vec<_> = checkpoint.state_dicts().iter().map(|&name| scope.spawn(move || write(name))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn state_dict(
    cache: &Cache,
    checkpoint: &Checkpoint,
    name: StateDictName,
    network: Option<&BossNet>,
) -> Result<Derived, ConvertError> {
    let weights = checkpoint.named_state_dict(name).map_err(ConvertError::Unreadable)?;
    if let Some(network) = network {
        check(network.graph().params(), &weights)
            .map_err(|mismatch| ConvertError::Misfit { network: network.to_string(), mismatch: Box::new(mismatch) })?;
    }
    let notes = Notes {
        architecture: network.cloned().map(Architecture::BossNet),
        source: Some(Source::StateDict(name.name().to_owned())),
        ..Notes::default()
    };
    let notes = notes.entries();
    let scratch = cache.blobs_folder().join(format!("{}.safetensors", name.name()));
    let file = AtomicFile::create(&scratch).map_err(SafetensorsWriteError::Write)?;
    let mut counted = Counted { file, digest: Sha256::new(), bytes: 0 };
    write_safetensors_to(&mut counted, &weights, &weights.names(), &notes)?;
    let Counted { file, digest, bytes } = counted;
    let sha256 = digest.finish();
    keep(cache, file, sha256)?;
    Ok(Derived { name: name.name().to_owned(), sha256, bytes })
}

fn keep(cache: &Cache, file: AtomicFile, sha256: Digest) -> Result<(), ConvertError> {
    let blob = cache.blob(sha256, "x.safetensors");
    file.commit_as(&blob).map_err(SafetensorsWriteError::Write)?;
    Ok(cache.make_read_only(&blob)?)
}

/// Digests what it writes.
struct Counted {
    file: AtomicFile,
    digest: Sha256,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
