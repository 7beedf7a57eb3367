//! Tensors to and from ONNX Runtime.

use bossnas_files::npy::{Element, Tensor};
use half::{bf16, f16};
use ort::value::{DynValue, Tensor as OrtTensor, TensorElementType, ValueType};

use crate::runtime::error::RuntimeError;

/// A value that ONNX Runtime owns, with the elements of `tensor`.
pub(super) fn to_ort(tensor: &Tensor) -> Result<DynValue, RuntimeError> {
    macro_rules! convert {
        ($type:ty) => {{
            let elements: Vec<$type> = bytemuck::pod_collect_to_vec(tensor.bytes());
            OrtTensor::from_array((tensor.shape().to_vec(), elements)).map(OrtTensor::into_dyn)
        }};
    }
    let value = match tensor.element() {
        Element::Float16 => convert!(f16),
        Element::Float32 => convert!(f32),
        Element::Float64 => convert!(f64),
        Element::Int8 => convert!(i8),
        Element::Int16 => convert!(i16),
        Element::Int32 => convert!(i32),
        Element::Int64 => convert!(i64),
        Element::Uint8 => convert!(u8),
        Element::Uint16 => convert!(u16),
        Element::Uint32 => convert!(u32),
        Element::Uint64 => convert!(u64),
        Element::Bool => {
            let elements: Vec<bool> = tensor.bytes().iter().map(|&byte| byte != 0).collect();
            OrtTensor::from_array((tensor.shape().to_vec(), elements)).map(OrtTensor::into_dyn)
        }
    };
    value.map_err(|error| RuntimeError::failed(format!("ONNX Runtime takes no tensor {tensor:?}: {error}")))
}

/// A copy of the elements of a value. bfloat16, which numpy lacks, becomes float32.
pub(super) fn from_ort(name: &str, value: &DynValue) -> Result<Tensor, RuntimeError> {
    let failed = |reason: String| RuntimeError::failed(format!("output `{name}` cannot be read: {reason}"));
    let ValueType::Tensor { ty, .. } = value.dtype() else {
        return Err(failed(format!("it is {}, not a tensor", value.dtype())));
    };
    macro_rules! extract {
        ($type:ty, $element:ident, $bytes:expr) => {{
            let (shape, elements) = value.try_extract_tensor::<$type>().map_err(|error| failed(error.to_string()))?;
            let bytes: Vec<u8> = $bytes(elements);
            (Element::$element, shape.iter().map(|&extent| extent as usize).collect::<Vec<_>>(), bytes)
        }};
        ($type:ty, $element:ident) => {
            extract!($type, $element, |elements: &[$type]| bytemuck::cast_slice(elements).to_vec())
        };
    }
    let (element, shape, bytes) = match ty {
        TensorElementType::Float16 => extract!(f16, Float16),
        TensorElementType::Float32 => extract!(f32, Float32),
        TensorElementType::Float64 => extract!(f64, Float64),
        TensorElementType::Int8 => extract!(i8, Int8),
        TensorElementType::Int16 => extract!(i16, Int16),
        TensorElementType::Int32 => extract!(i32, Int32),
        TensorElementType::Int64 => extract!(i64, Int64),
        TensorElementType::Uint8 => extract!(u8, Uint8),
        TensorElementType::Uint16 => extract!(u16, Uint16),
        TensorElementType::Uint32 => extract!(u32, Uint32),
        TensorElementType::Uint64 => extract!(u64, Uint64),
        TensorElementType::Bool => {
            extract!(bool, Bool, |elements: &[bool]| elements.iter().map(|&element| u8::from(element)).collect())
        }
        TensorElementType::Bfloat16 => {
            let widen =
                |elements: &[bf16]| elements.iter().flat_map(|element| element.to_f32().to_le_bytes()).collect();
            extract!(bf16, Float32, widen)
        }
        other => return Err(failed(format!("elements of type {other} are not supported"))),
    };
    Tensor::new(element, shape, bytes).ok_or_else(|| failed("its shape is not that of its elements".to_owned()))
}
