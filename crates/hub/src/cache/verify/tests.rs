use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::cache::shelf::{Shelf, digest};

/// The format that `sha256sum` writes.
fn read_sums(folder: &Path) -> Result<Vec<(Digest, String)>, String> {
    let text = fs::read_to_string(folder.join("SHA256SUMS")).map_err(|error| error.to_string())?;
    let line =
        |line: &str| line.split_once("  ").and_then(|(digest, path)| Some((digest.parse().ok()?, path.to_owned())));
    text.lines().map(|text| line(text).ok_or_else(|| format!("`{text}` is no line"))).collect()
}

fn verify(shelf: &Shelf) -> Verified {
    shelf.cache.verify(&shelf.inventory(), &read_sums, &|_, _| {}).unwrap()
}

/// Part, problem and file name of each damage.
fn damages(shelf: &Shelf) -> Vec<(PartKind, &'static str, String)> {
    let name = |damage: &Damage| damage.path.file_name().unwrap().to_string_lossy().into_owned();
    verify(shelf).damages.iter().map(|damage| (damage.part, damage.problem.name(), name(damage))).collect()
}

#[test]
fn a_sound_cache_is_read_whole() {
    let shelf = Shelf::full();
    let (last, total) = (AtomicU64::new(0), AtomicU64::new(0));
    let progress = |done: u64, of: u64| {
        last.fetch_max(done, Ordering::Relaxed);
        total.store(of, Ordering::Relaxed);
    };
    let verified = shelf.cache.verify(&shelf.inventory(), &read_sums, &progress).unwrap();
    assert_eq!(verified.damages, []);
    // The file of the data set, once in the store and once in its folder.
    let bytes = 1000 + 300 + 200 + 50 + 50 + 30 + 20 + 40;
    assert_eq!((verified.files, verified.bytes), (8, bytes));
    assert_eq!((last.into_inner(), total.into_inner()), (bytes, bytes));
}

#[test]
fn one_byte_in_any_file_is_seen() {
    let shelf = Shelf::full();
    let files = [
        (shelf.blob("w.pth"), PartKind::Original),
        (shelf.state_dict("model"), PartKind::StateDict),
        (shelf.blob("registry.toml"), PartKind::Original),
        (shelf.export("net-32x32-bdyn", &[7; 40]), PartKind::Export),
        (shelf.folder().join("a.yml"), PartKind::Data),
    ];
    for (path, part) in files {
        let sound = fs::read(&path).unwrap();
        let mut bytes = sound.clone();
        bytes[7] ^= 1;
        shelf.rewrite(&path, &bytes);
        let found = verify(&shelf).damages;
        let [damage] = found.as_slice() else { panic!("{found:?}") };
        let problem = Problem::Digest { expected: digest(&sound), found: digest(&bytes) };
        assert_eq!((&damage.path, damage.part, &damage.problem), (&path, part, &problem));
        shelf.rewrite(&path, &sound);
    }
    assert_eq!(damages(&shelf), []);
}

#[test]
fn every_kind_of_damage_is_named() {
    let shelf = Shelf::full();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let (short, gone) = (shelf.blob("other.bin"), shelf.state_dict("model_ema"));
    shelf.rewrite(&short, &[5; 29]);
    fs::remove_file(&gone).unwrap();
    let folder = shelf.folder();
    fs::remove_file(folder.join("a.yml")).unwrap();
    fs::create_dir(folder.join("more")).unwrap();
    fs::write(folder.join("more/b.yml"), b"b").unwrap();
    let orphan = shelf.cache.blobs_folder().join(format!("{}.bin", "e".repeat(64)));
    fs::write(&orphan, b"not e").unwrap();
    let mut expected = vec![
        (PartKind::Original, "size", name(&short)),
        (PartKind::StateDict, "missing", name(&gone)),
        (PartKind::Data, "missing", "a.yml".to_owned()),
        (PartKind::Data, "additional", "b.yml".to_owned()),
        (PartKind::Leftover, "digest", name(&orphan)),
    ];
    let mut found = damages(&shelf);
    found.sort_by(|a, b| a.2.cmp(&b.2));
    expected.sort_by(|a, b| a.2.cmp(&b.2));
    assert_eq!(found, expected);
    let messages: Vec<String> = verify(&shelf).damages.iter().map(|damage| damage.problem.to_string()).collect();
    assert!(messages.contains(&"it has 29 bytes, expected 30".to_owned()), "{messages:?}");
}

#[test]
fn a_folder_without_its_list_or_not_there_is_damaged() {
    let shelf = Shelf::full();
    fs::write(shelf.folder().join("SHA256SUMS"), "nonsense\n").unwrap();
    assert_eq!(damages(&shelf), [(PartKind::Data, "malformed", "SHA256SUMS".to_owned())]);
    fs::remove_dir_all(shelf.folder()).unwrap();
    let name = shelf.folder().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(damages(&shelf), [(PartKind::Data, "missing", name)]);
}

#[test]
#[cfg(unix)]
fn what_is_no_file_is_damaged() {
    let shelf = Shelf::full();
    let target = shelf.folder().join("a.yml");
    fs::remove_file(&target).unwrap();
    std::os::unix::fs::symlink(shelf.blob("a.yml"), &target).unwrap();
    assert_eq!(damages(&shelf), [(PartKind::Data, "unreadable", "a.yml".to_owned())]);
}

#[test]
fn with_a_damaged_lock_the_names_still_say_what_blobs_must_be() {
    let shelf = Shelf::full();
    let blob = shelf.blob("w.pth");
    shelf.rewrite(&blob, &[0; 1000]);
    fs::write(shelf.cache.lock_path(), "schema = ").unwrap();
    let found: Vec<_> = damages(&shelf).into_iter().map(|(part, problem, _)| (part, problem)).collect();
    assert_eq!(found, [(PartKind::Leftover, "digest"), (PartKind::Lock, "malformed")]);
}

#[test]
fn a_record_without_any_file_is_no_damage() {
    let shelf = Shelf::full();
    for path in [shelf.blob("w.pth"), shelf.state_dict("model"), shelf.state_dict("model_ema"), shelf.blob("other.bin")]
    {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(damages(&shelf), []);
}
