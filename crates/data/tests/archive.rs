//! Archives that are unpacked, and those that are refused by name of the reason.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use bossnas_data::archive::{ArchiveError, Limits, Problem, SUMS, Unpacked, read_sums, unpack, write_sums};
use bossnas_files::{SourceFile, sha256_of};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use tar::{Builder, EntryType, Header};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A header as anybody could write it: the library's own refuses bad paths.
fn header(path: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o777);
    header.set_cksum();
    header
}

fn tar(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, bytes) in entries {
        builder.append(&header(path, *kind, bytes.len() as u64), *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn unpacked(archive: Vec<u8>, target: &Path, limits: &Limits) -> Result<Vec<Unpacked>, ArchiveError> {
    unpack(&SourceFile::from_bytes("a.tar.gz", archive), target, limits, &mut |_| ())
}

fn problem(archive: Vec<u8>, limits: &Limits) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error = unpacked(archive, &folder.path().join("x"), limits).unwrap_err();
    // Nothing is beside the target.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    error.problem().to_string()
}

fn refused(entries: &[(&str, EntryType, &[u8])]) -> String {
    problem(gzip(&tar(entries)), &Limits::default())
}

const FILE: EntryType = EntryType::Regular;
const FOLDER: EntryType = EntryType::Directory;

#[test]
fn files_and_folders_come_out_as_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    let archive = gzip(&tar(&[("d/", FOLDER, b""), ("d/b", FILE, b"two"), ("a", FILE, b""), ("e/f/g", FILE, b"3")]));
    let files = unpacked(archive, &target, &Limits::default()).unwrap();
    let paths: Vec<(&str, u64)> = files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
    assert_eq!(paths, [("a", 0), ("d/b", 3), ("e/f/g", 1)]);
    write_sums(&target, &files).unwrap();
    for (digest, path) in read_sums(&target).unwrap() {
        assert_eq!(sha256_of(&SourceFile::open(target.join(path)).unwrap()).unwrap(), digest);
    }
}

#[test]
fn what_is_neither_a_file_nor_a_folder_is_refused() {
    let kinds = [
        (EntryType::Symlink, "a symbolic link"),
        (EntryType::Link, "a hard link"),
        (EntryType::Char, "a device"),
        (EntryType::Fifo, "a pipe"),
        (EntryType::GNUSparse, "a sparse file"),
        (EntryType::XHeader, "an extension header"),
        (EntryType::GNULongName, "an extension header"),
        (EntryType::new(b'Q'), "of an unknown type"),
    ];
    for (kind, name) in kinds {
        assert_eq!(refused(&[("x", kind, b"")]), format!("`x` in it is {name}"));
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for (path, reason) in [
        ("../x", "leads out of the archive"),
        ("a/../../x", "leads out of the archive"),
        ("/etc/x", "is absolute"),
        ("a\\b", "holds a character"),
        ("con", "is a reserved name"),
        (SUMS, "is a reserved name"),
        ("sha256sums", "is a reserved name"),
        ("a//b", "has an empty part"),
    ] {
        let problem = refused(&[(path, FILE, b"x")]);
        assert!(problem.contains(reason), "{path}: {problem}");
    }
}

#[test]
fn nothing_is_written_twice() {
    for entries in [
        [("a", FILE, b"1"), ("a", FILE, b"2")],
        [("a", FILE, b"1"), ("A", FILE, b"2")],
        [("a", FILE, b"1"), ("a/b", FILE, b"2")],
        [("a/b", FILE, b"1"), ("a", FILE, b"2")],
        [("d/x", FILE, b"1"), ("D/y", FILE, b"2")],
    ] {
        let problem = refused(&entries.map(|(path, kind, bytes)| (path, kind, bytes.as_slice())));
        assert!(problem.contains("is there already"), "{entries:?}: {problem}");
    }
    let folder = tempfile::tempdir().unwrap();
    let error = unpacked(gzip(&tar(&[])), folder.path(), &Limits::default()).unwrap_err();
    assert!(matches!(error.problem(), Problem::Write(_)), "what exists is not written into: {error}");
}

#[test]
fn limits_are_kept() {
    let limits = Limits { entries: 2, bytes: 100_000, ratio: 10, depth: 2 };
    let small = |path| (path, FILE, b"x".as_slice());
    let archive = |entries: &[_]| gzip(&tar(entries));
    assert_eq!(
        problem(archive(&[small("a"), small("b"), small("c")]), &limits),
        "it holds more than 2 files and folders"
    );
    let large = vec![1; 200_000];
    assert_eq!(problem(archive(&[("a", FILE, &large)]), &limits), "it unpacks to more than 100000 bytes");
    let bomb = vec![0; 50 << 20];
    let limits = Limits { bytes: 1 << 40, ..limits };
    assert_eq!(problem(archive(&[("a", FILE, &bomb)]), &limits), "it unpacks to more than 10 times its size");
    assert!(problem(archive(&[small("a/b/c")]), &limits).contains("has too many parts"));
    // Endless zeros after the last file are a bomb too.
    let mut padded = tar(&[small("a")]);
    padded.resize(50 << 20, 0);
    assert_eq!(problem(gzip(&padded), &limits), "it unpacks to more than 10 times its size");
}

#[test]
fn damage_is_noticed() {
    let good = tar(&[("a", FILE, &[7; 3000]), ("b", FILE, b"x")]);
    let zipped = gzip(&good);
    let limits = Limits::default();
    for cut in [0, 1, 10, zipped.len() / 2, zipped.len() - 9, zipped.len() - 1] {
        let problem = problem(zipped[..cut].to_vec(), &limits);
        assert!(problem.contains("damaged"), "cut at {cut}: {problem}");
    }
    let mut wrong = zipped.clone();
    let checksum = wrong.len() - 6;
    wrong[checksum] ^= 1;
    assert!(problem(wrong, &limits).contains("damaged"));
    let mut header = good.clone();
    header[0] ^= 1;
    assert!(problem(gzip(&header), &limits).contains("damaged"), "a header's checksum");
    assert!(!problem(gzip(&good[..2000]), &limits).is_empty());
    assert_eq!(problem([zipped.clone(), b"more".to_vec()].concat(), &limits), "there is something after its last file");
    assert_eq!(problem([zipped.clone(), zipped].concat(), &limits), "there is something after its last file");
    let mut hidden = good;
    let last = hidden.len() - 1;
    hidden[last] = 1;
    assert_eq!(problem(gzip(&hidden), &limits), "there is something after its last file");
    assert!(problem(b"<html>".to_vec(), &limits).contains("damaged"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_tree_is_unpacked_as_it_was(
        tree in prop::collection::btree_map("[a-d]{1,3}/[e-h]{1,2}", prop::collection::vec(any::<u8>(), 0..2000), 0..8)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        let entries: Vec<(&str, EntryType, &[u8])> =
            tree.iter().map(|(path, bytes)| (path.as_str(), FILE, bytes.as_slice())).collect();
        let files = unpacked(gzip(&tar(&entries)), &target, &Limits::default()).unwrap();
        let found: BTreeMap<String, Vec<u8>> =
            files.iter().map(|file| (file.path.clone(), fs::read(target.join(&file.path)).unwrap())).collect();
        assert_eq!(found, tree);
    }
}
