//! Arrays of any type of numbers, kept as the bytes they are.

use super::Array;
use super::element::Element;

/// An array in row-major order whose elements keep their type.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    element: Element,
    shape: Vec<usize>,
    /// Little-endian.
    bytes: Vec<u8>,
}

impl Tensor {
    /// An array from the little-endian bytes of its elements. `None` if that are not as many as its shape says.
    pub fn new(element: Element, shape: Vec<usize>, bytes: Vec<u8>) -> Option<Self> {
        let needed = shape.iter().try_fold(element.size(), |n, &extent| n.checked_mul(extent));
        (needed == Some(bytes.len())).then_some(Self { element, shape, bytes })
    }

    /// An array from numbers; `None` if they are not as many as the shape says, or not all of them can be elements.
    pub fn from_f64s(element: Element, shape: Vec<usize>, numbers: &[f64]) -> Option<Self> {
        let mut bytes = Vec::with_capacity(numbers.len() * element.size());
        for &number in numbers {
            bytes.extend(element.bytes_of(number)?);
        }
        Self::new(element, shape, bytes)
    }

    /// The same numbers as another type, fractions rounded; `None` where whole numbers would be lost.
    pub fn cast(&self, element: Element) -> Option<Self> {
        if element == self.element {
            return Some(self.clone());
        }
        Self::from_f64s(element, self.shape.clone(), &self.f64s())
    }

    /// Type of the elements.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, little-endian.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, without copying them.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.element.size()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The elements as float64; only 64-bit integers may be rounded.
    pub fn f64s(&self) -> Vec<f64> {
        self.element.numbers(&self.bytes)
    }

    /// As an array of float32, each element rounded at most once.
    pub fn to_array(&self) -> Array {
        Array { shape: self.shape.clone(), values: self.element.numbers(&self.bytes) }
    }
}

impl From<&Array> for Tensor {
    fn from(array: &Array) -> Self {
        let bytes = if cfg!(target_endian = "little") {
            bytemuck::cast_slice(&array.values).to_vec()
        } else {
            array.values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        Self { element: Element::Float32, shape: array.shape.clone(), bytes }
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.element, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_as_many_as_the_shape_says() {
        assert!(Tensor::new(Element::Int64, vec![2, 1], vec![0; 16]).is_some());
        assert!(Tensor::new(Element::Int64, vec![2, 1], vec![0; 8]).is_none());
        assert!(Tensor::new(Element::Bool, vec![usize::MAX, 2], vec![]).is_none());
        assert!(Tensor::new(Element::Bool, vec![0, 3], vec![]).is_some());
    }

    #[test]
    fn a_cast_rounds_fractions_and_loses_no_whole_number() {
        let tensor = |element, numbers: &[f64]| Tensor::from_f64s(element, vec![numbers.len()], numbers);
        let ids = tensor(Element::Float64, &[0.0, 255.0]).unwrap();
        assert_eq!(ids.cast(Element::Uint8).unwrap().bytes(), [0, 255]);
        assert_eq!(ids.cast(Element::Int8), None);
        assert_eq!(ids.cast(Element::Bool), None);
        let tenth = tensor(Element::Float64, &[0.1]).unwrap();
        assert_eq!(tenth.cast(Element::Float32).unwrap().f64s(), [f64::from(0.1_f32)]);
        assert_eq!(tenth.cast(Element::Int64), None);
        assert_eq!(tensor(Element::Float16, &[1e6]), None);
        assert!(tensor(Element::Float16, &[f64::INFINITY]).is_some());
        let large = Tensor::new(Element::Int64, vec![1], i64::MAX.to_le_bytes().to_vec()).unwrap();
        assert_eq!(large.cast(Element::Uint64), None);
    }

    #[test]
    fn numbers_of_every_type_are_what_they_mean() {
        let tensor = Tensor::new(Element::Int64, vec![1], (-3_i64).to_le_bytes().to_vec()).unwrap();
        assert_eq!(tensor.f64s(), [-3.0]);
        let tensor = Tensor::new(Element::Float16, vec![1], half::f16::from_f32(0.5).to_le_bytes().to_vec()).unwrap();
        assert_eq!(tensor.to_array(), Array { shape: vec![1], values: vec![0.5] });
        let array = Array { shape: vec![2], values: vec![1.5, -2.0] };
        assert_eq!(Tensor::from(&array).to_array(), array);
    }
}
