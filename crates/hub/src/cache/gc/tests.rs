use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::cache::shelf::{Shelf, digest, old};
use crate::cache::{Owner, Trust};

fn gc(shelf: &Shelf, all_partials: bool, dry_run: bool) -> Swept {
    let needed = [("net-32x32-bdyn".to_owned(), "0123456789abcdef".to_owned())];
    shelf.cache.gc(&shelf.registry, &GcOptions { needed_exports: &needed, all_partials, dry_run }).unwrap()
}

fn put(shelf: &Shelf, path: &str) -> PathBuf {
    let path = shelf.cache.root().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, [9; 100]).unwrap();
    path
}

/// A process of this machine that ended.
fn gone() -> String {
    let current = Owner::current().to_string();
    let parts: Vec<&str> = current.split('~').collect();
    format!("{}~000000000000~1~1", parts[0])
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { BTreeSet::from([path]) }).collect()
}

fn paths(swept: &Swept) -> BTreeSet<PathBuf> {
    swept.removed.iter().map(|removal| removal.path.clone()).collect()
}

#[test]
fn what_is_needed_stays() {
    let shelf = Shelf::full();
    let before = files(shelf.cache.root());
    let swept = gc(&shelf, true, false);
    assert!(swept.removed.is_empty() && swept.kept.is_empty(), "{swept:?}");
    assert_eq!(files(shelf.cache.root()), before);
}

#[test]
#[cfg(target_os = "linux")]
fn what_nothing_needs_goes_with_its_size_and_what_a_process_uses_stays() {
    let shelf = Shelf::full();
    let (gone, alive, far) = (gone(), Owner::current().to_string(), "far~b~1~2");
    let url = |name: &str| format!("https://h/{name}").parse().unwrap();
    let garbage = [
        put(&shelf, &format!("blobs/{}.bin", "f".repeat(64))),
        put(&shelf, &format!("exports/.x.new-{gone}.onnx")),
        put(&shelf, &format!("exports/net-64x64-bdyn.0123456789abcdef.{}.onnx", "f".repeat(64))),
        put(&shelf, "blobs/.model.safetensors.a1.partial"),
        put(&shelf, &format!("data/.y.new-{far}/a")),
        put(&shelf, &format!("data/.z.new-{gone}/a/b")),
        put(&shelf, "data/set-0123456789abcdef/a"),
        shelf.partial(&url("old"), "old", &gone, 100),
    ];
    old(&garbage[3], Duration::from_mins(11));
    old(&garbage[7], Duration::from_hours(8 * 24));
    fs::File::open(garbage[4].parent().unwrap())
        .unwrap()
        .set_modified(std::time::SystemTime::now() - Duration::from_mins(11))
        .unwrap();
    // What a download that ended leaves for a moment.
    let empty = shelf.cache.partial_folder().join("0123456789abcdef-empty");
    fs::create_dir(&empty).unwrap();
    let young = [shelf.partial(&url("young"), "young", &gone, 100), shelf.partial(&url("free"), "free", "free", 100)];
    let kept = [
        put(&shelf, &format!("exports/.x.new-{alive}.onnx")),
        put(&shelf, &format!("exports/.x.new-{far}.onnx")),
        put(&shelf, &format!("data/.w.new-{alive}/a")),
        put(&shelf, "blobs/.model.safetensors.b2.partial"),
        put(&shelf, &format!("blobs/{}.safetensors", "e".repeat(64))),
        put(&shelf, "mine.txt"),
        put(&shelf, "data/mine-0123/x"),
        shelf.partial(&url("alive"), "alive", &alive, 100),
        shelf.partial(&url("far"), "far", far, 100),
    ];
    old(&kept[7], Duration::from_hours(9 * 24));

    let planned = gc(&shelf, false, true);
    assert!(garbage.iter().chain(&young).chain(&kept).all(|path| path.exists()), "a dry run removes nothing");
    let swept = gc(&shelf, false, false);
    assert_eq!((paths(&planned), planned.freed), (paths(&swept), swept.freed));
    assert_eq!(swept.removed.len(), garbage.len(), "{swept:#?}");
    assert_eq!(swept.removed.iter().map(|removal| removal.bytes).sum::<u64>(), 800);
    assert!(swept.freed >= 800);
    assert!(garbage.iter().all(|path| !path.exists()));
    assert!(young.iter().chain(&kept).all(|path| path.exists()));
    assert!(swept.kept.iter().all(|kept| !kept.failed && !kept.why.is_empty()));

    let swept = gc(&shelf, true, false);
    assert_eq!(swept.removed.iter().map(|removal| removal.reason).collect::<Vec<_>>(), [Reason::Abandoned; 3]);
    assert!(!empty.exists());
    assert!(young.iter().all(|path| !path.parent().unwrap().exists()));
    assert!(kept.iter().all(|path| path.exists()));
}

#[test]
fn a_state_dict_without_a_record_goes_when_nobody_can_be_about_to_record_it() {
    let shelf = Shelf::full();
    let orphan = put(&shelf, &format!("blobs/{}.safetensors", "e".repeat(64)));
    assert_eq!(paths(&gc(&shelf, false, false)), BTreeSet::from([orphan]));
}

#[test]
fn an_export_goes_when_no_command_would_take_it() {
    let shelf = Shelf::full();
    let current = shelf.export("net-32x32-bdyn", &[7; 40]);
    let stale = current.with_file_name(format!("net-32x32-bdyn.fedcba9876543210.{}.onnx", digest(b"older")));
    fs::write(&stale, b"older").unwrap();
    assert_eq!(paths(&gc(&shelf, false, false)), BTreeSet::from([stale]));
    let none = GcOptions { needed_exports: &[], all_partials: false, dry_run: false };
    let swept = shelf.cache.gc(&shelf.registry, &none).unwrap();
    assert_eq!((paths(&swept), swept.freed), (BTreeSet::from([current]), 40));
}

#[test]
fn with_a_damaged_lock_nothing_is_removed() {
    let shelf = Shelf::full();
    put(&shelf, &format!("blobs/{}.bin", "f".repeat(64)));
    fs::write(shelf.cache.lock_path(), "schema = 9").unwrap();
    let before = files(shelf.cache.root());
    let options = GcOptions { needed_exports: &[], all_partials: true, dry_run: false };
    assert!(shelf.cache.gc(&shelf.registry, &options).is_err());
    assert!(shelf.cache.remove(&Selection::default(), false).is_err());
    assert_eq!(files(shelf.cache.root()), before);
}

#[test]
fn an_empty_cache_stays_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("none"));
    let options = GcOptions { needed_exports: &[], all_partials: true, dry_run: false };
    let swept = cache.gc(&Registry::parse("r", "schema = 1").unwrap(), &options).unwrap();
    assert!(swept.removed.is_empty() && !cache.root().exists());
}

#[test]
fn an_entry_is_removed_with_all_that_was_made_of_it_and_its_record_stays() {
    let shelf = Shelf::full();
    let url = &shelf.registry.checkpoints()[0].file.url;
    let partial = shelf.partial(url, "w.pth", "free", 10);
    let lock = shelf.cache.lock().unwrap();
    let inventory = shelf.inventory();
    let [weights, set, ..] = inventory.entries.as_slice() else { panic!("{inventory:?}") };
    let selection = Selection {
        entries: vec![weights],
        exports: inventory.exports.iter().collect(),
        partials: inventory.partials.iter().collect(),
        folders: Vec::new(),
    };
    let planned = shelf.cache.remove(&selection, true).unwrap();
    let swept = shelf.cache.remove(&selection, false).unwrap();
    assert_eq!((paths(&planned), planned.freed), (paths(&swept), swept.freed));
    assert_eq!((swept.removed.len(), swept.freed), (5, 1000 + 300 + 200 + 40 + 10 + 2));
    assert!(!partial.exists());
    // Its file has two names; the space is free when both are gone.
    let swept = shelf.cache.remove(&Selection { entries: vec![set], ..Selection::default() }, false).unwrap();
    assert_eq!((swept.removed.len(), swept.freed), (2, 50 + shelf.sums_len));
    assert!(!shelf.folder().exists());
    assert_eq!(shelf.cache.lock().unwrap(), lock);
    assert_eq!(shelf.inventory().leftovers, []);
}

#[test]
fn a_blob_that_another_record_needs_stays() {
    let shelf = Shelf::full();
    // The same bytes from another address, and a checkpoint of the same weights.
    let lock = shelf.cache.lock().unwrap();
    let weights = lock.files.iter().find(|record| record.name == "w.pth").unwrap();
    shelf.record("again.pth", &[10; 77], Trust::Pinned, weights.state_dicts.clone());
    shelf.record("same.bin", &[5; 30], Trust::Pinned, Vec::new());
    let inventory = shelf.inventory();
    let entry = |name: &str| inventory.entries.iter().find(|entry| entry.name == name).unwrap();
    let both = Selection { entries: vec![entry("weights"), entry("other.bin")], ..Selection::default() };
    let swept = shelf.cache.remove(&both, false).unwrap();
    assert_eq!(paths(&swept), BTreeSet::from([shelf.blob("w.pth")]));
    assert_eq!(swept.kept.iter().filter(|kept| !kept.failed).count(), 3);
    assert!(shelf.state_dict("model").exists() && shelf.blob("same.bin").exists());
    let rest = Selection {
        entries: vec![entry("again.pth"), entry("same.bin"), entry("weights"), entry("other.bin")],
        ..both
    };
    let swept = shelf.cache.remove(&rest, false).unwrap();
    assert_eq!(swept.removed.len(), 4, "{swept:?}");
    assert!(!shelf.cache.blob(digest(&[5; 30]), "x.bin").exists());
}

#[test]
#[cfg(unix)]
fn what_cannot_be_removed_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let shelf = Shelf::full();
    let orphan = put(&shelf, &format!("blobs/{}.bin", "f".repeat(64)));
    let folder = shelf.cache.blobs_folder();
    let allow = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    // For the superuser no folder is closed.
    let is_closed = fs::write(folder.join("try"), b"").is_err();
    let swept = gc(&shelf, false, false);
    allow(0o755);
    if is_closed {
        assert!(swept.kept.iter().any(|kept| kept.failed && kept.path == orphan), "{swept:?}");
    }
}

#[test]
fn a_download_that_a_process_works_on_is_not_taken_away() {
    let shelf = Shelf::full();
    let url = "https://h/x".parse().unwrap();
    let file = shelf.partial(&url, "x", &Owner::current().to_string(), 10);
    let inventory = shelf.inventory();
    let selection = Selection { partials: inventory.partials.iter().collect(), ..Selection::default() };
    let swept = shelf.cache.remove(&selection, false).unwrap();
    assert!(swept.removed.is_empty() && swept.kept[0].failed && file.exists(), "{swept:?}");
}
