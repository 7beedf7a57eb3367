//! Reads an array; what can be read is written and read back equal.

use bossnas_files::{SourceFile, npy};

pub(crate) fn run(data: &[u8]) {
    let Ok(array) = npy::read(&SourceFile::from_bytes("x.npy", data)) else { return };
    assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
    let mut bytes = Vec::new();
    npy::write(&mut bytes, &array.shape, &array.values).expect("a vector takes all");
    let again = npy::read(&SourceFile::from_bytes("y.npy", bytes)).expect("what was written is well-formed");
    assert_eq!(again.shape, array.shape);
    // NaN is not equal to itself.
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&again.values), bits(&array.values));
}
