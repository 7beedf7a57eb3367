//! Execution providers: asked for so that a failure is one, and explained when they fail.

use std::path::Path;

use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider as _, ExecutionProvider as _, ExecutionProviderDispatch};
use ort::session::builder::SessionBuilder;

use crate::runtime::error::{Kind, RuntimeError};
use crate::runtime::library::install;
use crate::runtime::provider::Provider;
use crate::runtime::settings::{Load, Precision, Settings};

/// Whether the loaded library was built with `provider`.
fn is_built_in(provider: Provider) -> bool {
    let available = match provider {
        Provider::Cpu => ep::CPU::is_available(),
        Provider::Cuda => ep::CUDA::is_available(),
        Provider::TensorRt => ep::TensorRT::is_available(),
        Provider::OpenVino => ep::OpenVINO::is_available(),
        Provider::CoreMl => ep::CoreML::is_available(),
        Provider::DirectMl => ep::DirectML::is_available(),
        Provider::Xnnpack => ep::XNNPACK::is_available(),
    };
    available.unwrap_or(false)
}

/// Makes `builder` use `provider`. ONNX Runtime would run on the processor when it cannot; this fails instead, in its words.
pub(super) fn register(
    builder: SessionBuilder,
    provider: Provider,
    settings: &Settings,
    library: &Path,
) -> Result<SessionBuilder, RuntimeError> {
    let precision = settings.precision;
    if !provider.precisions().contains(&precision) {
        let message = format!("{} cannot be told to compute in {}", provider.name(), precision.name());
        return Err(RuntimeError::new(Kind::Usage, message));
    }
    if provider == Provider::Cpu {
        return Ok(builder);
    }
    if !is_built_in(provider) {
        let built_in: Vec<&str> = Provider::ALL.iter().filter(|&&it| is_built_in(it)).map(|it| it.name()).collect();
        let message = format!(
            "{} cannot run here: `{}` was built without {}; it has {}",
            provider.name(),
            library.display(),
            provider.canonical(),
            built_in.join(", ")
        );
        return Err(RuntimeError::unavailable(message).hint(install(provider)));
    }
    let threads = settings.thread_count();
    let dispatch: ExecutionProviderDispatch = match provider {
        Provider::Cpu => ep::CPU::default().build(),
        // It takes TensorFloat-32 when it isn't told.
        Provider::Cuda => ep::CUDA::default().with_tf32(precision == Precision::Tf32).build(),
        Provider::TensorRt => ep::TensorRT::default()
            .with_fp16(precision == Precision::F16)
            .with_bf16(precision == Precision::Bf16)
            .build(),
        Provider::OpenVino => ep::OpenVINO::default()
            .with_device_type("CPU")
            .with_num_threads(threads)
            .with_arbitrary_config("load_config", openvino_config(precision))
            .build(),
        Provider::CoreMl => ep::CoreML::default().build(),
        Provider::DirectMl => ep::DirectML::default().build(),
        Provider::Xnnpack => {
            let threads = std::num::NonZeroUsize::new(threads).unwrap_or(std::num::NonZeroUsize::MIN);
            ep::XNNPACK::default().with_intra_op_num_threads(threads).build()
        }
    };
    builder
        .with_execution_providers([dispatch.error_on_failure()])
        .map_err(|error| unavailable(provider, library, &error.to_string()))
}

/// OpenVINO takes bfloat16 where a processor has it, unless it is told; its own option for precision does not reach that.
fn openvino_config(precision: Precision) -> String {
    format!(r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{}"}}}}"#, precision.name())
}

/// Why a file could not be loaded: often it is only then that a provider finds out that it cannot run.
pub(super) fn explain(load: &Load, provider: Provider, library: &Path, reason: &str) -> RuntimeError {
    if provider != Provider::Cpu && is_about_the_machine(reason) {
        return unavailable(provider, library, reason);
    }
    RuntimeError::failed(format!("ONNX Runtime cannot load {}: {}", load.model.display(), one_line(reason)))
}

fn is_about_the_machine(reason: &str) -> bool {
    ["CUDA failure", "CUDA error", "cudaError", "libcuda", "CUDNN failure", "driver", "cannot open shared object"]
        .iter()
        .any(|word| reason.contains(word))
}

fn unavailable(provider: Provider, library: &Path, reason: &str) -> RuntimeError {
    let message = format!("{} cannot run here: {}", provider.name(), one_line(reason));
    RuntimeError::unavailable(message).hint(hint(provider, library, reason))
}

/// The words of the library on one line, without the place in its sources and the number of the error before them.
fn one_line(text: &str) -> String {
    const MARK: &str = "[ONNXRuntimeError] : ";
    let words = match text.rsplit_once(MARK) {
        Some((_, rest)) => rest.splitn(3, " : ").last().unwrap_or(rest),
        None => text,
    };
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What helps, by the words of the library.
fn hint(provider: Provider, library: &Path, reason: &str) -> String {
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    let missing = has(&["cannot open shared object", "which is missing", "LoadLibrary", "image not found"]);
    match provider {
        Provider::TensorRt if has(&["nvinfer"]) => {
            "TensorRT's libraries were not found: install TensorRT 10 and name its folder in the path of libraries"
                .to_owned()
        }
        Provider::Cuda | Provider::TensorRt
            if has(&[
                "libcuda.so",
                "nvcuda",
                "driver version",
                "no CUDA-capable",
                "cudaErrorNoDevice",
                "CUDA failure 100",
                "CUDA failure 35",
                "CUDA failure 34",
            ]) =>
        {
            "there is no NVIDIA GPU here that a driver makes usable: `nvidia-smi` shows what the driver sees".to_owned()
        }
        Provider::Cuda | Provider::TensorRt if missing => {
            let command = bossnas_native::Part::Cuda.setup_command();
            format!("a library of CUDA or cuDNN was not found: `{command}` installs those that it needs")
        }
        _ => match provider.needs() {
            Some(needs) => format!("{} needs {needs}", provider.name()),
            None => format!("the library in use is `{}`", library.display()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_in_the_sources_is_left_out() {
        let text = "/src/provider_bridge_ort.cc:2043 onnxruntime::Provider& Get() [ONNXRuntimeError] : 1 : FAIL : Failed to \
                    load library x.so with error: y.so: cannot open\n";
        assert_eq!(one_line(text), "Failed to load library x.so with error: y.so: cannot open");
        assert_eq!(one_line("CUDA failure 100\n"), "CUDA failure 100");
    }

    #[test]
    fn hints_fit_the_words_of_the_library() {
        let hint = |reason: &str| hint(Provider::Cuda, Path::new("lib.so"), reason);
        let missing = "Failed to load library libonnxruntime_providers_cuda.so with error: libcudnn.so.9: \
                       cannot open shared object file: No such file or directory";
        assert!(hint(missing).contains("setup --cuda"), "{}", hint(missing));
        let device = "CUDA failure 100: no CUDA-capable device is detected ; GPU=0";
        assert!(hint(device).contains("nvidia-smi"));
        let driver = "libcuda.so.1: cannot open shared object file: No such file or directory";
        assert!(hint(driver).contains("nvidia-smi"));
    }
}
