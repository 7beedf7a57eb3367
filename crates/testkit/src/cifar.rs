//! CIFAR-10's batches as they are published (Python 2's pickle, protocol 2), with made-up pictures.

use std::path::Path;
use std::{fs, io};

use crate::recipe::Bits;

/// Bytes of a picture: three planes of 32 x 32.
const ROW: usize = 3 * 32 * 32;
/// Training batches of the data set.
const BATCHES: usize = 5;

/// A batch: `labels`, and for each a row of 3072 bytes.
pub fn batch(labels: &[u8], rows: &[u8]) -> Vec<u8> {
    let text = |text: &str| [&[b'U', text.len() as u8], text.as_bytes()].concat();
    let extent = |extent: usize| [&b"M"[..], &(extent as u16).to_le_bytes()].concat();
    let labels_pickled: Vec<u8> = labels.iter().flat_map(|&label| [b'K', label]).collect();
    [
        &b"\x80\x02}q\x01("[..],
        &text("data"),
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01(",
        &extent(labels.len()),
        &extent(ROW),
        b"tcnumpy\ndtype\n",
        &text("u1"),
        b"K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T",
        &(rows.len() as u32).to_le_bytes(),
        rows,
        b"tb",
        &text("labels"),
        b"](",
        &labels_pickled,
        b"eu.",
    ]
    .concat()
}

/// A folder that CIFAR-10 is read from, with so many pictures to train on and a tenth as many to test on: coloured noise around
/// a shade of each class.
pub fn write_folder(folder: &Path, images: usize) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let write = |name: &str, first: usize, count: usize| {
        let labels: Vec<u8> = (first..first + count).map(|image| (image % 10) as u8).collect();
        let noise = Bits::new(name, 0);
        let levels = labels.iter().flat_map(|&label| std::iter::repeat_n(label, ROW)).enumerate();
        let rows: Vec<u8> = levels.map(|(at, label)| (noise.at(at) as u8) / 4 + label * 19).collect();
        fs::write(folder.join(name), batch(&labels, &rows))
    };
    for number in 0..BATCHES {
        let (from, to) = (images * number / BATCHES, images * (number + 1) / BATCHES);
        write(&format!("data_batch_{}", number + 1), from, to - from)?;
    }
    write("test_batch", images, images.div_ceil(10))
}
