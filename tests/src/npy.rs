//! `.npy` files of float32, version 1.0.

use std::path::Path;

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Writes an array in row-major order.
pub fn write(path: &Path, shape: &[usize], values: &[f32]) {
    let extents = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({extents},), }}");
    let unpadded = MAGIC.len() + 2 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut file = MAGIC.to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(path, file).expect("the array can be written");
}

/// Reads an array: its shape and its elements in row-major order.
pub fn read(path: &Path) -> (Vec<usize>, Vec<f64>) {
    let file = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let rest = file.strip_prefix(MAGIC).expect("version 1.0 of the format");
    let length = usize::from(u16::from_le_bytes([rest[0], rest[1]]));
    let (header, data) = rest[2..].split_at(length);
    let header = std::str::from_utf8(header).expect("an ASCII header");
    assert!(header.contains("'<f4'") && header.contains("False"), "{header}");
    let (_, shape) = header.split_once('(').expect("a shape");
    let (shape, _) = shape.split_once(')').expect("the shape's end");
    let extents = shape.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    let shape: Vec<usize> = extents.map(|extent| extent.parse().expect("a number")).collect();
    let values: Vec<f64> = data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect();
    assert_eq!(values.len(), shape.iter().product::<usize>());
    (shape, values)
}
