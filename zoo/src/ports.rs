//! Inputs as a file declares them: which tensors fit, what their symbols stand for, and tensors to try a file with.

use bossnas_converter::onnx::summary::Port;
use bossnas_files::npy::{Element, Tensor};
use bossnas_model::random::unit;

use crate::runtime::{InputSpec, NamedTensor};

/// Extents of inputs where a file leaves them open and nobody says.
const OPEN_BATCH: usize = 1;
const OPEN_CHANNELS: usize = 3;
const OPEN_SIDE: usize = 224;
const OPEN_OTHER: usize = 1;
/// The most elements of an input that is made up.
const MAX_ELEMENTS: usize = 1 << 28;

/// Why a tensor does not fit an input, or none can be made for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// A type that cannot be given.
    #[error("input `{name}` is {kind}, which cannot be given")]
    Kind {
        /// The input.
        name: String,
        /// Its type in the words of the file.
        kind: String,
    },
    /// Other extents than the file declares.
    #[error("input `{name}` must be [{declared}], not {found:?}")]
    Shape {
        /// The input.
        name: String,
        /// What the file declares.
        declared: String,
        /// What was given.
        found: Vec<usize>,
    },
    /// Numbers that the input's type cannot hold.
    #[error("input `{name}` is {element}, which cannot hold all of the {found} numbers that were given")]
    Element {
        /// The input.
        name: String,
        /// Its type.
        element: Element,
        /// That of what was given.
        found: Element,
    },
    /// Too large to make up.
    #[error("input `{name}` would have {shape:?} elements: too many to make up")]
    TooLarge {
        /// The input.
        name: String,
        /// Its extents.
        shape: Vec<usize>,
    },
}

/// The element type of an input or output, if it is one that can be given.
pub fn element(port: &Port) -> Option<Element> {
    Some(match port.kind.as_str() {
        "FLOAT16" => Element::Float16,
        "FLOAT" => Element::Float32,
        "DOUBLE" => Element::Float64,
        "INT8" => Element::Int8,
        "INT16" => Element::Int16,
        "INT32" => Element::Int32,
        "INT64" => Element::Int64,
        "UINT8" => Element::Uint8,
        "UINT16" => Element::Uint16,
        "UINT32" => Element::Uint32,
        "UINT64" => Element::Uint64,
        "BOOL" => Element::Bool,
        _ => return None,
    })
}

fn required_element(port: &Port) -> Result<Element, PortError> {
    element(port).ok_or_else(|| PortError::Kind { name: port.name.clone(), kind: port.kind.clone() })
}

/// The extents that a file fixes, an axis each; `None` where it says nothing of the shape.
pub fn extents(port: &Port) -> Option<Vec<Option<usize>>> {
    port.shape.as_ref().map(|shape| shape.iter().map(|extent| extent.parse().ok()).collect())
}

/// `tensor` as the input wants it: of its type, if no number is lost beyond rounding, and of a shape that it allows.
pub fn fit(port: &Port, tensor: &Tensor) -> Result<Tensor, PortError> {
    let element = required_element(port)?;
    let fits = extents(port).is_none_or(|extents| {
        extents.len() == tensor.shape().len()
            && extents.iter().zip(tensor.shape()).all(|(declared, found)| declared.is_none_or(|it| it == *found))
    });
    if !fits {
        let declared = port.shape.as_deref().unwrap_or_default().join(", ");
        return Err(PortError::Shape { name: port.name.clone(), declared, found: tensor.shape().to_vec() });
    }
    tensor.cast(element).ok_or_else(|| PortError::Element { name: port.name.clone(), element, found: tensor.element() })
}

/// What the symbols of the inputs stand for, given what they are loaded for. A symbol that would stand for two things is left out:
/// the runtime says what is wrong with it.
pub fn symbols(ports: &[Port], inputs: &[InputSpec]) -> Vec<(String, usize)> {
    let mut symbols: Vec<(String, Option<usize>)> = Vec::new();
    for input in inputs {
        let shape = ports.iter().find(|port| port.name == input.name).and_then(|port| port.shape.as_deref());
        for (symbol, &extent) in shape.unwrap_or_default().iter().zip(&input.shape) {
            if symbol == "?" || symbol.parse::<usize>().is_ok() {
                continue;
            }
            match symbols.iter_mut().find(|(known, _)| known == symbol) {
                Some((_, known)) if *known == Some(extent) => {}
                Some((_, known)) => *known = None,
                None => symbols.push((symbol.clone(), Some(extent))),
            }
        }
    }
    symbols.into_iter().filter_map(|(symbol, extent)| Some((symbol, extent?))).collect()
}

/// What a file is to be loaded for.
pub fn specs(inputs: &[NamedTensor]) -> Vec<InputSpec> {
    let spec = |(name, tensor): &NamedTensor| InputSpec {
        name: name.clone(),
        element: tensor.element(),
        shape: tensor.shape().to_vec(),
    };
    inputs.iter().map(spec).collect()
}

/// A tensor to try an input with, the same in every run: numbers in `[-2, 2)`, the range of normalised photographs, small
/// ones where the type is whole. `shape` replaces what the file declares; extents that nobody knows are those of one
/// photograph.
pub fn probe(port: &Port, shape: Option<&[usize]>, stream: u64) -> Result<NamedTensor, PortError> {
    let element = required_element(port)?;
    let shape = shape.map_or_else(|| open_shape(port), <[usize]>::to_vec);
    let count = shape.iter().try_fold(1_usize, |n, &extent| n.checked_mul(extent));
    let count = count.filter(|&count| count <= MAX_ELEMENTS);
    let count = count.ok_or_else(|| PortError::TooLarge { name: port.name.clone(), shape: shape.clone() })?;
    let number = |index: usize| {
        let unit = unit(stream, index as u64);
        if element.is_float() { unit * 4.0 - 2.0 } else { (unit * 2.0).floor() }
    };
    let numbers: Vec<f64> = (0..count).map(number).collect();
    let tensor = Tensor::from_f64s(element, shape.clone(), &numbers);
    let tensor = tensor.ok_or_else(|| PortError::TooLarge { name: port.name.clone(), shape })?;
    Ok((port.name.clone(), tensor))
}

fn open_shape(port: &Port) -> Vec<usize> {
    let extents = extents(port).unwrap_or_default();
    let is_image = extents.len() == 4;
    let open = |axis: usize| match (is_image, axis) {
        (_, 0) => OPEN_BATCH,
        (true, 1) => OPEN_CHANNELS,
        (true, _) => OPEN_SIDE,
        (false, _) => OPEN_OTHER,
    };
    extents.iter().enumerate().map(|(axis, extent)| extent.unwrap_or_else(|| open(axis))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(kind: &str, shape: &[&str]) -> Port {
        let shape = Some(shape.iter().map(|&extent| extent.to_owned()).collect());
        Port { name: "x".to_owned(), kind: kind.to_owned(), shape }
    }

    fn floats(shape: &[usize]) -> Tensor {
        Tensor::from_f64s(Element::Float32, shape.to_vec(), &vec![0.5; shape.iter().product()]).unwrap()
    }

    #[test]
    fn a_tensor_fits_where_nothing_fixed_differs() {
        assert!(fit(&port("FLOAT", &["batch", "3", "?", "4"]), &floats(&[7, 3, 9, 4])).is_ok());
        let error = fit(&port("FLOAT", &["batch", "3"]), &floats(&[7, 4])).unwrap_err().to_string();
        assert_eq!(error, "input `x` must be [batch, 3], not [7, 4]");
        assert!(fit(&port("FLOAT", &["batch"]), &floats(&[7, 4])).is_err());
        assert!(matches!(fit(&port("STRING", &["1"]), &floats(&[1])), Err(PortError::Kind { .. })));
        assert!(matches!(fit(&port("INT64", &["1"]), &floats(&[1])), Err(PortError::Element { .. })));
    }

    #[test]
    fn a_symbol_stands_for_one_extent() {
        let ports = [port("FLOAT", &["n", "m", "m", "3"])];
        let symbols = symbols(&ports, &specs(&[("x".to_owned(), floats(&[2, 4, 5, 3]))]));
        assert_eq!(symbols, [("n".to_owned(), 2)]);
    }

    #[test]
    fn what_is_tried_has_the_type_and_shape_of_the_input() {
        let (_, image) = probe(&port("FLOAT", &["n", "3", "h", "w"]), None, 0).unwrap();
        assert_eq!(image.shape(), [1, 3, 224, 224]);
        let values = image.f64s();
        assert!(values.iter().all(|value| (-2.0..2.0).contains(value)));
        assert!(values.iter().sum::<f64>().abs() / (values.len() as f64) < 0.02);
        let (_, ids) = probe(&port("INT64", &["n", "seq"]), Some(&[2, 5]), 0).unwrap();
        assert_eq!((ids.element(), ids.shape()), (Element::Int64, &[2, 5][..]));
        assert!(ids.f64s().iter().all(|&id| id == 0.0 || id == 1.0));
        assert!(probe(&port("FLOAT", &["1"]), Some(&[1 << 40]), 0).is_err());
    }
}
