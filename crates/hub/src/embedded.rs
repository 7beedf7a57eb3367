//! Networks that are part of the program: their files are compiled in, so that every command works before anything was fetched.
//!
//! The registry says which digests the files have. They are compared whenever a file is taken, so that a registry and a program
//! that do not belong together are found out.

use bossnas_files::{Digest, Sha256};

/// Files of a network that were compiled in.
#[derive(Debug, Clone, Copy)]
struct Compiled {
    name: &'static str,
    onnx: &'static [u8],
    safetensors: &'static [u8],
}

/// All of them.
const COMPILED: [Compiled; 1] = [Compiled {
    name: "bossnet-digits",
    onnx: include_bytes!("../assets/bossnet-digits/bossnet-digits.onnx"),
    safetensors: include_bytes!("../assets/bossnet-digits/bossnet-digits.safetensors"),
}];

/// Weights that are part of the program, as the registry has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// Its name within the registry, which is that of its files.
    pub name: String,
    /// The ONNX file.
    pub onnx: EmbeddedFile,
    /// The state dict.
    pub safetensors: EmbeddedFile,
    /// The data set that it was trained on.
    pub data_set: String,
    /// The seed of its training.
    pub seed: u64,
    /// The command, in a clone of the repository, that makes the files anew.
    pub made_by: String,
    /// The licence of the weights.
    pub licence: String,
}

/// A file that is part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Digest,
}

/// A registry that speaks of other files than the program has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddedError {
    /// No such network was compiled in.
    #[error("no network `{0}` is part of this program")]
    Missing(String),
    /// Another file was compiled in.
    #[error("the {format} file of `{name}` in this program has the digest {found}, the registry says {expected}")]
    Digest {
        /// The network.
        name: String,
        /// `ONNX` or `safetensors`.
        format: &'static str,
        /// That of the file in the program.
        found: Digest,
        /// That of the registry.
        expected: Digest,
    },
}

impl Embedded {
    /// The names of all networks that are part of the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        COMPILED.iter().map(|compiled| compiled.name)
    }

    /// The ONNX file: float32, any batch.
    pub fn onnx(&self) -> Result<&'static [u8], EmbeddedError> {
        self.checked("ONNX", self.onnx, |compiled| compiled.onnx)
    }

    /// The weights that it was made from, as safetensors.
    pub fn safetensors(&self) -> Result<&'static [u8], EmbeddedError> {
        self.checked("safetensors", self.safetensors, |compiled| compiled.safetensors)
    }

    fn checked(
        &self,
        format: &'static str,
        file: EmbeddedFile,
        of: impl Fn(&Compiled) -> &'static [u8],
    ) -> Result<&'static [u8], EmbeddedError> {
        let compiled = COMPILED.iter().find(|compiled| compiled.name == self.name);
        let bytes = of(compiled.ok_or_else(|| EmbeddedError::Missing(self.name.clone()))?);
        let mut digest = Sha256::new();
        digest.update(bytes);
        let found = digest.finish();
        if found != file.sha256 {
            return Err(EmbeddedError::Digest { name: self.name.clone(), format, found, expected: file.sha256 });
        }
        Ok(bytes)
    }
}
