//! Types of elements: how wide they are, what they are called, and what number their bytes mean.

use serde::{Deserialize, Serialize};

/// The element types that numpy, ONNX and the runtimes have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Element {
    Float16,
    Float32,
    Float64,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Bool,
}

impl Element {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Float16,
        Self::Float32,
        Self::Float64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Bool,
    ];

    /// The name that numpy gives it: `float32`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float16 => "float16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Bool => "bool",
        }
    }

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 | Self::Bool => 1,
            Self::Float16 | Self::Int16 | Self::Uint16 => 2,
            Self::Float32 | Self::Int32 | Self::Uint32 => 4,
            Self::Float64 | Self::Int64 | Self::Uint64 => 8,
        }
    }

    /// Whether its numbers have fractions.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float16 | Self::Float32 | Self::Float64)
    }

    /// numpy's description without the byte order: `f4`.
    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::Float16 => "f2",
            Self::Float32 => "f4",
            Self::Float64 => "f8",
            Self::Int8 => "i1",
            Self::Int16 => "i2",
            Self::Int32 => "i4",
            Self::Int64 => "i8",
            Self::Uint8 => "u1",
            Self::Uint16 => "u2",
            Self::Uint32 => "u4",
            Self::Uint64 => "u8",
            Self::Bool => "b1",
        }
    }

    /// The inverse of [`Element::description`].
    pub(super) fn of_description(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|element| element.description() == text)
    }

    /// The numbers behind little-endian bytes; `T` is wide enough or takes what is nearest.
    pub(super) fn numbers<T: FromNumber>(self, bytes: &[u8]) -> Vec<T> {
        fn each<const N: usize, T>(bytes: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
            bytes.as_chunks::<N>().0.iter().map(|&element| convert(element)).collect()
        }
        match self {
            Self::Float16 => each(bytes, |b| T::from_float(half::f16::from_le_bytes(b).to_f64())),
            Self::Float32 => each(bytes, |b| T::from_float(f64::from(f32::from_le_bytes(b)))),
            Self::Float64 => each(bytes, |b| T::from_float(f64::from_le_bytes(b))),
            Self::Int8 => each(bytes, |b| T::from_signed(i8::from_le_bytes(b).into())),
            Self::Int16 => each(bytes, |b| T::from_signed(i16::from_le_bytes(b).into())),
            Self::Int32 => each(bytes, |b| T::from_signed(i32::from_le_bytes(b).into())),
            Self::Int64 => each(bytes, |b| T::from_signed(i64::from_le_bytes(b))),
            Self::Uint8 => each(bytes, |b| T::from_unsigned(u8::from_le_bytes(b).into())),
            Self::Uint16 => each(bytes, |b| T::from_unsigned(u16::from_le_bytes(b).into())),
            Self::Uint32 => each(bytes, |b| T::from_unsigned(u32::from_le_bytes(b).into())),
            Self::Uint64 => each(bytes, |b| T::from_unsigned(u64::from_le_bytes(b))),
            Self::Bool => each(bytes, |[b]: [u8; 1]| T::from_unsigned(u64::from(b != 0))),
        }
    }

    /// The little-endian bytes of a number of this type; `None` if it is whole and cannot hold the number, or would make a
    /// finite number infinite. Fractions are rounded to what a float can hold.
    #[expect(clippy::cast_lossless, reason = "one macro for types of all widths")]
    pub(super) fn bytes_of(self, number: f64) -> Option<Vec<u8>> {
        macro_rules! whole {
            ($type:ty) => {{
                let converted = number as $type;
                // The cast saturates: what does not come back was out of range or had a fraction.
                (converted as f64 == number && number.abs() <= EXACT).then(|| converted.to_le_bytes().to_vec())
            }};
        }
        match self {
            Self::Float16 => {
                let converted = half::f16::from_f64(number);
                (converted.is_finite() || !number.is_finite()).then(|| converted.to_le_bytes().to_vec())
            }
            Self::Float32 => {
                let converted = number as f32;
                (converted.is_finite() || !number.is_finite()).then(|| converted.to_le_bytes().to_vec())
            }
            Self::Float64 => Some(number.to_le_bytes().to_vec()),
            Self::Int8 => whole!(i8),
            Self::Int16 => whole!(i16),
            Self::Int32 => whole!(i32),
            Self::Int64 => whole!(i64),
            Self::Uint8 => whole!(u8),
            Self::Uint16 => whole!(u16),
            Self::Uint32 => whole!(u32),
            Self::Uint64 => whole!(u64),
            Self::Bool => (number == 0.0 || number == 1.0).then(|| vec![number as u8]),
        }
    }
}

/// Up to here every whole number is a float64.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl std::fmt::Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A type that every element can be turned into by one rounding.
pub(super) trait FromNumber {
    fn from_float(number: f64) -> Self;
    fn from_signed(number: i64) -> Self;
    fn from_unsigned(number: u64) -> Self;
}

macro_rules! from_number {
    ($type:ty) => {
        impl FromNumber for $type {
            fn from_float(number: f64) -> Self {
                number as $type
            }
            fn from_signed(number: i64) -> Self {
                number as $type
            }
            fn from_unsigned(number: u64) -> Self {
                number as $type
            }
        }
    };
}

from_number!(f32);
from_number!(f64);
