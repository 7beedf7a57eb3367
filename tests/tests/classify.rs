//! `classify`: the likeliest classes of photographs, with files of ours and of others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use bossnas_tests::program::{scratch, zoo};
use bossnas_tests::server::Server;
use bossnas_tests::shelf::{NAME, Shelf};
use bossnas_tests::small;
use serde_json::Value;

/// A network of the small kind with a photograph beside it; its file says nothing of where it is from.
fn foreign(folder: &Path) -> String {
    let _ = zoo(folder, ["export", small::ARCH, "--size", "32", "--seed", "5", "-o", "ours.onnx"]).success();
    let mut bytes = fs::read(folder.join("ours.onnx")).unwrap();
    // The keys of its metadata become others of the same length.
    let key = b"bossnas.";
    let places: Vec<usize> = (0..bytes.len() - key.len()).filter(|&at| bytes[at..].starts_with(key)).collect();
    assert!(places.len() > 5);
    for at in places {
        bytes[at..at + key.len()].copy_from_slice(b"someone.");
    }
    fs::write(folder.join("foreign.onnx"), bytes).unwrap();
    "foreign.onnx".to_owned()
}

fn photograph(folder: &Path) {
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo/assets/flower.jpg");
    fs::copy(image, folder.join("flower.jpg")).unwrap();
}

#[test]
fn the_demonstrations_network_says_what_the_demonstration_said() {
    let folder = scratch();
    let _ = zoo(folder.path(), ["demo", "-o", "demo"]).success();
    let predictions = fs::read_to_string(folder.path().join("demo/predictions.csv")).unwrap();
    let model = "demo/bossnet-digits.onnx";
    let outcome = zoo(folder.path(), ["classify", model, "demo/digit.png", "--json"]).success();
    let classes = outcome.json("classify")["images"][0]["classes"].clone();
    assert_eq!(classes.as_array().map(Vec::len), Some(5));
    // What is shown first was taken for what it is.
    let (best, probability) = (classes[0]["label"].as_str().unwrap(), classes[0]["probability"].as_f64().unwrap());
    let said = predictions.lines().filter_map(|line| line.split_once(&format!(",{best},{best},")));
    let near = |text: &str| (text.parse::<f64>().unwrap() - probability).abs() < 1e-4;
    assert!(said.clone().any(|(_, text)| near(text)), "{best} with {probability} is not in {predictions}");
    let text = zoo(folder.path(), ["classify", model, "demo/digit.png", "--top", "2"]).success().stdout;
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn what_an_untrained_network_says_means_nothing_and_that_is_said() {
    let folder = scratch();
    photograph(folder.path());
    let _ = zoo(folder.path(), ["export", small::ARCH, "--size", "32", "--seed", "5", "-o", "small.onnx"]).success();
    let outcome = zoo(folder.path(), ["classify", "small.onnx", "flower.jpg"]).success();
    assert!(outcome.stderr.contains("untrained (seed 5): what it says means nothing"), "{}", outcome.stderr);
}

#[test]
fn a_model_that_was_fetched_is_known_by_its_name() {
    let server = Server::start([("w.pth", small::checkpoint())]);
    let shelf = Shelf::checkpoint(&server.url("w.pth"));
    photograph(shelf.path());
    let _ = shelf.zoo(&["classify", NAME, "flower.jpg"]).failure(1, &["were not fetched", "bossnas-zoo fetch Thing"]);
    let _ = shelf.fetch(&[]).success();
    let outcome = shelf.zoo(&["classify", NAME, "flower.jpg", "flower.jpg", "--json"]).success().json("classify");
    assert_eq!(outcome["trust"], "first-use");
    let images = outcome["images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    assert_eq!(images[0]["classes"], images[1]["classes"]);
    // It has 10 classes, and nobody says that they are ImageNet's.
    let label = images[0]["classes"][0]["label"].as_str().unwrap();
    assert!(label.starts_with("class "), "{label}");
}

#[test]
fn a_file_of_others_needs_to_be_told() {
    let folder = scratch();
    let model = foreign(folder.path());
    photograph(folder.path());
    let run = |arguments: &[&str]| zoo(folder.path(), [&["classify", &model, "flower.jpg"], arguments].concat());
    let plain = run(&["--json"]).success();
    for note in ["--mean", "--labels"] {
        assert!(plain.stderr.contains(note), "{}", plain.stderr);
    }
    let ours = zoo(folder.path(), ["classify", "ours.onnx", "flower.jpg", "--json"]).success().json("classify");
    let probabilities = |document: &Value| -> Vec<f64> {
        let classes = document["images"][0]["classes"].as_array().unwrap().iter();
        classes.map(|class| class["probability"].as_f64().unwrap()).collect()
    };
    assert_eq!(probabilities(&plain.json("classify")), probabilities(&ours), "the same network, the same answer");

    let names: String = (0..10).map(|class| ["number ", &class.to_string(), "\n"].concat()).collect();
    fs::write(folder.path().join("names.txt"), names).unwrap();
    let told = run(&["--mean", "0,0,0", "--std", "1,1,1", "--labels", "names.txt", "--json"]).success();
    let label = told.json("classify")["images"][0]["classes"][0]["label"].as_str().unwrap().to_owned();
    assert!(label.starts_with("number "), "{label}");
    let _ = run(&["--size", "64"]).failure(2, &["takes images of 32x32"]);
    let _ = run(&["--std", "0,1,1"]).failure(2, &["above 0"]);
    // The whole image, or a part: what is resized to decides.
    let whole = run(&["--resize", "32", "--json"]).success().json("classify");
    assert_ne!(probabilities(&whole), probabilities(&ours));
    let _ = run(&["--resize", "31"]).failure(2, &["--resize 31x31 is smaller than the input, 32x32"]);
    let _ = run(&["--mean", "1,2"]).failure(2, &["three numbers"]);
    let _ = run(&["--labels", "none.txt"]).failure(1, &["none.txt", "does not exist"]);
    let _ = zoo(folder.path(), ["classify", "ours.onnx", "flower.jpg", "--size", "32"]).failure(2, &["says itself"]);
    let _ = zoo(folder.path(), ["classify", "ours.onnx", "none.jpg"]).failure(1, &["none.jpg"]);
    let _ = zoo(folder.path(), ["classify", "ours.onnx"]).failure(2, &["no IMAGE is given"]);
    let _ = zoo(folder.path(), ["classify"]).failure(2, &["IMAGE"]);
}

#[test]
fn a_file_of_a_fixed_batch_takes_any_number_of_images() {
    let folder = scratch();
    photograph(folder.path());
    for batch in ["dynamic", "2"] {
        let file = format!("b{batch}.onnx");
        let export = ["export", small::ARCH, "--size", "32", "--batch", batch, "-o", &file];
        let _ = zoo(folder.path(), export).success();
    }
    let run = |file: &str| {
        let images = ["flower.jpg"; 3];
        let arguments: Vec<&str> = ["classify", file, "--json"].into_iter().chain(images).collect();
        zoo(folder.path(), arguments).success().json("classify")["images"].clone()
    };
    let classes = |images: &serde_json::Value| -> Vec<(String, f64)> {
        let all = images.as_array().unwrap().iter().flat_map(|image| image["classes"].as_array().unwrap());
        all.map(|class| (class["label"].to_string(), class["probability"].as_f64().unwrap())).collect()
    };
    let (fixed, dynamic) = (run("b2.onnx"), run("bdynamic.onnx"));
    assert_eq!(fixed.as_array().map(Vec::len), Some(3));
    let (fixed, dynamic) = (classes(&fixed), classes(&dynamic));
    assert_eq!(fixed.len(), dynamic.len());
    for (fixed, dynamic) in fixed.iter().zip(&dynamic) {
        // A product of another number of rows may take another kernel, which rounds otherwise.
        assert!(fixed.0 == dynamic.0 && (fixed.1 - dynamic.1).abs() < 1e-6, "{fixed:?} {dynamic:?}");
    }
}
