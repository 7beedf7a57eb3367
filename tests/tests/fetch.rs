//! `fetch` and what follows it, as a new user would try them.

use std::fs;

use bossnas_tests::network::Network;
use bossnas_tests::nginx::Nginx;
use bossnas_tests::program::{command, finish, scratch, zoo};
use bossnas_tests::server::{Fault, Server};
use bossnas_tests::shelf::{NAME, Shelf, noise, sha256};
use bossnas_tests::small;
use serde_json::{Value, json};

/// What a float32 runtime may be off by, in units of the largest logit.
const TOLERANCE: f64 = 1e-5;

/// The released checkpoint's layout and size, from a mirror, and then everything by the model's name.
#[test]
fn bossnet_t0_is_fetched_from_a_mirror_and_used_by_its_name() {
    let Some(nginx) = Nginx::start() else { return };
    let folder = scratch();
    let network = Network::open("T0_224").unwrap();
    let bytes = network.write_checkpoint(&nginx.file("BossNet-T0-80_8.pth"));
    let run = |arguments: &[&str]| zoo(folder.path(), arguments).success();

    let fetched = run(&["fetch", "BossNet-T0", "--mirror", &nginx.http(), "--json"]);
    let entry = &fetched.json("fetch")["entries"][0];
    assert_eq!(entry["models"], json!(["BossNet-T0", "BossNet-T0@288"]));
    assert_eq!(entry["state_dict"], "model_ema");
    let file = fetched.file();
    assert_eq!((&file["bytes"], &file["trust"]), (&json!(bytes), &json!("unconfirmed")));
    assert_eq!(file["state_dicts"].as_array().map(Vec::len), Some(2), "both state dicts are kept");
    // From here on nothing reads the pickle.
    fs::remove_file(nginx.file("BossNet-T0-80_8.pth")).unwrap();

    let info = run(&["info", "t0", "--json"]).json("info");
    assert_eq!((&info["fetched"]["unconfirmed"], &info["fetched"]["bytes"]), (&json!(true), &json!(bytes)));
    let listed = run(&["list", "--json"]).json("list");
    let is_fetched = |row: &Value| !row["fetched"].is_null();
    let names =
        listed["models"].as_array().unwrap().iter().filter(|row| is_fetched(row)).map(|row| row["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["BossNet-T0", "BossNet-T0@288"]);

    let exported = run(&["export", "--onnx", "--json"]).json("export");
    let files: Vec<&Value> = exported["files"].as_array().unwrap().iter().collect();
    assert_eq!(files.iter().map(|file| &file["name"]).collect::<Vec<_>>(), ["BossNet-T0", "BossNet-T0@288"]);
    for file in files {
        assert_eq!(file["weights"]["source"], "state dict model_ema");
        assert_eq!(file["weights"]["unconfirmed"], true);
        assert_eq!(file["verification"]["passed"], true);
    }
    network.write_input(&folder.path().join("input.npy"));
    for _ in 0..2 {
        let ran = run(&["run", "BossNet-T0", "--input", "input.npy", "--output", "logits.npy", "--json"]);
        assert_eq!(ran.json("run")["trust"], "unconfirmed");
        network.assert_logits(&folder.path().join("logits.npy"), TOLERANCE);
        assert!(ran.stderr.contains("unconfirmed"), "{}", ran.stderr);
    }
    assert_eq!(fs::read_dir(folder.path().join("home/exports")).unwrap().count(), 1, "exported once");
}

/// From the next request on the file is another one.
fn replace(server: &Server, name: &str, bytes: &[u8]) {
    server.plan(name, [Fault::ChangedEtag(bytes.into())], None);
}

#[test]
fn what_came_first_is_what_must_come_again() {
    let (first, other) = (noise(50_000), noise(60_000));
    let server = Server::start([("x.bin", first.clone())]);
    let shelf = Shelf::plain(&server.url("x.bin"), None);
    let fetched = shelf.fetch(&[]).success().file();
    assert_eq!((&fetched["trust"], &fetched["first_use"]), (&json!("first-use"), &json!(true)));
    assert_eq!(fetched["sha256"], sha256(&first));
    assert_eq!(fs::read(fetched["path"].as_str().unwrap()).unwrap(), first);
    let lock = fs::read_to_string(shelf.home().join("registry.lock")).unwrap();
    for part in [&sha256(&first), "50000", server.etag("x.bin").trim_matches('"'), "first-use", &server.url("x.bin")] {
        assert!(lock.contains(part), "{part} is missing in\n{lock}");
    }

    // In the cache, nobody asks the server.
    let asked = server.requests().len();
    assert_eq!(shelf.fetch(&[]).success().file()["status"], "present");
    assert_eq!(server.requests().len(), asked);

    replace(&server, "x.bin", &other);
    let hint = "--retrust";
    let _ = shelf.fetch(&["--force"]).failure(5, &["expected 50000", hint]);
    // The same length, other bytes.
    let mut flipped = first.clone();
    flipped[7] ^= 1;
    replace(&server, "x.bin", &flipped);
    let _ = shelf.fetch(&["--force"]).failure(5, &[&sha256(&first), &sha256(&flipped), hint]);
    assert_eq!(shelf.fetch(&[]).success().file()["sha256"], sha256(&first), "what is there is untouched");

    replace(&server, "x.bin", &other);
    assert_eq!(shelf.fetch(&["--force", "--retrust"]).success().file()["sha256"], sha256(&other));
    assert_eq!(shelf.fetch(&["--force"]).success().file()["sha256"], sha256(&other));
    shelf.assert_store_is_sound();
}

#[test]
fn what_came_from_a_mirror_is_unconfirmed_until_the_own_address_gave_the_same() {
    let bytes = noise(30_000);
    let [own, mirror] = [(); 2].map(|()| Server::start([("x.bin", bytes.clone())]));
    let shelf = Shelf::plain(&own.url("x.bin"), None);
    let from_mirror = shelf.fetch(&["--mirror", &mirror.url("")]).success();
    assert_eq!((&from_mirror.file()["trust"], own.requests().len()), (&json!("unconfirmed"), 0));
    assert_eq!(from_mirror.file()["unconfirmed"], true);
    let text = shelf.zoo(&["fetch", NAME]).success().stdout;
    assert!(text.contains("unconfirmed"), "{text}");
    // Again from the mirror, or from a file: as unconfirmed as before.
    assert_eq!(shelf.fetch(&["--force", "--mirror", &mirror.url("")]).success().file()["trust"], "unconfirmed");
    assert_eq!(shelf.fetch(&["--force"]).success().file()["trust"], "first-use");
    // Once confirmed, the mirror changes nothing.
    assert_eq!(shelf.fetch(&["--force", "--mirror", &mirror.url("")]).success().file()["trust"], "first-use");
}

#[test]
fn a_digest_from_outside_decides() {
    let bytes = noise(10_000);
    let server = Server::start([("x.bin", bytes.clone())]);
    let shelf = Shelf::plain(&server.url("x.bin"), None);
    let wrong = "0".repeat(64);
    let _ = shelf.fetch(&["--sha256", &wrong]).failure(5, &[&wrong, &sha256(&bytes)]);
    assert!(shelf.blobs().is_empty());
    assert_eq!(shelf.fetch(&["--sha256", &sha256(&bytes)]).success().file()["trust"], "pinned");
    let _ = shelf.fetch(&["--sha256", &wrong]).failure(5, &["what came earlier", "--retrust"]);
    let _ = shelf.fetch(&["--sha256", "abc"]).failure(2, &["64 hexadecimal digits"]);
    let registered = Shelf::plain(&server.url("x.bin"), Some(&sha256(&bytes)));
    let _ = registered.fetch(&["--sha256", &wrong]).failure(5, &["the registry says", &sha256(&bytes)]);
    assert_eq!(registered.fetch(&[]).success().file()["trust"], "registry");
}

#[test]
fn a_file_that_was_brought_by_hand_is_taken_like_a_download() {
    let folder = scratch();
    let bytes = noise(20_000);
    fs::write(folder.path().join("renamed"), &bytes).unwrap();
    fs::write(folder.path().join("x.bin"), &bytes).unwrap();
    let by_hand = folder.path().join("renamed").display().to_string();
    let url = "https://unreachable.invalid/x.bin";

    let shelf = Shelf::plain(url, None);
    let _ = shelf.fetch(&["--offline"]).failure(5, &["--offline", "--mirror", "--from-file", url]);
    let file = shelf.fetch(&["--offline", "--from-file", &by_hand]).success().file();
    assert_eq!((&file["trust"], &file["source"]), (&json!("unconfirmed"), &json!(by_hand)));
    assert_eq!(shelf.fetch(&["--offline"]).success().file()["status"], "present");

    // A folder has files by their names; with a digest there is nothing to confirm.
    let shelf = Shelf::plain(url, Some(&sha256(&bytes)));
    let file = shelf.fetch(&["--from-file", &folder.path().display().to_string()]).success().file();
    assert_eq!(file["trust"], "registry");
    let missing = folder.path().join("none").display().to_string();
    let _ = Shelf::plain(url, None).fetch(&["--from-file", &missing]).failure(5, &["does not exist", "none"]);
    let _ = Shelf::plain(url, Some(&"1".repeat(64)))
        .fetch(&["--from-file", &by_hand])
        .failure(5, &["expected 1111", &sha256(&bytes)]);
    // A registry may name files of this machine.
    let own = Shelf::plain(&format!("file://{by_hand}"), None);
    assert_eq!(own.fetch(&[]).success().file()["trust"], "first-use");
}

#[test]
fn without_a_network_the_error_says_what_else_there_is() {
    let folder = scratch();
    let mut fetch = command(folder.path(), ["fetch", "BossNet-T0", "--retries", "0", "--timeout", "5"]);
    // A proxy that nobody runs: whatever network this machine has, the program has none.
    let outcome = finish(fetch.env("HTTPS_PROXY", "http://127.0.0.1:1"));
    let _ = outcome
        .failure(5, &["BossNet-T0-80_8.pth", "no connection", "--mirror URL", "--from-file PATH", "HTTPS_PROXY"]);
}

#[test]
fn a_checkpoint_that_is_none_is_refused_before_it_is_trusted() {
    let evil = bossnas_testkit::fixtures::Fixtures::open().unwrap().path("ckpt/evil_os_system_zip.pth");
    let server = Server::start([("w.pth", fs::read(evil).unwrap())]);
    let shelf = Shelf::checkpoint(&server.url("w.pth"));
    let _ = shelf.fetch(&[]).failure(5, &["w.pth", "system"]);
    replace(&server, "w.pth", b"<html>Please log in</html>");
    let _ = shelf.fetch(&[]).failure(5, &["w.pth"]);
    assert!(shelf.blobs().is_empty(), "{:?}", shelf.blobs());
    assert!(!shelf.home().join("registry.lock").exists());

    // The weights of another network.
    let path = shelf.path().join("w.pth");
    let _ = Network::open("tiny_1010_nc10").unwrap().write_checkpoint(&path);
    replace(&server, "w.pth", &fs::read(&path).unwrap());
    let _ = shelf.fetch(&[]).failure(5, &["are not those of"]);
    replace(&server, "w.pth", &small::checkpoint());
    let file = shelf.fetch(&[]).success().file();
    assert_eq!(file["state_dicts"].as_array().map(Vec::len), Some(2));
    shelf.assert_store_is_sound();

    // And both of them are reachable by the model's name.
    for which in ["model", "model_ema"] {
        let exported = shelf.zoo(&["export", NAME, "--state-dict", which, "--json"]).success().json("export");
        assert_eq!(exported["files"][0]["weights"]["state_dict"], which);
    }
    let safetensors = shelf.zoo(&["export", NAME, "--safetensors", "--seed", "3", "--json"]).success();
    assert_eq!(safetensors.json("export")["files"][0]["weights"]["trained"], false, "a seed means untrained");
}

#[test]
fn a_registry_at_an_address_is_fetched_once_and_used_from_the_cache() {
    let bytes = noise(1000);
    let files = Server::start([("x.bin", bytes)]);
    let registry = Shelf::plain(&files.url("x.bin"), None);
    let text = fs::read(registry.path().join("registry.toml")).unwrap();
    let server = Server::start([("registry.toml", text.clone())]);
    let folder = scratch();
    let url = server.url("registry.toml");
    let run = |arguments: &[&str]| zoo(folder.path(), arguments.iter().chain(&["--registry", &url]));

    let _ = run(&["list"]).failure(1, &["not in the cache", "bossnas-zoo fetch --registry"]);
    let fetched = run(&["fetch", NAME, "--json"]).success();
    assert!(fetched.stderr.contains(&sha256(&text)), "its digest is said: {}", fetched.stderr);
    let asked = server.requests().len();
    assert_eq!(run(&["list", "--json"]).success().json("list")["data_sets"][0]["name"], NAME);
    assert_eq!(server.requests().len(), asked, "other commands ask nobody");

    // A registry that changes is a matter of trust like any other file.
    replace(&server, "registry.toml", &[text.as_slice(), b"# more\n"].concat());
    let _ = run(&["fetch", NAME]).failure(5, &["registry.toml", "--retrust"]);
    let _ = run(&["fetch", "--retrust"]).success();
    let _ = run(&["fetch", NAME]).success();
    replace(&server, "registry.toml", b"schema = 1\ncolour = 'red'\n");
    let _ = run(&["fetch", "--retrust"]).failure(5, &["line 2", "colour"]);
    let _ = run(&["fetch", "--offline", NAME]).success();
    let _ = zoo(folder.path(), ["list", "--registry", "http://example.org/r.toml"]).failure(2, &["https://"]);
}

#[test]
fn wrong_usage_is_told_before_anything_is_asked() {
    let folder = scratch();
    let run = |arguments: &[&str]| zoo(folder.path(), arguments);
    let _ = run(&["fetch"]).failure(2, &["nothing to fetch", "BossNet-T0", "CIFAR-10"]);
    let _ = run(&["fetch", "BossNet-T7"]).failure(2, &["BossNet-T7", "did you mean"]);
    let _ = run(&["fetch", "T0", "T1", "--sha256", &"1".repeat(64)]).failure(2, &["one file", "2"]);
    let _ = run(&["fetch", "T0", "T1", "--from-file", "registry.toml"]).failure(2, &["one file", "folder"]);
    let _ = run(&["fetch", "T0", "--mirror", "ftp://h/x"]).failure(2, &["ftp"]);
    let _ = run(&["fetch", "T0", "--timeout", "0"]).failure(2, &["seconds"]);
    let _ = run(&["fetch", "T0", "--offline", "--force"]).failure(2, &["--offline"]);
    let _ = run(&["fetch", "T0", "--ca-file", "none.pem"]).failure(2, &["none.pem", "does not exist"]);
    assert!(!folder.path().join("home").exists(), "nothing was made");
}

#[test]
fn a_plan_says_what_would_be_done_and_does_nothing() {
    let folder = scratch();
    let planned = zoo(folder.path(), ["fetch", "--all", "--data-sets", "--dry-run", "--json"]).success();
    let document = planned.json("fetch-plan");
    let files = document["files"].as_array().unwrap();
    assert_eq!(files.len(), 3 + 2 + 9);
    assert!(files.iter().all(|file| file["action"] == "fetch"));
    assert_eq!(files[0]["known_by"], Value::Null, "no digest of a checkpoint is published");
    assert_eq!(files[3]["known_by"], "the registry");
    let table =
        zoo(folder.path(), ["fetch", "T0", "--dry-run", "--mirror", "https://u:secret@m.example/x?k=1"]).success();
    assert!(table.stdout.contains("https://m.example/x/BossNet-T0-80_8.pth"), "{}", table.stdout);
    assert!(!table.stdout.contains("secret"), "{}", table.stdout);
    assert!(!folder.path().join("home").exists());
}

#[test]
fn several_at_a_time_end_each_in_its_own_way() {
    let names = ["a.bin", "b.bin", "c.bin", "d.bin"];
    let server = Server::start(names.map(|name| (name, noise(100_000))));
    let set = |name: &str| {
        let url = server.url(name);
        format!(
            "[[data_set]]\nname = \"{name}\"\nlayout = \"rank-files\"\nsource = \"\"\nlicence = \"\"\nfiles = [{{ url = \"{url}\" }}]\n"
        )
    };
    let registry = "schema = 1\n".to_owned() + &names.map(set).concat();
    server.plan("c.bin", [], Fault::Status(404, None));
    let shelf = Shelf::new(&registry);
    let outcome = shelf.zoo(&["fetch", "--data-sets", "--jobs", "3", "--json", "--retries", "1"]);
    assert_eq!(outcome.code, Some(5), "{}", outcome.stderr);
    let document = outcome.json("fetch");
    let fetched: Vec<&Value> = document["entries"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(fetched, ["a.bin", "b.bin", "d.bin"], "in the order in which they were asked for");
    assert_eq!(document["failed"][0]["name"], "c.bin");
    assert!(outcome.stderr.contains("404"), "{}", outcome.stderr);
    server.plan("c.bin", [], None);
    let outcome = shelf.zoo(&["fetch", "--data-sets", "--json"]).success();
    assert_eq!(outcome.json("fetch")["failed"], json!([]));
}
