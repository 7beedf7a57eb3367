//! The network that is part of the program: its files are what the registry says, and every command works with it before
//! anything was fetched.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use bossnas_tests::onnxruntime::is_here;
use bossnas_tests::program::{Outcome, files, scratch, zoo};
use bossnas_tests::server::Server;
use bossnas_tests::shelf::{NAME, Shelf, sha256};
use bossnas_tests::small;
use serde_json::{Value, json};

const MODEL: &str = "BossNet-Digits";

/// Digits that were held out.
const HELD_OUT: u64 = 359;

/// Most bytes of a file.
const LIMIT: usize = 1_000_000;

fn shipped(name: &str) -> Vec<u8> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/hub/assets/bossnet-digits");
    fs::read(assets.join(name)).unwrap()
}

/// What the registry says of it.
fn listed(folder: &Path) -> Value {
    let listing = zoo(folder, ["list", "--json"]).success().json("list");
    let models = listing["models"].as_array().unwrap();
    models.iter().find(|row| row["name"] == MODEL).unwrap().clone()
}

/// A digit that was held out, as a picture and as an input; the demonstration leaves both.
fn digit(folder: &Path) -> [PathBuf; 2] {
    let _ = zoo(folder, ["demo", "-o", "demo", "-q"]).success();
    ["demo/digit.png", "demo/digit.npy"].map(PathBuf::from)
}

#[test]
fn its_files_have_the_digests_of_the_registry_and_at_most_a_million_bytes() {
    let folder = scratch();
    let row = listed(folder.path());
    for (format, name) in [("onnx", "bossnet-digits.onnx"), ("safetensors", "bossnet-digits.safetensors")] {
        let bytes = shipped(name);
        let (len, digest) = (bytes.len(), sha256(&bytes));
        let expected = json!({ "bytes": len, "sha256": digest });
        assert_eq!(
            row["embedded"][format], expected,
            "registry.toml must say {format} = {{ bytes = {len}, sha256 = \"{digest}\" }}"
        );
        assert!(len <= LIMIT, "{name} has {len} bytes");
    }
}

#[test]
fn its_onnx_file_is_the_export_of_its_weights_byte_for_byte() {
    let folder = scratch();
    let exported = zoo(folder.path(), ["export", MODEL, "-o", "x.onnx", "--json"]).success().json("export");
    assert_eq!(exported["files"][0]["verification"]["passed"], true);
    assert_eq!(exported["files"][0]["weights"]["trained"], true);
    let again =
        "`bossnas-zoo export BossNet-Digits --checkpoint bossnet-digits.safetensors -o bossnet-digits.onnx` makes it";
    assert!(fs::read(folder.path().join("x.onnx")).unwrap() == shipped("bossnet-digits.onnx"), "{again}");
    let _ = zoo(folder.path(), ["export", MODEL, "--safetensors", "-o", "x.safetensors"]).success();
    assert!(fs::read(folder.path().join("x.safetensors")).unwrap() == shipped("bossnet-digits.safetensors"));
}

#[test]
fn it_is_exported_at_other_batches_sizes_and_operator_sets_too() {
    let folder = scratch();
    let options = ["--batch", "3", "--opset", "13", "--size", "96x80", "-o", "x.onnx", "--json"];
    let exported = zoo(folder.path(), [&["export", "digits"], &options[..]].concat()).success().json("export");
    assert_eq!(exported["files"][0]["verification"]["passed"], true);
    let inspected = zoo(folder.path(), ["inspect", "x.onnx", "--json"]).success().json("inspect");
    assert_eq!((&inspected["inputs"][0]["shape"], &inspected["opsets"][""]), (&json!([3, 3, 96, 80]), &json!(13)));
    let metadata = inspected["metadata"].to_string();
    // Digits are resized as a whole at any size.
    assert!(metadata.contains(r#"\"size\":[96,80],\"resize\":[96,80]"#), "{metadata}");
    // A seed asks for untrained weights.
    let untrained = zoo(folder.path(), ["export", MODEL, "--seed", "1", "-o", "y.onnx", "--json"]).success();
    assert_eq!(untrained.json("export")["files"][0]["weights"]["trained"], false);
}

#[test]
fn it_is_as_often_right_on_the_digits_that_were_held_out_as_the_registry_says() {
    let folder = scratch();
    let published = listed(folder.path())["published"].clone();
    assert_eq!(published["data_set"], "UCI-Digits");
    let mut ways = vec![vec![], vec!["--batch", "1", "--threads", "1"]];
    if is_here() {
        ways.push(vec!["--provider", "cpu"]);
    }
    for way in ways {
        let evaluated = [&["eval", MODEL, "--data", "digits", "--json"], &way[..]].concat();
        let document = zoo(folder.path(), evaluated).success().json("eval");
        assert_eq!((&document["images"], &document["samples"]), (&json!(HELD_OUT), &json!(HELD_OUT)));
        for (key, figure) in [("top1", &published["top1"]), ("top5", &published["top5"])] {
            let share = 100.0 * document[key]["share"].as_f64().unwrap();
            let said = figure.as_f64().unwrap();
            assert!((share - said).abs() < 0.005, "{key} is {share:.2} %, registry.toml says {said} ({way:?})");
        }
        assert_eq!(document["published"]["top1_within"], true);
    }
    // Figures of the part that was held out say nothing of the other.
    let train = zoo(folder.path(), ["eval", MODEL, "--data", "UCI-Digits", "--split", "train", "--json"]).success();
    assert_eq!((&train.json("eval")["images"], &train.json("eval")["published"]), (&json!(1438), &Value::Null));
}

#[test]
fn without_a_model_commands_take_it_while_nothing_was_fetched_and_say_so() {
    let folder = scratch();
    let [picture, input] = digit(folder.path()).map(|path| path.display().to_string());
    let documents = |outcome: Outcome, command: &str| -> Vec<Value> {
        let outcome = outcome.success();
        assert!(outcome.stderr.contains("none was fetched") && outcome.stderr.contains(MODEL), "{}", outcome.stderr);
        let document = outcome.json(command);
        document["models"].as_array().unwrap_or_else(|| panic!("{document}")).clone()
    };
    let run = |arguments: &[&str]| zoo(folder.path(), [arguments, &["--json"]].concat());
    let one = |documents: Vec<Value>| match <[Value; 1]>::try_from(documents) {
        Ok([only]) => only,
        Err(all) => panic!("{} models", all.len()),
    };
    let validated = one(documents(run(&["validate", "--against", "reference,tract"]), "validate"));
    assert_eq!((&validated["passed"], &validated["model"]), (&json!(true), &json!(MODEL)));
    assert!(validated["reference_weights"].as_str().unwrap().contains("part of the program"), "{validated}");
    let evaluated = one(documents(run(&["eval", "--data", "digits", "--limit", "40"]), "eval"));
    assert_eq!(evaluated["images"], 40);
    let classified = one(documents(run(&["classify", &picture]), "classify"));
    assert_eq!(classified["images"][0]["classes"].as_array().map(Vec::len), Some(5));
    let ran = one(documents(run(&["run", "--input", &input]), "run"));
    assert_eq!(ran["outputs"][0]["argmax"][0], classified["images"][0]["classes"][0]["class"]);
    let tuned =
        run(&["tune", "--provider", "tract", "--batch", "1", "--seconds", "0.05", "--data", "digits", "--limit", "20"]);
    assert_eq!(one(documents(tuned, "tune"))["accuracy"]["images"], 20);

    let bench = zoo(folder.path(), ["bench", "--provider", "tract", "--seconds", "0.1", "--warm-up", "0.1", "--json"]);
    let bench = bench.success();
    assert!(bench.stderr.contains("none was fetched"), "{}", bench.stderr);
    assert_eq!(bench.json("bench")["variants"][0]["model"]["name"], MODEL);
    let exported = zoo(folder.path(), ["export"]).success();
    assert!(exported.stderr.contains("none was fetched"), "{}", exported.stderr);
    assert!(folder.path().join("bossnet-digits-64x64-bdyn.onnx").is_file());
    // No command has made a cache.
    assert!(!folder.path().join("home").exists());
}

#[test]
fn what_was_fetched_is_taken_before_it() {
    let server = Server::start([("w.pth", small::checkpoint())]);
    let shelf = Shelf::checkpoint(&server.url("w.pth"));
    let built_in = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../registry.toml")).unwrap();
    let own = fs::read_to_string(shelf.path().join("registry.toml")).unwrap();
    let _ = shelf.zoo(&["bench"]).failure(2, &["no model was fetched", "bossnas-zoo fetch Thing"]);
    fs::write(shelf.path().join("registry.toml"), built_in + own.strip_prefix("schema = 1\n").unwrap()).unwrap();
    let _ = shelf.fetch(&[]).success();
    let outcome = shelf.zoo(&["validate", "--against", "reference,tract", "--json"]).success();
    let models = outcome.json("validate")["models"].clone();
    assert_eq!((models.as_array().map(Vec::len), &models[0]["model"]), (Some(1), &json!(NAME)));
    assert!(outcome.stderr.contains("this is what was fetched: Thing"), "{}", outcome.stderr);
}

#[test]
fn fetch_says_that_there_is_nothing_to_fetch() {
    let folder = scratch();
    let fetched = zoo(folder.path(), ["fetch", MODEL, "UCI-Digits"]).success();
    assert_eq!(fetched.stdout.matches("part of the program").count(), 2, "{}", fetched.stdout);
    let document = zoo(folder.path(), ["fetch", "Digits", "--json"]).success().json("fetch");
    let entry = &document["entries"][0];
    assert_eq!((&entry["embedded"], &entry["models"], &entry["files"]), (&json!(true), &json!([MODEL]), &json!([])));
    let _ =
        zoo(folder.path(), ["fetch", MODEL, "--from-file", "x"]).failure(2, &["part of the program", "--from-file"]);
    let planned = zoo(folder.path(), ["fetch", MODEL, "--dry-run", "--json"]).success().json("fetch-plan");
    assert_eq!(planned["files"], json!([]));
    let _ = zoo(folder.path(), ["cache", "path", MODEL]).failure(1, &["part of the program"]);
    let _ = zoo(folder.path(), ["cache", "path", "UCI-Digits"]).failure(1, &["part of the program"]);
    let _ = zoo(folder.path(), ["cache", "rm", MODEL]).failure(1, &["nothing of"]);
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn list_info_inspect_and_doctor_know_it() {
    let folder = scratch();
    let run = |arguments: &[&str]| zoo(folder.path(), arguments).success();
    for arguments in [&["list"][..], &["list", "--data-sets"], &["doctor"]] {
        assert!(run(arguments).stdout.contains("built in"), "{arguments:?}");
    }
    let text = run(&["info", "digits"]).stdout;
    for part in ["part of the program", "UCI-Digits", "cargo xtask", "seed", "classes", "top-1"] {
        assert!(text.contains(part), "{part} is missing\n{text}");
    }
    let info = run(&["info", MODEL, "--json"]).json("info");
    assert_eq!((&info["checkpoint"], &info["fetched"]), (&Value::Null, &Value::Null));
    assert_eq!(info["input"]["shape"], json!([1, 3, 64, 64]));
    let row = listed(folder.path());
    assert_eq!((&row["params"], &row["madds"]), (&info["params"], &info["madds"]));
    let inspected = run(&["inspect", MODEL, "--json"]).json("inspect");
    assert_eq!(inspected["bytes"], row["embedded"]["safetensors"]["bytes"]);
    assert_eq!(inspected["state_dicts"][0]["recognised"]["models"], json!([MODEL]));
    let sets = run(&["list", "--json"]).json("list")["data_sets"].clone();
    let digits = sets.as_array().unwrap().iter().find(|set| set["name"] == "UCI-Digits").unwrap();
    assert_eq!((&digits["embedded"], &digits["files"]), (&json!(true), &json!([])));
}

#[test]
fn a_registry_that_speaks_of_other_files_is_refused_by_what_needs_them() {
    let folder = scratch();
    let registry = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../registry.toml")).unwrap();
    let digest = sha256(&shipped("bossnet-digits.onnx"));
    fs::write(
        folder.path().join("r.toml"),
        registry.replace(&digest, &digest.replace(|c: char| c.is_ascii_digit(), "a")),
    )
    .unwrap();
    let run = |arguments: &[&str]| zoo(folder.path(), [arguments, &["--registry", "r.toml"]].concat());
    let _ = run(&["list"]).success();
    let _ = run(&["validate", MODEL]).failure(1, &["ONNX file of `bossnet-digits`", &digest]);
    let _ = run(&["export", MODEL, "--safetensors"]).success();
    fs::write(folder.path().join("r.toml"), registry.replace("name = \"bossnet-digits\"", "name = \"other\"")).unwrap();
    let _ = run(&["list"]).failure(1, &["`other` is no part of this program", "bossnet-digits"]);
}

#[test]
fn the_digits_are_data_for_any_network_of_ten_classes() {
    let folder = scratch();
    let export = ["export", small::ARCH, "--size", "32", "--seed", "3", "-o", "small.onnx"];
    let _ = zoo(folder.path(), export).success();
    let document = zoo(folder.path(), ["eval", "small.onnx", "--data", "digits", "--json"]).success().json("eval");
    assert_eq!((&document["images"], &document["layout"]), (&json!(HELD_OUT), &json!("handwritten digits")));
    assert_eq!(document["published"], Value::Null);
    let eleven = small::ARCH.replace("classes=10", "classes=11");
    let _ = zoo(folder.path(), ["export", &eleven, "--size", "32", "-o", "eleven.onnx"]).success();
    let wrong = zoo(folder.path(), ["eval", "eleven.onnx", "--data", "digits"]);
    let _ = wrong.failure(1, &["10 classes", "11", "bossnas-zoo eval BossNet-Digits"]);
    let _ =
        zoo(folder.path(), ["eval", "--data", "UCI-Digit"]).failure(2, &["no data set", "did you mean `UCI-Digits`"]);
    let _ = zoo(folder.path(), ["eval", "small.onnx", "--data", "T0"]).failure(2, &["no data set"]);
}

#[test]
fn a_model_before_images_is_optional_and_images_are_not() {
    let folder = scratch();
    let [picture, _] = digit(folder.path()).map(|path| path.display().to_string());
    let run = |arguments: &[&str]| zoo(folder.path(), [&["classify"], arguments].concat());
    let named = run(&[MODEL, &picture, &picture, "--json"]).success().json("classify");
    assert_eq!(named["images"].as_array().map(Vec::len), Some(2));
    let unnamed = run(&[&picture, &picture, "--json"]).success().json("classify");
    assert_eq!(unnamed["models"][0]["images"], named["images"]);
    let _ = run(&[MODEL]).failure(2, &["no IMAGE is given"]);
    let _ = run(&["T7", &picture]).failure(2, &["there is no model `T7`"]);
    let _ = run(&["missing.png"]).failure(1, &["missing.png", "does not exist"]);
}
