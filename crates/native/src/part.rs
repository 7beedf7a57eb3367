//! The parts by name.

use std::fmt;

use crate::lock::{Lock, LockedPart};

/// Native libraries that are installed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// ONNX Runtime with its own kernels for processors.
    OnnxRuntime,
    /// ONNX Runtime with its CUDA provider, which needs [`Part::Cuda`] too.
    OnnxRuntimeGpu,
    /// ONNX Runtime with Intel's OpenVINO.
    OnnxRuntimeOpenVino,
    /// CUDA's runtime, cuBLAS, cuDNN and their like.
    Cuda,
    /// libtorch and its headers, with its own kernels for processors.
    Libtorch,
    /// libtorch and its headers, with those for Nvidia's graphics processors too and all that they need beside the driver.
    LibtorchCuda,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::OnnxRuntime,
        Self::OnnxRuntimeGpu,
        Self::OnnxRuntimeOpenVino,
        Self::Cuda,
        Self::Libtorch,
        Self::LibtorchCuda,
    ];

    /// Its name in `native.toml` and in names of folders.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "onnxruntime",
            Self::OnnxRuntimeGpu => "onnxruntime-gpu",
            Self::OnnxRuntimeOpenVino => "onnxruntime-openvino",
            Self::Cuda => "cuda",
            Self::Libtorch => "libtorch",
            Self::LibtorchCuda => "libtorch-cuda",
        }
    }

    /// What to type to install it.
    pub const fn setup_command(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "cargo xtask setup",
            Self::OnnxRuntimeGpu | Self::Cuda => "cargo xtask setup --cuda",
            Self::OnnxRuntimeOpenVino => "cargo xtask setup --openvino",
            Self::Libtorch => "cargo xtask setup --torch",
            Self::LibtorchCuda => "cargo xtask setup --torch --cuda",
        }
    }

    /// What the built-in lock says of it.
    pub fn locked(self) -> Option<&'static LockedPart> {
        Lock::built_in().part(self.name())
    }

    /// Its version in the built-in lock.
    pub fn version(self) -> &'static str {
        self.locked().map_or("", |part| &part.version)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn every_part_is_locked_with_a_version() {
        for part in Part::ALL {
            assert!(!part.version().is_empty(), "{part}");
        }
    }
}
