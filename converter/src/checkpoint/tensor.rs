//! Tensors as strided views of storages: what may be a view, and how its elements are gathered.

use bossnas_pickle::shown;

/// PyTorch's limit is 64; no network has more than 5.
const MAX_RANK: usize = 16;

/// A view may be larger than its storage (a stride of 0, overlapping rows) up to so many elements: 64 MiB of float32.
/// The largest parameter of the published networks has 2.4 million.
pub(super) const MAX_EXPANDED: usize = 1 << 24;

/// All views of a state dict that are larger than their storage may have so many elements together: 512 MiB of float32.
/// The published networks have 38 million parameters in all.
pub(super) const MAX_EXPANDED_TOTAL: usize = 1 << 27;

/// How the description of a tensor can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The value under the key is something else.
    #[error("not a tensor")]
    NotATensor,
    /// The description lacks parts, or they are of other kinds.
    #[error("its description is malformed: {0}")]
    Malformed(&'static str),
    /// A size below zero.
    #[error("its shape has the negative size {0}")]
    NegativeSize(i64),
    /// A stride below zero.
    #[error("it has the negative stride {0}")]
    NegativeStride(i64),
    /// An offset below zero.
    #[error("it begins at the negative offset {0}")]
    NegativeOffset(i64),
    /// As many strides as sizes are needed.
    #[error("it has {sizes} sizes and {strides} strides")]
    Rank {
        /// Number of sizes.
        sizes: usize,
        /// Number of strides.
        strides: usize,
    },
    /// Too many dimensions.
    #[error("it has {0} dimensions, more than {MAX_RANK}")]
    TooManyDimensions(usize),
    /// Its elements cannot be counted or addressed.
    #[error("its shape {0:?} has more elements than can be addressed")]
    Overflow(Vec<usize>),
    /// It reads past the end of its storage.
    #[error("it needs {needed} elements of a storage that has {there}")]
    OutOfStorage {
        /// Elements from the beginning of the storage to the last that the view reads (`u128::MAX` if that overflows).
        needed: u128,
        /// Elements that the storage has.
        there: usize,
    },
    /// It repeats its storage to an implausible size.
    #[error("it repeats a storage of {there} elements to {elements}, more than {MAX_EXPANDED}")]
    Expansion {
        /// Elements of the view.
        elements: usize,
        /// Elements of the storage.
        there: usize,
    },
    /// The file has no such storage.
    #[error("its storage `{}` is not in the file", shown(.0))]
    NoStorage(String),
    /// The storage in the file has another size than the description says.
    #[error("its storage `{}` has {found} bytes where the description says {stated}", shown(key))]
    StorageSize {
        /// Key of the storage.
        key: String,
        /// Bytes by the description.
        stated: u128,
        /// Bytes in the file.
        found: u64,
    },
}

/// Which elements of a storage a tensor consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) shape: Vec<usize>,
    /// In elements.
    strides: Vec<usize>,
    /// In elements.
    offset: usize,
}

impl Layout {
    /// Without gaps in row-major order from the beginning of the storage.
    pub(super) fn contiguous(shape: Vec<usize>) -> Self {
        let mut strides = vec![1_usize; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
        }
        Self { shape, strides, offset: 0 }
    }

    /// Checks what a file says against a storage of `there` elements.
    pub(super) fn new(sizes: &[i64], strides: &[i64], offset: i64, there: usize) -> Result<Self, TensorError> {
        if sizes.len() != strides.len() {
            return Err(TensorError::Rank { sizes: sizes.len(), strides: strides.len() });
        }
        if sizes.len() > MAX_RANK {
            return Err(TensorError::TooManyDimensions(sizes.len()));
        }
        let shape = sizes.iter().map(|&n| usize::try_from(n).map_err(|_| TensorError::NegativeSize(n)));
        let shape: Vec<usize> = shape.collect::<Result<_, _>>()?;
        let strides = strides.iter().map(|&n| usize::try_from(n).map_err(|_| TensorError::NegativeStride(n)));
        let strides: Vec<usize> = strides.collect::<Result<_, _>>()?;
        let offset = usize::try_from(offset).map_err(|_| TensorError::NegativeOffset(offset))?;
        let elements = shape.iter().try_fold(1_usize, |n, &extent| n.checked_mul(extent));
        // Element sizes are at most 8.
        let Some(elements) = elements.filter(|&n| n <= isize::MAX as usize / 8) else {
            return Err(TensorError::Overflow(shape));
        };
        if elements > 0 {
            let reach = shape.iter().zip(&strides).try_fold(offset as u128, |end, (&extent, &stride)| {
                end.checked_add((extent as u128 - 1).checked_mul(stride as u128)?)
            });
            let needed = reach.map_or(u128::MAX, |last| last.saturating_add(1));
            if needed > there as u128 {
                return Err(TensorError::OutOfStorage { needed, there });
            }
        }
        if elements > there && elements > MAX_EXPANDED {
            return Err(TensorError::Expansion { elements, there });
        }
        Ok(Self { shape, strides, offset })
    }

    /// Number of elements; checked when the layout was made.
    pub(super) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// First element of the storage that is read, and how many follow up to the last one.
    pub(super) fn span(&self) -> (usize, usize) {
        if self.shape.contains(&0) {
            return (0, 0);
        }
        let reach: usize = self.shape.iter().zip(&self.strides).map(|(&extent, &stride)| (extent - 1) * stride).sum();
        (self.offset, reach + 1)
    }

    /// Dimensions from the outermost to the innermost as (extent, stride), without those of extent 1, and with
    /// neighbours merged that step alike.
    fn merged(&self) -> Vec<(usize, usize)> {
        let mut merged: Vec<(usize, usize)> = Vec::with_capacity(self.shape.len());
        for (&extent, &stride) in self.shape.iter().zip(&self.strides) {
            if extent == 1 {
                continue;
            }
            match merged.last_mut() {
                Some(outer) if extent.checked_mul(stride) == Some(outer.1) => *outer = (outer.0 * extent, stride),
                _ => merged.push((extent, stride)),
            }
        }
        merged
    }

    /// Whether the span is the tensor, as it is.
    pub(super) fn is_contiguous(&self) -> bool {
        self.shape.contains(&0) || matches!(&*self.merged(), [] | [(_, 1)])
    }

    /// The elements in row-major order, from the bytes of the [`span`](Self::span).
    pub(super) fn gather(&self, span: Vec<u8>, element: usize) -> Vec<u8> {
        if self.is_contiguous() {
            return span;
        }
        let merged = self.merged();
        let Some((&(extent, stride), outer)) = merged.split_last() else { return span };
        let mut gathered = Vec::with_capacity(self.elements() * element);
        let mut index = vec![0; outer.len()];
        let mut start = 0;
        loop {
            if stride == 1 {
                gathered.extend_from_slice(&span[start * element..(start + extent) * element]);
            } else {
                match element {
                    1 => gather_row::<1>(&span, start, extent, stride, &mut gathered),
                    2 => gather_row::<2>(&span, start, extent, stride, &mut gathered),
                    4 => gather_row::<4>(&span, start, extent, stride, &mut gathered),
                    _ => gather_row::<8>(&span, start, extent, stride, &mut gathered),
                }
            }
            // The next row: count up from the innermost of the outer dimensions.
            let mut axis = outer.len();
            loop {
                if axis == 0 {
                    return gathered;
                }
                axis -= 1;
                index[axis] += 1;
                start += outer[axis].1;
                if index[axis] < outer[axis].0 {
                    break;
                }
                start -= outer[axis].0 * outer[axis].1;
                index[axis] = 0;
            }
        }
    }
}

fn gather_row<const N: usize>(bytes: &[u8], start: usize, extent: usize, stride: usize, gathered: &mut Vec<u8>) {
    let elements = &bytes.as_chunks::<N>().0[start..];
    if stride == 0 {
        gathered.extend(std::iter::repeat_n(elements[0], extent).flatten());
    } else {
        gathered.extend(elements.iter().step_by(stride).take(extent).flatten());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(sizes: &[i64], strides: &[i64], offset: i64, there: usize) -> TensorError {
        Layout::new(sizes, strides, offset, there).unwrap_err()
    }

    #[test]
    fn a_view_outside_its_storage_is_refused() {
        assert!(Layout::new(&[4, 4], &[4, 1], 0, 16).is_ok());
        assert_eq!(refused(&[4, 4], &[4, 1], 1, 16), TensorError::OutOfStorage { needed: 17, there: 16 });
        assert_eq!(refused(&[4, 4], &[5, 1], 0, 16), TensorError::OutOfStorage { needed: 19, there: 16 });
        assert_eq!(refused(&[-4, 4], &[4, 1], 0, 16), TensorError::NegativeSize(-4));
        assert_eq!(refused(&[4, 4], &[4, -1], 0, 16), TensorError::NegativeStride(-1));
        assert_eq!(refused(&[4], &[1], -1, 16), TensorError::NegativeOffset(-1));
        assert_eq!(refused(&[4], &[1, 1], 0, 16), TensorError::Rank { sizes: 1, strides: 2 });
        assert_eq!(refused(&[1; 17], &[1; 17], 0, 16), TensorError::TooManyDimensions(17));
        assert!(matches!(refused(&[i64::MAX, 4], &[0, 0], 0, 16), TensorError::Overflow(_)));
        assert!(matches!(refused(&[2, 2], &[i64::MAX, i64::MAX], 0, 16), TensorError::OutOfStorage { .. }));
        assert!(Layout::new(&[0, 1 << 40], &[1 << 40, 1], 0, 0).is_ok());
        assert!(Layout::new(&[], &[], 0, 1).is_ok());
    }

    #[test]
    fn a_storage_may_be_repeated_only_within_reason() {
        assert!(Layout::new(&[1 << 24], &[0], 0, 1).is_ok());
        assert!(matches!(refused(&[1 << 25], &[0], 0, 1), TensorError::Expansion { there: 1, .. }));
        assert!(Layout::new(&[1 << 25], &[1], 0, 1 << 25).is_ok());
    }

    proptest! {
        #[test]
        fn gathering_equals_reading_element_by_element(
            dims in proptest::collection::vec((0_usize..5, 0_usize..7), 0..5),
            offset in 0_usize..5,
            element in prop_oneof![Just(1_usize), Just(2), Just(4), Just(8)],
        ) {
            let (shape, strides): (Vec<usize>, Vec<usize>) = dims.into_iter().unzip();
            let there = offset + 1 + shape.iter().zip(&strides).map(|(n, s)| n.saturating_sub(1) * s).sum::<usize>();
            let storage: Vec<u8> = (0..there * element).map(|i| (i * 7 % 251) as u8).collect();
            let signed = |v: &[usize]| v.iter().map(|&n| n as i64).collect::<Vec<_>>();
            let layout = Layout::new(&signed(&shape), &signed(&strides), offset as i64, there).unwrap();

            let mut naive = Vec::new();
            for flat in 0..shape.iter().product() {
                let mut rest: usize = flat;
                let mut at = offset;
                for (extent, stride) in shape.iter().zip(&strides).rev() {
                    at += rest % extent * stride;
                    rest /= extent;
                }
                naive.extend_from_slice(&storage[at * element..(at + 1) * element]);
            }
            let (start, len) = layout.span();
            let span = storage[start * element..(start + len) * element].to_vec();
            prop_assert_eq!(layout.gather(span, element), naive);
        }
    }
}
