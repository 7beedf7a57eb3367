//! `validate`: whether a file computes what it should, in every runtime.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use bossnas_tests::onnxruntime::is_here;
use bossnas_tests::program::{Outcome, command, finish, scratch, zoo};
use bossnas_tests::server::Server;
use bossnas_tests::shelf::{NAME, Shelf};
use bossnas_tests::small;
use serde_json::{Value, json};

fn verdicts(document: &Value) -> Vec<(&str, &str)> {
    let rows = document["runtimes"].as_array().unwrap().iter();
    rows.map(|row| (row["runtime"].as_str().unwrap(), row["verdict"].as_str().unwrap())).collect()
}

fn expected() -> Vec<(&'static str, &'static str)> {
    let mut rows = vec![("reference", "reference"), ("tract", "agrees")];
    if is_here() {
        rows.push(("ort-cpu", "agrees"));
    }
    rows
}

fn photograph(folder: &Path) {
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo/assets/flower.jpg");
    fs::copy(image, folder.join("flower.jpg")).unwrap();
}

#[test]
fn a_network_of_ours_agrees_with_its_reference_everywhere() {
    let folder = scratch();
    let outcome = zoo(folder.path(), ["validate", small::ARCH, "--size", "48x40", "--json"]).success();
    assert!(outcome.stderr.contains("untrained"), "{}", outcome.stderr);
    let document = outcome.json("validate");
    assert_eq!(verdicts(&document), expected());
    assert_eq!((&document["passed"], &document["ours"]), (&json!(true), &json!(true)));
    assert_eq!(document["inputs"], json!([{ "name": "image", "dtype": "float32", "shape": [2, 3, 48, 40] }]));
    // The branches of an untrained network end in a factor of 0: the values inside were compared, too.
    for inside in document["inside"].as_array().unwrap() {
        assert!(inside["compared"].as_u64().unwrap() > 50 && inside["first"].is_null(), "{inside}");
    }
    for row in &document["runtimes"].as_array().unwrap()[1..] {
        let output = &row["outputs"][0];
        assert!(
            output["max_scaled"].as_f64().unwrap() < 1e-5 && output["cosine"].as_f64().unwrap() > 0.999_999,
            "{row}"
        );
        assert_eq!((&output["top1"], &output["top5"]), (&json!(1.0), &json!(1.0)));
    }
    let tolerance = &document["tolerance"];
    assert!(tolerance["explanation"].as_str().unwrap().contains("roundings of float32"), "{tolerance}");
}

#[test]
fn a_model_that_was_fetched_is_held_to_the_weights_in_the_cache() {
    let server = Server::start([("w.pth", small::checkpoint())]);
    let shelf = Shelf::checkpoint(&server.url("w.pth"));
    let untrained = shelf.zoo(&["validate", NAME, "--json"]).success();
    assert_eq!(untrained.json("validate")["weights"], "untrained (seed 0)");
    let _ = shelf.fetch(&[]).success();
    let document = shelf.zoo(&["validate", NAME, "--json"]).success().json("validate");
    assert_eq!(document["reference_weights"], "state dict model_ema of Thing in the cache");
    assert_eq!((&document["trust"], verdicts(&document)), (&json!("first-use"), expected()));
    // A file of its own weights, far from the cache, proves less, and says so.
    let _ = shelf.zoo(&["export", NAME, "--onnx", "-o", "thing.onnx"]).success();
    let bare = scratch();
    fs::copy(shelf.path().join("thing.onnx"), bare.path().join("thing.onnx")).unwrap();
    let document = zoo(bare.path(), ["validate", "thing.onnx", "--json"]).success().json("validate");
    assert!(document["reference_weights"].as_str().unwrap().contains("its own"), "{document}");
}

#[test]
fn photographs_and_tolerances() {
    let folder = scratch();
    photograph(folder.path());
    let _ = zoo(folder.path(), ["export", small::ARCH, "--onnx", "--size", "32", "-o", "small.onnx"]).success();
    let run = |options: &[&str]| -> Outcome { zoo(folder.path(), [&["validate", "small.onnx"], options].concat()) };
    let document = run(&["--input", "flower.jpg", "--json"]).success().json("validate");
    assert_eq!(document["inputs"][0]["shape"], json!([1, 3, 32, 32]));
    let strict = run(&["--atol", "0", "--json"]);
    assert_eq!(strict.code, Some(3), "{}", strict.stderr);
    assert_eq!(strict.json("validate")["passed"], false);
    assert!(strict.stderr.contains("tract differs first at `"), "{}", strict.stderr);
    let text = run(&[]).success().stdout;
    for part in ["runtime", "of largest", "cosine", "top-1", "agrees", "inside"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[test]
fn what_cannot_be_validated_says_why() {
    let folder = scratch();
    let _ = zoo(folder.path(), ["export", small::ARCH, "--onnx", "--size", "32", "-o", "small.onnx"]).success();
    let run = |options: &[&str]| zoo(folder.path(), [&["validate", "small.onnx"], options].concat());
    let _ = run(&["--against", "tract"]).failure(2, &["nothing to compare tract with"]);
    let _ = run(&["--against", "tract,tract"]).failure(2, &["named twice"]);
    let _ = run(&["--against", "tensorflow"]).failure(2, &["ort-cuda"]);
    let _ = run(&["--input", "none.npy"]).failure(1, &["none.npy", "does not exist"]);
    let _ = run(&["--input", "x=small.onnx"]).failure(2, &["no input `x`", "`image`"]);
    let _ = run(&["--shape", "1x3x33x32"]).failure(2, &["input `image` must be"]);
    let _ = run(&["--rtol", "-1"]).failure(2, &["number from 0 on"]);
    let _ = run(&["--checkpoint", "none.pth"]).failure(1, &["none.pth"]);
    let _ = zoo(folder.path(), ["validate", "none.onnx"]).failure(1, &["none.onnx"]);
    let mut command = command(folder.path(), ["validate", "small.onnx", "--against", "reference,ort-cpu"]);
    let outcome = finish(command.env("BOSSNAS_NATIVE", "nothing"));
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("not installed"), "{}", outcome.stderr);
}
