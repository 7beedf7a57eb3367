//! Tensors to and from tract.

use bossnas_files::npy::{Element, Tensor};
use half::f16;
use tract_onnx::prelude::{DatumType, Tensor as TractTensor, TractResult};

/// tract's name of a type.
pub(super) fn datum_type(element: Element) -> DatumType {
    match element {
        Element::Float16 => DatumType::F16,
        Element::Float32 => DatumType::F32,
        Element::Float64 => DatumType::F64,
        Element::Int8 => DatumType::I8,
        Element::Int16 => DatumType::I16,
        Element::Int32 => DatumType::I32,
        Element::Int64 => DatumType::I64,
        Element::Uint8 => DatumType::U8,
        Element::Uint16 => DatumType::U16,
        Element::Uint32 => DatumType::U32,
        Element::Uint64 => DatumType::U64,
        Element::Bool => DatumType::Bool,
    }
}

/// A copy in tract's memory.
pub(super) fn to_tract(tensor: &Tensor) -> TractResult<TractTensor> {
    macro_rules! convert {
        ($type:ty) => {
            TractTensor::from_shape(tensor.shape(), &bytemuck::pod_collect_to_vec::<u8, $type>(tensor.bytes()))
        };
    }
    match tensor.element() {
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
            TractTensor::from_shape(tensor.shape(), &elements)
        }
    }
}

/// A copy of the elements of a value of tract. Extents that are symbols to it are 64-bit integers to all others.
pub(super) fn from_tract(value: &TractTensor) -> Result<Tensor, String> {
    let text = |error: tract_onnx::prelude::TractError| super::chain(&error);
    macro_rules! extract {
        ($type:ty, $element:ident) => {{
            let view = value.to_plain_array_view::<$type>().map_err(text)?;
            let bytes = view.iter().flat_map(|element| element.to_le_bytes()).collect();
            Tensor::new(Element::$element, view.shape().to_vec(), bytes)
        }};
    }
    let tensor = match value.datum_type().unquantized() {
        DatumType::F16 => extract!(f16, Float16),
        DatumType::F32 => extract!(f32, Float32),
        DatumType::F64 => extract!(f64, Float64),
        DatumType::I8 => extract!(i8, Int8),
        DatumType::I16 => extract!(i16, Int16),
        DatumType::I32 => extract!(i32, Int32),
        DatumType::I64 => extract!(i64, Int64),
        DatumType::U8 => extract!(u8, Uint8),
        DatumType::U16 => extract!(u16, Uint16),
        DatumType::U32 => extract!(u32, Uint32),
        DatumType::U64 => extract!(u64, Uint64),
        DatumType::TDim => return from_tract(&*value.cast_to::<i64>().map_err(text)?),
        DatumType::Bool => {
            let view = value.to_plain_array_view::<bool>().map_err(text)?;
            Tensor::new(Element::Bool, view.shape().to_vec(), view.iter().map(|&element| u8::from(element)).collect())
        }
        other => return Err(format!("elements of type {other:?} are not supported")),
    };
    tensor.ok_or_else(|| "its shape is not that of its elements".to_owned())
}
