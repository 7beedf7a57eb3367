//! Archives that other programs understand differently: refused, with the entry named.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;

use bossnas_data::archive::{Limits, SUMS, read_sums, unpack};
use bossnas_files::SourceFile;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

const FILE: EntryType = EntryType::Regular;
const FOLDER: EntryType = EntryType::Directory;

/// What the end of a tar archive is: two blocks of zeros.
const END: usize = 1024;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One entry whose header says `size`, whatever `bytes` has.
fn entry(path: &[u8], kind: EntryType, size: u64, bytes: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    let mut entry = [header.as_bytes().as_slice(), bytes].concat();
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

fn file(path: &str, bytes: &[u8]) -> Vec<u8> {
    entry(path.as_bytes(), FILE, bytes.len() as u64, bytes)
}

fn folder(path: &str) -> Vec<u8> {
    entry(path.as_bytes(), FOLDER, 0, b"")
}

/// The archive of these entries with its end.
fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; END]].concat()
}

fn outcome(archive: Vec<u8>, limits: &Limits) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let archive = SourceFile::from_bytes("a.tar.gz", archive);
    let files = unpack(&archive, &folder.path().join("x"), limits, &mut |_| ());
    assert!(fs::read_dir(folder.path()).unwrap().count() <= 1, "something lies beside the target");
    files.map(|files| files.len()).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(tar: &[u8], words: &[&str]) {
    let error = outcome(gzip(tar), &Limits::default()).unwrap_err();
    for word in words {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
}

#[test]
fn an_archive_of_the_folder_it_is_in_is_unpacked() {
    assert_eq!(outcome(gzip(&tar(&[folder("./"), folder("./d/"), file("./d/a", b"1")])), &Limits::default()), Ok(1));
}

#[test]
fn an_archive_without_its_end_is_refused() {
    let whole = tar(&[file("a", b"1")]);
    for cut in [whole.len() - END, whole.len() - END / 2, 0] {
        refused(&whole[..cut], &["end"]);
    }
}

#[test]
fn a_file_whose_size_lies_is_refused_by_name() {
    refused(&[entry(b"a", FILE, 9000, b"1"), vec![0; END]].concat(), &["`a`", "9000"]);
    refused(&[entry(b"a", FILE, u64::MAX - 9, b"1"), vec![0; END]].concat(), &["damaged"]);
    refused(&[entry(b"d/", FOLDER, 512, &[1; 512]), vec![0; END]].concat(), &["`d/`"]);
}

#[test]
fn a_kind_that_is_neither_a_plain_file_nor_a_folder_is_refused() {
    refused(&tar(&[entry(b"a", EntryType::Continuous, 1, b"1")]), &["`a`", "unknown type"]);
}

#[test]
fn a_folder_is_named_once() {
    assert_eq!(outcome(gzip(&tar(&[file("d/a", b"1"), folder("d/")])), &Limits::default()), Ok(1));
    refused(&tar(&[folder("d/"), folder("d/")]), &["`d`"]);
    refused(&tar(&[folder("d/"), folder("D/")]), &["`D`", "`d`"]);
}

#[test]
fn names_that_some_systems_take_for_the_same_are_the_same() {
    refused(&tar(&[file("straße", b"1"), file("STRASSE", b"2")]), &["is there already"]);
    refused(&tar(&[file("\u{17f}ha256sums", b"1")]), &["reserved"]);
    refused(&tar(&[file("com\u{b9}", b"1")]), &["reserved"]);
    refused(&tar(&[file("nul .txt", b"1")]), &["reserved"]);
    refused(&tar(&[file("CONIN$", b"1")]), &["reserved"]);
}

#[test]
fn folders_that_are_only_implied_count() {
    let limits = Limits { entries: 4, ..Limits::default() };
    assert_eq!(outcome(gzip(&tar(&[file("a/b/c/d", b"1")])), &limits), Ok(1));
    assert!(outcome(gzip(&tar(&[file("a/b/c/d/e", b"1")])), &limits).unwrap_err().contains("more than 4"));
}

#[test]
fn damage_and_limits_name_the_entry() {
    let noise: Vec<u8> = (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let zipped = gzip(&tar(&[file("first", b"1"), file("second", &noise)]));
    let error = outcome(zipped[..zipped.len() / 2].to_vec(), &Limits::default()).unwrap_err();
    assert!(error.contains("`second`"), "{error}");
    let limits = Limits { bytes: 100_000, ..Limits::default() };
    let error = outcome(zipped, &limits).unwrap_err();
    assert!(error.contains("`second`"), "{error}");
}

#[test]
fn a_hostile_name_is_shown_escaped() {
    let error = outcome(gzip(&tar(&[file("a\u{1b}[31mb", b"1")])), &Limits::default()).unwrap_err();
    assert!(error.contains("\\u{1b}"), "{error}");
    assert!(!error.contains('\u{1b}'));
}

#[test]
fn a_list_of_digests_has_one_form() {
    let folder = tempfile::tempdir().unwrap();
    let digest = "ab".repeat(32);
    let read = |text: &[u8]| {
        fs::write(folder.path().join(SUMS), text).unwrap();
        read_sums(folder.path()).is_ok()
    };
    let line = |path: &str| format!("{digest}  {path}\n").into_bytes();
    assert!(read(&line("a/b")));
    assert!(read(b""));
    assert!(!read(line("a").trim_ascii_end()), "no end of line");
    assert!(!read(format!("{digest}  a\r\n").as_bytes()), "an end of line of another system");
    assert!(!read(format!("{}  a\n", digest.to_uppercase()).as_bytes()), "other digits");
    assert!(!read(&line("./a")), "not the shortest path");
    assert!(!read(&[line("A"), line("a")].concat()), "a path twice, in another case");
    assert!(!read(&[line("b"), line("a")].concat()), "out of order");
    assert!(!read(&[digest.as_bytes(), b"  \xff\n"].concat()), "no text");
}
