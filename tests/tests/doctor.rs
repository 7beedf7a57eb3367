//! `doctor`: what an installation has and what it lacks.

use std::fs;

use bossnas_tests::program::{command, finish, scratch, zoo};
use bossnas_tests::shelf::{Shelf, noise};
use serde_json::json;

#[test]
fn doctor_says_what_is_there_what_is_missing_and_no_secret() {
    let shelf = Shelf::plain("https://h.invalid/x.bin", None);
    fs::write(shelf.path().join("x.bin"), noise(3_000_000)).unwrap();
    let _ = shelf.fetch(&["--from-file", "x.bin"]).success();
    let mut doctor = shelf.command(&["doctor", "--json"]);
    doctor.env("HTTPS_PROXY", "http://me:secret@proxy.example:3128").env("BOSSNAS_CACHE", "x");
    let outcome = finish(&mut doctor).success();
    let report = outcome.json("doctor");
    assert!(!outcome.stdout.contains("secret"), "{}", outcome.stdout);
    assert_eq!(report["proxies"][0], json!({ "name": "HTTPS_PROXY", "value": "http://…@proxy.example:3128" }));
    assert_eq!((&report["cache"]["writable"], &report["cache"]["from_environment"]), (&json!(true), &json!(true)));
    assert!(report["cache"]["used_bytes"].as_u64().unwrap() >= 3_000_000);
    assert_eq!(report["registry"]["data_sets"], 1);
    assert!(report["entries"].as_array().unwrap().iter().all(|entry| entry["state"] == "present"));
    assert!(report["problems"].to_string().contains("$BOSSNAS_CACHE is set and means nothing"), "{report}");

    let folder = scratch();
    let text = zoo(folder.path(), ["doctor"]).success().stdout;
    for part in [
        "bossnas-zoo 0.",
        "tract 0.",
        "6 models",
        "BossNet-Digits, UCI-Digits",
        "`bossnas-zoo fetch BossNet-T1`",
        "free",
        "certificates",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let report = zoo(folder.path(), ["doctor", "--json"]).success().json("doctor");
    assert!(report["entries"].as_array().unwrap().iter().all(|entry| entry["state"] == "not fetched"));
}

#[test]
fn doctor_tells_everything_though_something_is_broken() {
    let shelf = Shelf::plain("https://h.invalid/x.bin", None);
    fs::write(shelf.path().join("x.bin"), noise(3_000_000)).unwrap();
    let _ = shelf.fetch(&["--from-file", "x.bin"]).success();
    fs::write(shelf.home().join("registry.lock"), "schema = 1\nfile = 3\n").unwrap();
    fs::write(shelf.path().join("bad.toml"), "schema = 1\ncolour = 'red'\n").unwrap();
    let mut doctor = command(shelf.path(), ["doctor", "--json", "--registry", "bad.toml"]);
    let outcome =
        finish(doctor.env("BOSSNAS_CA_FILE", "none.pem").env("SSL_CERT_FILE", "none").env("SSL_CERT_DIR", "none"));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let report = outcome.json("doctor");
    let problems = report["problems"].as_array().unwrap();
    for part in ["bad.toml", "registry.lock` is damaged", "none.pem", "no certificates"] {
        let named = problems.iter().find(|problem| problem["message"].as_str().unwrap().contains(part));
        assert!(named.is_some_and(|problem| !problem["hint"].as_str().unwrap().is_empty()), "{part}: {problems:?}");
    }
    assert!(problems.iter().filter(|problem| problem["broken"] == true).count() >= 3);
    assert_eq!((&report["usable"], &report["certificates"]["found"]), (&json!(false), &json!(0)));
    let text = finish(&mut command(shelf.path(), ["doctor", "--registry", "bad.toml"]));
    assert_eq!(text.code, Some(3));
    assert!(text.stdout.contains("terminal") && text.stdout.contains("broken:"), "{}", text.stdout);
}

#[test]
fn a_cache_that_cannot_be_written_is_broken() {
    let folder = scratch();
    fs::write(folder.path().join("home"), "a file").unwrap();
    let outcome = zoo(folder.path(), ["doctor"]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("not writable") && outcome.stdout.contains("$BOSSNAS_HOME"), "{}", outcome.stdout);
}

#[test]
fn wrong_usage_is_told() {
    let folder = scratch();
    let _ = zoo(folder.path(), ["doctor", "x"]).failure(2, &["x"]);
    let _ = zoo(folder.path(), ["doctor", "--bogus"]).failure(2, &["--bogus"]);
    assert!(zoo(folder.path(), ["doctor", "--help"]).success().stdout.contains("bossnas-zoo doctor --json"));
}
