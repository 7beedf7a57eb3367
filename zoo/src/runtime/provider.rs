//! What can run a file: tract, which is built in, and the execution providers of ONNX Runtime, in one table.

use bossnas_native::Part;
use serde::{Deserialize, Serialize};

use super::settings::Precision;

/// What runs a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// Built in.
    Tract,
    /// ONNX Runtime, a library that is loaded when it is needed, with one of its execution providers.
    Ort(Provider),
}

impl Runtime {
    /// All of them, tract first.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Tract).chain(Provider::ALL.map(Self::Ort))
    }

    /// `tract`, `ort-cpu`, `ort-cuda`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tract => "tract",
            Self::Ort(provider) => provider.row().runtime,
        }
    }

    /// Types that it can be told to multiply in; whether the device has them is another matter.
    pub const fn precisions(self) -> &'static [Precision] {
        match self {
            Self::Tract => &[Precision::F32],
            Self::Ort(provider) => provider.precisions(),
        }
    }

    /// Whether it computes in memory of its own, on a device of its own.
    pub const fn has_own_memory(self) -> bool {
        match self {
            Self::Tract => false,
            Self::Ort(provider) => provider.has_own_memory(),
        }
    }

    /// The inverse of [`Runtime::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|runtime| runtime.name() == name)
    }
}

impl std::fmt::Display for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An execution provider of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The processor.
    Cpu,
    /// NVIDIA GPUs.
    Cuda,
    /// NVIDIA GPUs, through engines that are built for a file.
    TensorRt,
    /// Intel's processors and GPUs.
    OpenVino,
    /// Apple's devices.
    CoreMl,
    /// GPUs on Windows.
    DirectMl,
    /// Processors, with kernels made for phones.
    Xnnpack,
}

/// What is known of a provider.
struct Row {
    /// As it is typed.
    name: &'static str,
    /// With its family.
    runtime: &'static str,
    /// As ONNX Runtime calls it.
    canonical: &'static str,
    /// Builds of ONNX Runtime that have it and that can be set up, the best first.
    parts: &'static [Part],
    /// What it needs beside its library.
    needs: Option<&'static str>,
    /// Types that it can be told to multiply in.
    precisions: &'static [Precision],
}

/// Only the builds for Apple's systems have it.
#[cfg(target_vendor = "apple")]
const COREML: &[Part] = &[Part::OnnxRuntime];
#[cfg(not(target_vendor = "apple"))]
const COREML: &[Part] = &[];

impl Provider {
    /// The table, in the order in which they are listed.
    pub const ALL: [Self; 7] =
        [Self::Cpu, Self::Cuda, Self::TensorRt, Self::OpenVino, Self::CoreMl, Self::DirectMl, Self::Xnnpack];

    const fn row(self) -> &'static Row {
        match self {
            Self::Cpu => &Row {
                name: "cpu",
                runtime: "ort-cpu",
                canonical: "CPUExecutionProvider",
                parts: &[Part::OnnxRuntime, Part::OnnxRuntimeOpenVino, Part::OnnxRuntimeGpu],
                needs: None,
                precisions: &[Precision::F32],
            },
            Self::Cuda => &Row {
                name: "cuda",
                runtime: "ort-cuda",
                canonical: "CUDAExecutionProvider",
                parts: &[Part::OnnxRuntimeGpu],
                needs: Some("an NVIDIA GPU and its driver"),
                precisions: &[Precision::F32, Precision::Tf32],
            },
            Self::TensorRt => &Row {
                name: "tensorrt",
                runtime: "ort-tensorrt",
                canonical: "TensorrtExecutionProvider",
                parts: &[Part::OnnxRuntimeGpu],
                needs: Some("an NVIDIA GPU, its driver, and TensorRT's own libraries (libnvinfer)"),
                precisions: &[Precision::F32, Precision::Bf16, Precision::F16],
            },
            Self::OpenVino => &Row {
                name: "openvino",
                runtime: "ort-openvino",
                canonical: "OpenVINOExecutionProvider",
                parts: &[Part::OnnxRuntimeOpenVino],
                needs: None,
                precisions: &[Precision::F32, Precision::Bf16, Precision::F16],
            },
            Self::CoreMl => &Row {
                name: "coreml",
                runtime: "ort-coreml",
                canonical: "CoreMLExecutionProvider",
                parts: COREML,
                needs: Some("macOS or iOS"),
                precisions: &[Precision::F32],
            },
            Self::DirectMl => &Row {
                name: "directml",
                runtime: "ort-directml",
                canonical: "DmlExecutionProvider",
                parts: &[],
                needs: Some("Windows and a build of ONNX Runtime with DirectML"),
                precisions: &[Precision::F32],
            },
            Self::Xnnpack => &Row {
                name: "xnnpack",
                runtime: "ort-xnnpack",
                canonical: "XnnpackExecutionProvider",
                parts: &[],
                needs: Some("a build of ONNX Runtime with XNNPACK"),
                precisions: &[Precision::F32],
            },
        }
    }

    /// As it is typed: `cuda`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// As ONNX Runtime calls it: `CUDAExecutionProvider`.
    pub const fn canonical(self) -> &'static str {
        self.row().canonical
    }

    /// Builds of ONNX Runtime that have it and that can be set up, the best first.
    pub const fn parts(self) -> &'static [Part] {
        self.row().parts
    }

    /// What it needs beside its library.
    pub const fn needs(self) -> Option<&'static str> {
        self.row().needs
    }

    /// Types that it can be told to multiply in; whether the device has them is another matter.
    pub const fn precisions(self) -> &'static [Precision] {
        self.row().precisions
    }

    /// Whether it computes in memory of its own, which a limit on addresses does not bound (and would break).
    pub const fn has_own_memory(self) -> bool {
        matches!(self, Self::Cuda | Self::TensorRt | Self::DirectMl | Self::CoreMl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_what_they_name() {
        for runtime in Runtime::all() {
            assert_eq!(Runtime::from_name(runtime.name()), Some(runtime));
        }
        for provider in Provider::ALL {
            assert_eq!(Runtime::Ort(provider).name(), format!("ort-{}", provider.name()));
        }
        assert_eq!(Runtime::from_name("cuda"), None);
    }
}
