//! `cache`: what was fetched is seen, checked, and removed. No test here needs a network.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bossnas_tests::program::{scratch, zoo};
use bossnas_tests::shelf::{NAME, Shelf, noise, sha256};
use bossnas_tests::small;
use serde_json::{Value, json};

/// A checkpoint and a data set of two files, brought by hand; the second has a published digest.
fn full() -> Shelf {
    let files = [("a.yml", noise(5000)), ("b.yml", noise(300))];
    let registry = format!(
        "schema = 1\n[[checkpoint]]\nname = \"weights\"\nurl = \"https://h.invalid/w.pth\"\nstate_dict = \"auto\"\n\
         licence = \"none\"\n[[model]]\nname = \"{NAME}\"\narch = \"{}\"\nsize = {}\ncheckpoint = \"weights\"\n\
         [[data_set]]\nname = \"Ranks\"\naliases = [\"R\"]\nlayout = \"rank-files\"\nsource = \"\"\nlicence = \"\"\n\
         files = [{{ url = \"https://h.invalid/a.yml\" }}, {{ url = \"https://h.invalid/b.yml\", sha256 = \"{}\" }}]\n",
        small::ARCH,
        small::SIDE,
        sha256(&files[1].1)
    );
    let shelf = Shelf::new(&registry);
    let by_hand = shelf.path().join("by-hand");
    fs::create_dir(&by_hand).unwrap();
    fs::write(by_hand.join("w.pth"), small::checkpoint()).unwrap();
    for (name, bytes) in files {
        fs::write(by_hand.join(name), bytes).unwrap();
    }
    let _ = shelf.zoo(&["fetch", "--all", "--data-sets", "--from-file", "by-hand", "--offline"]).success();
    shelf
}

fn run_once(shelf: &Shelf) {
    let side = small::SIDE;
    let input: Vec<f32> = (0..3 * side * side).map(|i| i as f32 / 3000.0).collect();
    bossnas_tests::npy::write(&shelf.path().join("input.npy"), &[1, 3, side, side], &input);
    let _ = shelf.zoo(&["run", NAME, "--input", "input.npy"]).success();
}

/// The path that `cache path` prints.
fn path(shelf: &Shelf, arguments: &[&str]) -> PathBuf {
    let all: Vec<&str> = ["cache", "path"].iter().chain(arguments).copied().collect();
    PathBuf::from(shelf.zoo(&all).success().stdout.trim_end())
}

/// Puts other bytes into a file of the cache, whatever its permissions.
fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn states(shelf: &Shelf) -> Vec<(String, String)> {
    let listed = shelf.zoo(&["cache", "ls", "--json"]).success().json("cache-ls");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    listed["entries"].as_array().unwrap().iter().map(|entry| (text(&entry["name"]), text(&entry["state"]))).collect()
}

#[test]
fn what_was_fetched_is_listed_with_its_size_and_trust() {
    let shelf = full();
    run_once(&shelf);
    let listed = shelf.zoo(&["cache", "ls", "--json"]).success().json("cache-ls");
    let entries = listed["entries"].as_array().unwrap();
    let row =
        |entry: &Value| json!([entry["name"], entry["kind"], entry["state"], entry["trust"], entry["unconfirmed"]]);
    assert_eq!(
        entries.iter().map(row).collect::<Vec<_>>(),
        [
            json!(["weights", "checkpoint", "present", "unconfirmed", true]),
            json!(["Ranks", "data set", "present", "unconfirmed", true])
        ]
    );
    assert_eq!(entries[0]["files"][0]["state_dicts"].as_array().unwrap().len(), 2);
    assert_eq!(entries[1]["files"][1]["trust"], "registry");
    assert_eq!(entries[1]["files"][1]["found_bytes"], 300);
    assert_eq!(listed["exports"].as_array().unwrap().len(), 1);
    assert_eq!((&listed["leftovers"], &listed["partials"]), (&json!([]), &json!([])));
    // What a person adds up with other means; a file with two names takes its space once.
    let mut total = 0;
    let mut folders = vec![shelf.home()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                total += entry.metadata().unwrap().len();
            }
        }
    }
    let twice = if cfg!(unix) { 5300 } else { 0 };
    assert_eq!(listed["bytes"], total - twice);

    let table = shelf.zoo(&["cache", "ls", "--color", "always"]).success().stdout;
    for part in ["weights", "Ranks", "\u{1b}[33munconfirmed\u{1b}[0m", "export", "present", "just now"] {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }
}

#[test]
fn an_empty_cache_says_how_to_fill_it_and_is_not_made() {
    let folder = scratch();
    let outcome = zoo(folder.path(), ["cache", "ls"]).success();
    assert!(
        outcome.stdout.contains("nothing was fetched") && outcome.stderr.contains("bossnas-zoo fetch"),
        "{outcome:?}"
    );
    for arguments in
        [&["cache", "verify"][..], &["cache", "gc"], &["cache", "rm", "--all"], &["cache", "path"], &["doctor"]]
    {
        let _ = zoo(folder.path(), arguments).success();
    }
    assert!(!folder.path().join("home").exists());
}

#[test]
fn the_path_of_everything_is_printed_for_other_programs() {
    let shelf = full();
    assert_eq!(path(&shelf, &[]), shelf.home());
    let [auto, ema, plain] = ["auto", "model_ema", "model"].map(|which| path(&shelf, &[NAME, "--state-dict", which]));
    assert_eq!((&auto, path(&shelf, &["weights"])), (&ema, ema.clone()));
    assert_ne!(ema, plain);
    for (file, extension) in
        [(&ema, "safetensors"), (&plain, "safetensors"), (&path(&shelf, &[NAME, "--original"]), "pth")]
    {
        assert!(file.is_file() && file.extension().unwrap() == extension, "{}", file.display());
        assert!(file.file_name().unwrap().to_string_lossy().starts_with(&sha256(&fs::read(file).unwrap())));
    }
    assert!(path(&shelf, &["thing"]).is_file(), "in any case");
    assert!(path(&shelf, &["r"]).join("SHA256SUMS").is_file(), "by its alias");
    let originals = shelf.zoo(&["cache", "path", "Ranks", "--original"]).success();
    assert_eq!(originals.stdout.lines().map(|line| fs::read(line).unwrap().len()).collect::<Vec<_>>(), [5000, 300]);
    assert!(originals.stderr.contains("unconfirmed"), "{}", originals.stderr);
    let document = shelf.zoo(&["cache", "path", NAME, "--json"]).success().json("cache-path");
    assert_eq!((&document["name"], &document["paths"]), (&json!("weights"), &json!([ema])));

    let _ = shelf.zoo(&["cache", "path", "Nothing"]).failure(2, &["Nothing"]);
    let _ = shelf.zoo(&["cache", "path", "Ranks", "--state-dict", "model"]).failure(2, &["data set"]);
    let empty = scratch();
    let _ = zoo(empty.path(), ["cache", "path", "t0"]).failure(1, &["bossnas-zoo fetch t0"]);
}

#[test]
fn every_damaged_file_is_named_and_what_helps_helps() {
    let shelf = full();
    run_once(&shelf);
    let sound = shelf.zoo(&["cache", "verify", "--json"]).success().json("cache-verify");
    // Three files, two state dicts, two unpacked files, an export.
    assert_eq!((&sound["files"], &sound["damaged"]), (&json!(3 + 2 + 2 + 1), &json!([])));

    let dict = path(&shelf, &[NAME]);
    let original = path(&shelf, &["Ranks", "--original"]);
    let original = PathBuf::from(original.to_string_lossy().lines().next().unwrap());
    let data = path(&shelf, &["Ranks"]);
    let export = fs::read_dir(shelf.home().join("exports")).unwrap().next().unwrap().unwrap().path();
    rewrite(&dict, |bytes| bytes[1000] ^= 1);
    rewrite(&original, |bytes| bytes.truncate(4999));
    rewrite(&export, |bytes| bytes[9] ^= 1);
    fs::remove_file(data.join("b.yml")).unwrap();
    fs::write(data.join("more"), b"x").unwrap();
    let outcome = shelf.zoo(&["cache", "verify"]);
    let damaged = [dict.clone(), original, export.clone(), data.join("b.yml"), data.join("more")];
    let shown: Vec<String> = damaged.iter().map(|path| path.display().to_string()).collect();
    let mut parts: Vec<&str> = shown.iter().map(String::as_str).collect();
    parts.extend(["5 files", "4999", "missing", "not in the list", "fetch weights --force", "fetch Ranks --force"]);
    let outcome = outcome.failure(5, &parts);
    for file in &shown {
        assert_eq!(outcome.stderr.lines().filter(|line| line.trim_start().starts_with(file)).count(), 1, "{file}");
    }
    let document = shelf.zoo(&["cache", "verify", "--json"]);
    assert_eq!(document.code, Some(5));
    assert_eq!(document.json("cache-verify")["damaged"].as_array().unwrap().len(), 5);

    // As the hints say.
    let _ = shelf.zoo(&["fetch", "weights", "--force", "--from-file", "by-hand"]).success();
    let _ = shelf.zoo(&["cache", "rm", "Ranks"]).success();
    let _ = shelf.zoo(&["fetch", "Ranks", "--from-file", "by-hand"]).success();
    fs::remove_file(export).unwrap();
    let _ = shelf.zoo(&["cache", "verify"]).success();
}

#[test]
fn what_is_removed_is_gone_and_must_come_again_as_it_was() {
    let shelf = full();
    run_once(&shelf);
    let lock = fs::read(shelf.home().join("registry.lock")).unwrap();
    let planned = shelf.zoo(&["cache", "rm", "thing", "--dry-run", "--json"]).success().json("cache-rm");
    assert_eq!(planned["removed"].as_array().unwrap().len(), 1 + 2 + 1, "the file, its state dicts, the export");
    assert_eq!(states(&shelf)[0].1, "present");
    let removed = shelf.zoo(&["cache", "rm", "thing", "--json"]).success().json("cache-rm");
    assert_eq!((&removed["removed"], &removed["freed_bytes"]), (&planned["removed"], &planned["freed_bytes"]));
    assert_eq!(states(&shelf)[0], ("weights".to_owned(), "recorded only".to_owned()));
    assert_eq!(fs::read(shelf.home().join("registry.lock")).unwrap(), lock, "the records stay");
    assert_eq!(fs::read_dir(shelf.home().join("exports")).unwrap().count(), 0);
    let _ = shelf.zoo(&["cache", "verify"]).success();
    let _ = shelf.zoo(&["cache", "path", NAME]).failure(1, &["bossnas-zoo fetch"]);
    let _ = shelf.zoo(&["cache", "rm", NAME]).failure(1, &["nothing of `Thing`"]);

    // Other bytes are not taken.
    let other = shelf.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("w.pth"), noise(1000)).unwrap();
    let _ = shelf.zoo(&["fetch", NAME, "--from-file", "other"]).failure(5, &["--retrust"]);
    let _ = shelf.zoo(&["fetch", NAME, "--from-file", "by-hand"]).success();

    // A name that is wrong removes nothing, whatever else is asked for.
    let _ = shelf.zoo(&["cache", "rm", "Ranks", "Rank"]).failure(2, &["did you mean", "Ranks"]);
    assert!(states(&shelf).iter().all(|(_, state)| state == "present"));
    let _ = shelf.zoo(&["cache", "rm", "--all"]).success();
    assert!(shelf.blobs().is_empty());
    assert!(states(&shelf).iter().all(|(_, state)| state == "recorded only"));
    let listed = shelf.zoo(&["cache", "ls", "--json"]).success().json("cache-ls");
    assert_eq!((&listed["leftovers"], &listed["other_folders"]), (&json!([]), &json!([])));
}

#[test]
fn gc_removes_what_nobody_needs_and_nothing_else() {
    let shelf = full();
    run_once(&shelf);
    let _ = shelf.zoo(&["cache", "gc"]).success();
    assert!(states(&shelf).iter().all(|(_, state)| state == "present"));

    // The same name, other bytes: what was trusted before is left over.
    let old = path(&shelf, &["Ranks"]);
    fs::write(shelf.path().join("by-hand/a.yml"), noise(6000)).unwrap();
    let _ = shelf.zoo(&["fetch", "Ranks", "--from-file", "by-hand", "--force", "--retrust"]).success();
    fs::write(shelf.home().join("mine.txt"), "mine").unwrap();
    let left = shelf.zoo(&["cache", "ls"]).success().stdout;
    assert!(left.contains("2 left over") && left.contains("cache gc"), "{left}");
    let planned = shelf.zoo(&["cache", "gc", "--dry-run", "--json"]).success().json("cache-gc");
    let reasons = planned["removed"].as_array().unwrap().iter().map(|removal| removal["reason"].clone());
    assert_eq!(reasons.collect::<Vec<_>>(), ["orphan", "orphan"]);
    assert!(old.exists());
    let removed = shelf.zoo(&["cache", "gc", "--json"]).success().json("cache-gc");
    assert_eq!((&removed["removed"], &removed["freed_bytes"]), (&planned["removed"], &planned["freed_bytes"]));
    // The list of the old folder, and the old file under both its names; the other file is still needed.
    assert!(removed["freed_bytes"].as_u64().unwrap() >= 5000);
    assert!(!old.exists() && shelf.home().join("mine.txt").exists());
    assert!(states(&shelf).iter().all(|(_, state)| state == "present"));
    let _ = shelf.zoo(&["cache", "verify"]).success();

    // Without its weights an export is of no use.
    fs::remove_file(path(&shelf, &[NAME, "--original"])).unwrap();
    let text = shelf.zoo(&["cache", "gc"]).success();
    assert!(text.stdout.contains("exports/") && text.stdout.contains("1 removed"), "{}", text.stdout);
}

#[test]
fn a_download_that_was_given_up_is_seen_and_goes_when_asked() {
    let shelf = full();
    let folder = shelf.home().join("partial/0123456789abcdef-x.bin");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("@free"), noise(100)).unwrap();
    let table = shelf.zoo(&["cache", "ls"]).success().stdout;
    assert!(table.contains("x.bin") && table.contains("100 B"), "{table}");
    assert!(shelf.zoo(&["doctor"]).success().stdout.contains("x.bin, 100 B"));
    let kept = shelf.zoo(&["cache", "gc"]).success();
    assert!(folder.exists() && kept.stderr.contains("--partial"), "{}", kept.stderr);
    let removed = shelf.zoo(&["cache", "gc", "--partial", "--json"]).success().json("cache-gc");
    assert_eq!(
        (&removed["removed"][0]["reason"], removed["removed"][0]["bytes"].as_u64()),
        (&json!("abandoned"), Some(100))
    );
    assert!(!folder.exists());
}

#[test]
fn gc_takes_nothing_from_those_who_fetch_at_the_same_time() {
    let shelf = full();
    let (start, ended) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        let sweeping = scope.spawn(|| {
            // Should a fetch fail, this ends too.
            while !ended.load(Ordering::Relaxed) && start.elapsed() < Duration::from_mins(1) {
                let _ = shelf.zoo(&["cache", "gc", "--partial"]).success();
            }
        });
        for _ in 0..6 {
            let _ = shelf.zoo(&["cache", "rm", "--all"]).success();
            let both = [NAME, "Ranks"].map(|name| {
                let shelf = &shelf;
                scope.spawn(move || shelf.zoo(&["fetch", name, "--from-file", "by-hand", "--offline"]).success())
            });
            for fetch in both {
                let _ = fetch.join().unwrap();
            }
            assert!(states(&shelf).iter().all(|(_, state)| state == "present"), "{:?}", states(&shelf));
        }
        ended.store(true, Ordering::Relaxed);
        sweeping.join().unwrap();
    });
    let _ = shelf.zoo(&["cache", "verify"]).success();
}

#[test]
fn with_a_damaged_lock_nothing_is_touched() {
    let shelf = full();
    fs::write(shelf.home().join("registry.lock"), "schema = 1\nfile = 3\n").unwrap();
    let blobs = shelf.blobs();
    for arguments in [&["cache", "gc"][..], &["cache", "rm", NAME], &["cache", "path", NAME]] {
        let _ = shelf.zoo(arguments).failure(1, &["registry.lock` is damaged", "line 2"]);
    }
    assert_eq!(shelf.zoo(&["cache", "ls"]).code, Some(1));
    let _ = shelf.zoo(&["cache", "verify"]).failure(5, &["registry.lock"]);
    assert_eq!(shelf.blobs(), blobs);
}

#[cfg(unix)]
#[test]
fn text_from_files_cannot_move_the_cursor() {
    let shelf = full();
    let folder = shelf.home().join("partial/0123456789abcdef-x\u{1b}[31my");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("@free"), b"x").unwrap();
    for arguments in [&["cache", "ls"][..], &["doctor"], &["cache", "gc"], &["cache", "gc", "--partial"]] {
        let outcome = shelf.zoo(arguments).success();
        let said = outcome.stdout + &outcome.stderr;
        assert!(!said.contains('\u{1b}') && said.contains(r"x\u{1b}[31my"), "{said:?}");
    }
}

#[test]
fn wrong_usage_is_told() {
    let folder = scratch();
    let run = |arguments: &[&str]| zoo(folder.path(), arguments);
    let help = run(&["cache"]);
    assert_eq!((help.code, help.stdout.as_str()), (Some(2), ""));
    for part in ["ls", "path", "verify", "gc", "rm", "Examples:"] {
        assert!(help.stderr.contains(part), "{}", help.stderr);
    }
    let _ = run(&["cache", "bogus"]).failure(2, &["bogus"]);
    let _ = run(&["cache", "ls", "--bogus"]).failure(2, &["--bogus"]);
    let _ = run(&["cache", "path", "--original"]).failure(2, &["NAME"]);
    let _ = run(&["cache", "path", "T0", "--original", "--state-dict", "model"]).failure(2, &["--state-dict"]);
    let _ = run(&["cache", "path", "T0", "--state-dict", "best"]).failure(2, &["best", "model_ema"]);
    let _ = run(&["cache", "rm"]).failure(2, &["NAME"]);
    let _ = run(&["cache", "rm", "T0", "--all"]).failure(2, &["--all"]);
    let _ = run(&["cache", "rm", "T7"]).failure(2, &["did you mean"]);
    let _ = run(&["cache", "rm", "T0"]).failure(1, &["nothing of `T0`"]);
    let _ = run(&["cache", "gc", "x"]).failure(2, &["x"]);
    let _ = run(&["cache", "verify", "x"]).failure(2, &["x"]);
    for subcommand in ["ls", "path", "verify", "gc", "rm"] {
        let help = run(&["cache", subcommand, "--help"]).success().stdout;
        assert!(help.contains("Examples:") && help.contains(&format!("bossnas-zoo cache {subcommand}")), "{help}");
    }
}
