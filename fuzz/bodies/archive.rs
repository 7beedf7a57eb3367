//! Unpacks an archive; what was unpacked is listed and found again. An input that is no gzip is zipped first, so that the fuzzer
//! need not find out about checksums.

use std::io::Write;

use bossnas_data::archive::{Limits, read_sums, unpack, write_sums};
use bossnas_files::{SourceFile, sha256_of};
use flate2::Compression;
use flate2::write::GzEncoder;

pub(crate) fn run(data: &[u8]) {
    let zipped = if data.starts_with(&[0x1f, 0x8b]) { data.to_vec() } else { gzip(data) };
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("x");
    let limits = Limits { entries: 20, bytes: 1 << 20, ratio: 100, depth: 4 };
    let archive = SourceFile::from_bytes("x.tar.gz", zipped);
    let unpacked = unpack(&archive, &target, &limits, &mut |_| ());
    // Whatever happened, nothing lies beside the target.
    assert!(std::fs::read_dir(folder.path()).expect("a folder").count() <= 1);
    let Ok(files) = unpacked else { return };
    write_sums(&target, &files).expect("a list");
    let sums = read_sums(&target).expect("what was written is well-formed");
    assert_eq!(sums.len(), files.len());
    for (digest, path) in sums {
        assert_eq!(sha256_of(&SourceFile::open(target.join(path)).expect("a file")).expect("its bytes"), digest);
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(data).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}
