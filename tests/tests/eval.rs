//! `eval`: how often a classifier is right, every sample once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use bossnas_tests::onnxruntime::is_here;
use bossnas_tests::program::{Outcome, scratch, zoo};
use bossnas_tests::server::Server;
use bossnas_tests::shelf::{NAME, Shelf};
use bossnas_tests::small;
use serde_json::{Value, json};

/// Folders for classes 0 to 9 with copies of two pictures, and the small network.
fn prepare(folder: &Path, each: usize) {
    let _ = zoo(folder, ["export", small::ARCH, "--onnx", "--size", "32", "--seed", "3", "-o", "small.onnx"]).success();
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo/assets");
    for class in 0..10 {
        let folder = folder.join(format!("data/{class}"));
        fs::create_dir_all(&folder).unwrap();
        for image in 0..each {
            fs::copy(assets.join("flower.jpg"), folder.join(format!("{image}.jpg"))).unwrap();
        }
    }
}

fn eval(folder: &Path, options: &[&str]) -> Outcome {
    zoo(folder, [&["eval", "small.onnx", "--data", "data"], options].concat())
}

#[test]
fn every_image_counts_once_and_equal_images_get_equal_answers() {
    let folder = scratch();
    prepare(folder.path(), 3);
    let classified = zoo(folder.path(), ["classify", "small.onnx", "data/0/0.jpg", "--json", "--top", "10"]);
    let best: Vec<u64> = classified.success().json("classify")["images"][0]["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class["class"].as_u64().unwrap())
        .collect();
    let mut documents = Vec::new();
    let mut ways = vec![vec![], vec!["--batch", "1", "--threads", "1", "--workers", "1"], vec!["--batch", "7"]];
    if is_here() {
        ways.push(vec!["--provider", "cpu"]);
    }
    for way in ways {
        let document = eval(folder.path(), &[&way[..], &["--json", "--csv", "p.csv"]].concat()).success().json("eval");
        // One class of ten is said of all thirty images.
        assert_eq!((&document["images"], &document["top1"]["right"]), (&json!(30), &json!(3)), "{way:?}");
        assert_eq!(document["top5"]["right"], 15, "{way:?}");
        assert!((document["top1"]["low"].as_f64().unwrap() - 0.0346).abs() < 1e-3, "{}", document["top1"]);
        let classes = document["classes"].as_array().unwrap();
        let right: Vec<u64> = classes
            .iter()
            .filter(|class| class["top1"]["right"] == 3)
            .map(|class| class["class"].as_u64().unwrap())
            .collect();
        assert_eq!((classes.len(), right.as_slice()), (10, &best[..1]));
        documents.push(fs::read_to_string(folder.path().join("p.csv")).unwrap());
    }
    let lines: Vec<&str> = documents[0].lines().collect();
    assert_eq!((lines.len(), lines[0].split(',').count()), (31, 8), "{}", documents[0]);
    let columns = |text: &str| -> Vec<Vec<String>> {
        // All but the probability, whose last digits may differ.
        let columns = |line: &str| {
            line.split(',').enumerate().filter(|(index, _)| *index != 6).map(|(_, field)| field.to_owned()).collect()
        };
        text.lines().map(columns).collect()
    };
    for other in &documents[1..] {
        assert_eq!(columns(other), columns(&documents[0]));
    }
}

#[test]
fn a_broken_image_is_named_and_left_out_unless_it_must_not_be() {
    let folder = scratch();
    prepare(folder.path(), 2);
    let whole = fs::read(folder.path().join("data/0/0.jpg")).unwrap();
    fs::write(folder.path().join("data/4/cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path().join("data/5/none.png"), b"no image").unwrap();
    let outcome = eval(folder.path(), &["--json"]).success();
    let document = outcome.json("eval");
    assert_eq!((&document["samples"], &document["images"]), (&json!(22), &json!(20)));
    let broken = document["broken"].as_array().unwrap();
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(
        broken[0]["name"].as_str().unwrap().ends_with("cut.jpg")
            && broken[0]["reason"].as_str().unwrap().contains("truncated")
    );
    let text = eval(folder.path(), &[]).success();
    assert!(
        text.stdout.contains("20 of 22 used, 2 broken") && text.stderr.contains("cut.jpg"),
        "{}\n{}",
        text.stdout,
        text.stderr
    );
    let _ = eval(folder.path(), &["--strict"]).failure(1, &["cut.jpg"]);
}

#[test]
fn lists_limits_and_names() {
    let folder = scratch();
    prepare(folder.path(), 2);
    fs::write(folder.path().join("list.txt"), "data/0/0.jpg 7\ndata/1/1.jpg 9\n# a remark\n").unwrap();
    let run = |options: &[&str]| zoo(folder.path(), [&["eval", "small.onnx", "--json", "--data"], options].concat());
    let document = run(&["list.txt"]).success().json("eval");
    let classes: Vec<&Value> = document["classes"].as_array().unwrap().iter().map(|class| &class["class"]).collect();
    assert_eq!(classes, [&json!(7), &json!(9)]);
    let document = run(&["data", "--limit", "5"]).success().json("eval");
    assert_eq!((&document["images"], document["classes"].as_array().map(Vec::len)), (&json!(5), Some(5)));
    fs::write(folder.path().join("list.txt"), "data/0/0.jpg 10\n").unwrap();
    let _ = run(&["list.txt"]).failure(1, &["class 10", "10 classes"]);
    fs::write(folder.path().join("list.txt"), "data/0/0.jpg\n").unwrap();
    let _ = run(&["list.txt"]).failure(1, &["list.txt"]);
    let _ = run(&["nothing/here"]).failure(1, &["nothing/here", "does not exist"]);
    let _ = run(&["CIFAR-10"]).failure(1, &["not fetched", "bossnas-zoo fetch CIFAR-10"]);
    let _ = run(&["CIFAR-11"]).failure(2, &["CIFAR-10"]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let _ = run(&["empty"]).failure(1, &["empty"]);
    // Two classes of a network of ten, and names that say nothing.
    for class in ["n01440764", "n01443537"] {
        fs::create_dir_all(folder.path().join("part").join(class)).unwrap();
        fs::copy(folder.path().join("data/0/0.jpg"), folder.path().join("part").join(class).join("0.jpg")).unwrap();
    }
    let _ = run(&["part"]).failure(1, &["2 classes", "10"]);
}

#[test]
fn a_model_that_was_not_fetched_stops_with_the_command_that_fetches_it() {
    let server = Server::start([("w.pth", small::checkpoint())]);
    let shelf = Shelf::checkpoint(&server.url("w.pth"));
    prepare(shelf.path(), 1);
    let _ = shelf.zoo(&["eval", NAME, "--data", "data"]).failure(1, &["not fetched", "bossnas-zoo fetch Thing"]);
    let _ = shelf.fetch(&[]).success();
    let document = shelf.zoo(&["eval", NAME, "--data", "data", "--json"]).success().json("eval");
    assert_eq!((&document["weights"], &document["images"]), (&json!("state dict model_ema"), &json!(10)));
}
