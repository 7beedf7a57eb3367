use super::*;
use crate::cache::shelf::{Shelf, digest, old};
use crate::cache::{Lock, Owner};

#[test]
fn everything_has_its_place_and_real_size() {
    let shelf = Shelf::full();
    let cache = &shelf.cache;
    let inventory = shelf.inventory();
    let entries: Vec<_> =
        inventory.entries.iter().map(|e| (e.name.as_str(), e.kind, e.state, e.trust().unwrap().name())).collect();
    assert_eq!(
        entries,
        [
            ("weights", Kind::Checkpoint, State::Present, "unconfirmed"),
            ("Set", Kind::DataSet, State::Present, "registry"),
            ("other.bin", Kind::Other, State::Present, "pinned"),
            ("https://h/registry.toml", Kind::Registry, State::Present, "first-use"),
        ]
    );
    let [weights, set, ..] = inventory.entries.as_slice() else { panic!("{inventory:?}") };
    assert_eq!((weights.models.as_slice(), weights.bytes), (["Net".to_owned()].as_slice(), 1000 + 300 + 200));
    assert_eq!(set.folder.as_ref().unwrap().bytes, Some(50 + shelf.sums_len));
    assert_eq!(set.bytes, if cfg!(unix) { 50 + shelf.sums_len } else { 100 + shelf.sums_len });
    assert!(weights.age().unwrap() > Duration::from_hours(24));
    assert_eq!((inventory.exports.len(), inventory.partials.len(), inventory.leftovers.len()), (1, 0, 0));
    assert_eq!(inventory.exports[0].name, "net-32x32-bdyn");
    // The file of the data set is there once, under two names.
    let lock =
        cache.lock_path().metadata().unwrap().len() + cache.root().join("CACHEDIR.TAG").metadata().unwrap().len();
    let total = 1000 + 300 + 200 + 50 + shelf.sums_len + 30 + 20 + 40 + lock;
    assert_eq!(inventory.bytes, if cfg!(unix) { total } else { total + 50 });
}

#[test]
fn what_is_missing_changes_the_state() {
    let shelf = Shelf::full();
    let state = |name: &str| shelf.inventory().entries.into_iter().find(|e| e.name == name).map(|e| e.state).unwrap();
    std::fs::remove_file(shelf.state_dict("model")).unwrap();
    assert_eq!(state("weights"), State::Incomplete);
    std::fs::remove_file(shelf.state_dict("model_ema")).unwrap();
    std::fs::remove_file(shelf.blob("w.pth")).unwrap();
    assert_eq!(state("weights"), State::Recorded);
    std::fs::remove_dir_all(shelf.folder()).unwrap();
    assert_eq!(state("Set"), State::Incomplete);
    shelf.rewrite(&shelf.blob("other.bin"), b"short");
    assert_eq!(state("other.bin"), State::Damaged);
    shelf
        .cache
        .change_lock(|lock| lock.files.iter_mut().find(|r| r.name == "a.yml").unwrap().sha256 = digest(b"z"))
        .unwrap();
    std::fs::write(shelf.blob("a.yml"), [0; 50]).unwrap();
    assert_eq!(state("Set"), State::Outdated);
}

#[test]
fn a_data_set_of_another_registry_is_no_orphan() {
    let shelf = Shelf::full();
    let own = Registry::parse("other", "schema = 1").unwrap();
    let inventory = shelf.cache.inventory(Some(&own)).unwrap();
    assert_eq!(inventory.entries.len(), 4, "all records are there, by the names of their files");
    assert_eq!(inventory.other_folders.len(), 1);
    assert!(inventory.leftovers.is_empty(), "{:?}", inventory.leftovers);
    // Forgotten, it is.
    shelf.cache.change_lock(|lock| lock.files.retain(|record| record.name != "a.yml")).unwrap();
    let left = shelf.inventory().leftovers;
    assert_eq!(left.iter().map(|left| left.kind).collect::<Vec<_>>(), [LeftoverKind::Blob, LeftoverKind::DataFolder]);
}

#[test]
fn leftovers_are_told_from_what_is_not_ours() {
    let shelf = Shelf::full();
    let root = shelf.cache.root();
    let owner = Owner::current();
    let blob = format!("blobs/{}.bin", "f".repeat(64));
    let scratch = [
        "blobs/.model.safetensors.Ab1.partial".to_owned(),
        format!("data/.set-0123.new-{owner}/a"),
        format!("exports/.net.new-{owner}.onnx"),
        ".registry.lock.x1.partial".to_owned(),
    ];
    let strange = ["notes.txt", "blobs/readme", "data/mine/x", "exports/y.onnx", "partial/z", ".x.partial"];
    for path in scratch.iter().map(String::as_str).chain(strange).chain([blob.as_str(), "data/set-0123456789abcdef/b"])
    {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), [1; 9]).unwrap();
    }
    let mut left: Vec<_> =
        shelf.inventory().leftovers.into_iter().map(|l| (l.kind.name(), l.bytes, l.owner.is_some())).collect();
    left.sort_unstable();
    let count = |kind: LeftoverKind| left.iter().filter(|(name, ..)| *name == kind.name()).count();
    assert_eq!(count(LeftoverKind::Blob), 1);
    assert_eq!(count(LeftoverKind::DataFolder), 1);
    assert_eq!(count(LeftoverKind::Scratch), 4);
    assert_eq!(count(LeftoverKind::Strange), 6);
    assert_eq!(left.iter().filter(|(.., owned)| *owned).count(), 2);
}

#[test]
fn a_damaged_lock_makes_nothing_an_orphan() {
    let shelf = Shelf::full();
    std::fs::write(shelf.cache.lock_path(), "schema = 7").unwrap();
    let inventory = shelf.inventory();
    assert!(inventory.lock_problem.as_ref().unwrap().contains("schema is 7"));
    assert!(inventory.entries.is_empty() && inventory.leftovers.is_empty(), "{inventory:?}");
    assert!(inventory.bytes > 1500);
}

#[test]
fn downloads_say_how_far_they_are_and_who_works_on_them() {
    let shelf = Shelf::full();
    let file = &shelf.registry.data_sets()[0].files[0];
    let free = shelf.partial(&file.url, &file.name, "free", 7);
    let url = "https://h/elsewhere.bin".parse().unwrap();
    let other = shelf.partial(&url, "elsewhere.bin", "far~b~1~2", 9);
    shelf.partial(&"https://h/mine".parse().unwrap(), "mine", &Owner::current().to_string(), 3);
    let look = || {
        let mut partials = shelf.inventory().partials;
        partials.sort_by_key(|partial| partial.bytes);
        partials.into_iter().map(|p| (p.name.clone(), p.bytes, p.entry.clone(), p.is_abandoned())).collect::<Vec<_>>()
    };
    let named = |name: &str| name.to_owned();
    let expected = [
        (named("mine"), 3, None, false),
        (named("a.yml"), 7, Some(named("Set")), true),
        (named("elsewhere.bin"), 9, None, false),
    ];
    assert_eq!(look(), expected);
    old(&other, Duration::from_mins(11));
    assert!(look()[2].3, "one of another machine that does not grow is abandoned");
    assert!(free.is_file());
}

#[test]
fn an_empty_cache_has_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("none"));
    let inventory = cache.inventory(None).unwrap();
    assert_eq!((inventory.bytes, inventory.entries.len(), inventory.lock_problem), (0, 0, None));
    assert!(!cache.root().exists());
    assert_eq!(cache.lock().unwrap(), Lock::default());
}
