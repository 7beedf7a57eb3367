//! The pickle of a well-formed archive with a few storages.

use bossnas_converter::checkpoint::pth::Archive;

use crate::read_all::read_all;

pub(crate) fn run(data: &[u8]) {
    let mut file = Vec::new();
    let mut archive = Archive::new("archive", &mut file);
    let mut entry = |name: &str, data: &[u8]| archive.entry(name, data).expect("a vector takes all");
    entry("data.pkl", data);
    entry("byteorder", b"little");
    for (key, len) in [("0", 64), ("1", 32), ("2", 8), ("3", 0)] {
        entry(&format!("data/{key}"), &vec![7; len]);
    }
    entry("version", b"3\n");
    archive.finish().expect("a vector takes all");
    read_all(file);
}
