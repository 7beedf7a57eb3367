//! Files of the `.npy` format: arrays of numbers, as they are ([`Tensor`]) or as float32 ([`Array`]).
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. The text of the header is a Python
//! literal of which only the one form is accepted that describes an array; its length is bounded, and the product of the
//! shape is compared with the length of the file before memory is taken.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::header::{Header, Malformed};
use crate::atomic::{AtomicFile, WriteError};
use crate::read::{ReadError, SourceFile};

mod element;
mod header;
mod tensor;

pub use self::element::Element;
pub use self::header::Malformed as MalformedHeader;
pub use self::tensor::Tensor;

/// What numpy writes has about 120 bytes.
const MAX_HEADER: u32 = 8 * 1024;

/// The mark and version 1.0.
const START: [u8; 8] = *b"\x93NUMPY\x01\x00";

/// Elements begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// A float32 array in row-major order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Array {
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements, the last index fastest.
    pub values: Vec<f32>,
}

/// Why an array could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It does not begin like a `.npy` file.
    #[error("`{}` is no .npy file: {why}", path.display())]
    NotNpy {
        /// The file.
        path: PathBuf,
        /// What is wrong at its beginning.
        why: &'static str,
    },
    /// The header is no description of an array.
    #[error("`{}`: malformed header: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Malformed,
    },
    /// Elements that are no real numbers of up to 8 bytes.
    #[error("`{}` holds elements of type {dtype}, not plain numbers", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The type as numpy writes it.
        dtype: String,
    },
    /// Header and length of the file disagree.
    #[error("`{}`: shape {shape:?} needs {needed} bytes of data, the file has {found}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Extents that the header states.
        shape: Vec<u64>,
        /// Bytes of data for them (`u64::MAX` and more if that overflows).
        needed: u128,
        /// Bytes that follow the header.
        found: u64,
    },
}

/// Reads an array of real numbers (floats of 16, 32 or 64 bits, integers of up to 64, booleans; either byte order; row-
/// or column-major) as it is, in row-major order.
pub fn read_tensor(file: &SourceFile) -> Result<Tensor, NpyError> {
    let path = || file.path().to_path_buf();
    let (Header { dtype, column_major, shape }, data_at) = read_header(file)?;
    let big_endian = dtype.starts_with('>');
    let Some(element) = dtype.strip_prefix(['<', '>', '|', '=']).and_then(Element::of_description) else {
        return Err(NpyError::Unsupported { path: path(), dtype });
    };

    let found = file.len() - data_at;
    let needed = if shape.contains(&0) {
        0
    } else {
        shape.iter().fold(element.size() as u128, |n, &extent| n.saturating_mul(u128::from(extent)))
    };
    if needed != u128::from(found) {
        return Err(NpyError::Length { path: path(), shape, needed, found });
    }
    // Extents of an empty array may still be too large to address.
    let too_large = || NpyError::Header { path: path(), source: Malformed::Extent };
    let extents: Option<Vec<usize>> = shape.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    let extents = extents.ok_or_else(too_large)?;

    let mut bytes = file.read_at(data_at, found)?;
    if big_endian {
        bytes.chunks_exact_mut(element.size()).for_each(<[u8]>::reverse);
    }
    if column_major {
        bytes = from_column_major(&extents, element.size(), &bytes);
    }
    Tensor::new(element, extents, bytes).ok_or_else(too_large)
}

/// Reads an array like [`read_tensor`], as float32. Wider types are rounded once.
pub fn read(file: &SourceFile) -> Result<Array, NpyError> {
    Ok(read_tensor(file)?.to_array())
}

/// Opens and reads `path`.
pub fn read_path(path: impl AsRef<Path>) -> Result<Array, NpyError> {
    read(&SourceFile::open(path)?)
}

/// The parsed header and the position of the first element.
fn read_header(file: &SourceFile) -> Result<(Header, u64), NpyError> {
    let path = || file.path().to_path_buf();
    let start = file.read_up_to(0, 12)?;
    let not_npy = |why| NpyError::NotNpy { path: path(), why };
    let [0x93, b'N', b'U', b'M', b'P', b'Y', major, _, low, high, rest @ ..] = &*start else {
        return Err(not_npy("it does not begin with numpy's mark"));
    };
    let (text_at, text_len) = match (major, rest) {
        (1, _) => (10, u32::from(u16::from_le_bytes([*low, *high]))),
        (2 | 3, [third, fourth]) => (12, u32::from_le_bytes([*low, *high, *third, *fourth])),
        (2 | 3, _) => return Err(not_npy("it ends within its header")),
        _ => return Err(not_npy("an unknown version of the format")),
    };
    if text_len > MAX_HEADER {
        return Err(NpyError::Header { path: path(), source: Malformed::TooLong(text_len) });
    }
    let data_at = text_at + u64::from(text_len);
    if data_at > file.len() {
        return Err(not_npy("it ends within its header"));
    }
    let text = file.read_at(text_at, u64::from(text_len))?;
    let header = Header::parse(&text).map_err(|source| NpyError::Header { path: path(), source })?;
    Ok((header, data_at))
}

fn from_column_major(shape: &[usize], size: usize, bytes: &[u8]) -> Vec<u8> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &extent in shape {
        strides.push(stride);
        stride *= extent.max(1);
    }
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    let mut ordered = Vec::with_capacity(bytes.len());
    for _ in 0..bytes.len() / size {
        ordered.extend_from_slice(&bytes[at * size..(at + 1) * size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    ordered
}

/// Writes an array of float32 in row-major order, version 1.0 of the format.
pub fn write(writer: impl Write, shape: &[usize], values: &[f32]) -> io::Result<()> {
    let mut writer = Writer::new(writer, shape)?;
    writer.append(values)?;
    writer.finish()
}

/// Writes an array of float32 piece by piece: its shape first, then its elements in row-major order.
#[derive(Debug)]
pub struct Writer<W> {
    writer: W,
    missing: usize,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    pub fn new(mut writer: W, shape: &[usize]) -> io::Result<Self> {
        let elements = shape.iter().try_fold(1_usize, |n, &extent| n.checked_mul(extent));
        let missing = elements.ok_or_else(|| invalid(format!("the shape {shape:?} is too large")))?;
        write_header(&mut writer, Element::Float32, shape)?;
        Ok(Self { writer, missing })
    }

    /// Writes the next elements.
    pub fn append(&mut self, values: &[f32]) -> io::Result<()> {
        self.missing = self
            .missing
            .checked_sub(values.len())
            .ok_or_else(|| invalid(format!("{} values, {} are missing", values.len(), self.missing)))?;
        // In pieces, so that the bytes of a large array never lie in memory beside it.
        for piece in values.chunks(16 * 1024) {
            let bytes: Vec<u8> = piece.iter().flat_map(|x| x.to_le_bytes()).collect();
            self.writer.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Ends the array, which must be complete.
    pub fn finish(self) -> io::Result<()> {
        if self.missing == 0 { Ok(()) } else { Err(invalid(format!("{} values are missing", self.missing))) }
    }
}

fn write_header(writer: &mut impl Write, element: Element, shape: &[usize]) -> io::Result<()> {
    let order = if element.size() == 1 { '|' } else { '<' };
    let header = Header {
        dtype: format!("{order}{}", element.description()),
        column_major: false,
        shape: shape.iter().map(|&extent| extent as u64).collect(),
    };
    let mut text = header.to_string();
    let unpadded = START.len() + 2 + text.len() + 1;
    text.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(ALIGNMENT) - unpadded));
    text.push('\n');
    let text_len = u16::try_from(text.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    writer.write_all(&START)?;
    writer.write_all(&text_len.to_le_bytes())?;
    writer.write_all(text.as_bytes())
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Writes a float32 array to `path`, whole or not at all.
pub fn write_path(path: impl AsRef<Path>, shape: &[usize], values: &[f32]) -> Result<(), NpyError> {
    whole(path.as_ref(), |file| write(file, shape, values))
}

/// Writes an array with the type that it has to `path`, whole or not at all.
pub fn write_tensor(path: impl AsRef<Path>, tensor: &Tensor) -> Result<(), NpyError> {
    whole(path.as_ref(), |file| {
        write_header(file, tensor.element(), tensor.shape())?;
        file.write_all(tensor.bytes())
    })
}

fn whole(path: &Path, write: impl FnOnce(&mut AtomicFile) -> io::Result<()>) -> Result<(), NpyError> {
    let mut file = AtomicFile::create(path)?;
    write(&mut file).map_err(|e| match e.downcast::<WriteError>() {
        Ok(error) => error,
        Err(source) => WriteError::Io { path: path.to_path_buf(), source },
    })?;
    Ok(file.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> SourceFile {
        let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(data);
        SourceFile::from_bytes("a.npy", bytes)
    }

    #[test]
    fn every_number_type_and_byte_order_reads_as_float32() {
        let cases: [(&str, Vec<u8>); 13] = [
            ("'<f4'", 3.0_f32.to_le_bytes().into()),
            ("'>f4'", 3.0_f32.to_be_bytes().into()),
            ("'<f8'", 3.0_f64.to_le_bytes().into()),
            ("'<f2'", half::f16::from_f32(3.0).to_le_bytes().into()),
            ("'|i1'", vec![3]),
            ("'<i2'", 3_i16.to_le_bytes().into()),
            ("'>i4'", 3_i32.to_be_bytes().into()),
            ("'<i8'", 3_i64.to_le_bytes().into()),
            ("'|u1'", vec![3]),
            ("'<u2'", 3_u16.to_le_bytes().into()),
            ("'<u4'", 3_u32.to_le_bytes().into()),
            ("'>u8'", 3_u64.to_be_bytes().into()),
            ("'|b1'", vec![1]),
        ];
        for (descr, data) in cases {
            let expected = if descr == "'|b1'" { 1.0 } else { 3.0 };
            let array = read(&file(descr, "False", "(1,)", &data)).unwrap();
            assert_eq!(array, Array { shape: vec![1], values: vec![expected] }, "{descr}");
        }
    }

    #[test]
    fn a_column_major_array_is_put_in_row_major_order() {
        let data: Vec<u8> = [0.0_f32, 3.0, 1.0, 4.0, 2.0, 5.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let array = read(&file("'<f4'", "True", "(2, 3)", &data)).unwrap();
        assert_eq!(array.values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn a_shape_that_does_not_fit_the_file_is_refused_before_memory_is_taken() {
        for shape in ["(2,)", "(1099511627776,)", "(4294967296, 4294967296, 4294967296)"] {
            let error = read(&file("'<f4'", "False", shape, &[0; 4])).unwrap_err();
            assert!(matches!(error, NpyError::Length { found: 4, .. }), "{error}");
        }
        let empty = read(&file("'<f4'", "False", "(0, 18446744073709551615)", &[])).unwrap();
        assert!(empty.values.is_empty());
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused_with_the_reason() {
        let refused = |f: &SourceFile| read(f).unwrap_err().to_string();
        assert!(refused(&file("'|O'", "False", "(1,)", &[0; 8])).contains("not plain numbers"));
        assert!(refused(&file("'<c8'", "False", "(1,)", &[0; 8])).contains("not plain numbers"));
        assert!(refused(&file("[('a', '<f4')]", "False", "(1,)", &[0; 4])).contains("not plain numbers"));
        assert!(refused(&file("'<f4'", "False", "(-1,)", &[0; 4])).contains("malformed header"));
        assert!(refused(&file("'<f4'", "False", &"(".repeat(6000), &[0; 4])).contains("malformed header"));
        assert!(refused(&file("'<f4'", "False", &" ".repeat(9000), &[0; 4])).contains("are too many"));
        for start in
            [&b""[..], b"\x93NUM", b"PK\x03\x04 and so on", b"\x93NUMPY\x02\x00\x10\x00", b"\x93NUMPY\x07\x00xxxx"]
        {
            assert!(refused(&SourceFile::from_bytes("a.npy", start)).contains("`a.npy` is no .npy file"));
        }
    }

    #[test]
    fn a_wrong_number_of_values_is_not_written() {
        assert_eq!(write(Vec::new(), &[2, 3], &[0.0; 5]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let mut writer = Writer::new(Vec::new(), &[2, 3]).unwrap();
        writer.append(&[0.0; 4]).unwrap();
        assert_eq!(writer.append(&[0.0; 3]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn every_type_reads_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        for element in Element::ALL {
            let bytes = (0..6 * element.size()).map(|n| if element == Element::Bool { n as u8 % 2 } else { n as u8 });
            let tensor = Tensor::new(element, vec![2, 3], bytes.collect()).unwrap();
            let path = folder.path().join(element.name());
            write_tensor(&path, &tensor).unwrap();
            assert_eq!(read_tensor(&SourceFile::open(&path).unwrap()).unwrap(), tensor, "{element}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_equal(shape in proptest::collection::vec(0_usize..5, 0..4), seed: u32) {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = (0..count as u32).map(|i| (i ^ seed) as f32 * 0.37).collect();
            let mut bytes = Vec::new();
            write(&mut bytes, &shape, &values).unwrap();
            prop_assert_eq!(read(&SourceFile::from_bytes("a.npy", bytes)).unwrap(), Array { shape, values });
        }
    }
}
