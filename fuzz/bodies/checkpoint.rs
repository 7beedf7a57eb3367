//! A whole file: a zip archive, a row of pickles, or safetensors.

use crate::read_all::read_all;

pub(crate) fn run(data: &[u8]) {
    read_all(data.to_vec());
}
