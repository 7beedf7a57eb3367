//! What a search has found: shown, listed under limits, exported with the weights of its supernet, and refused where it is damaged.

use std::fs;
use std::path::Path;

use bossnas_tests::program::{files, scratch, zoo};
use bossnas_tests::{npy, searched};

const FAILED: i32 = 1;
const USAGE: i32 = 2;

#[test]
fn a_search_on_its_way_is_shown_stage_by_stage() {
    let folder = scratch();
    let run = searched::hytra(folder.path(), "run", "standard", 2);
    let outcome = zoo(folder.path(), ["arch", "run"]).success();
    for part in
        ["hytra, base width 2, images of 64 x 64", "corrected, attention standard", "decided", "rated", "waiting"]
    {
        assert!(outcome.stdout.contains(part), "{part}\n{}", outcome.stdout);
    }
    let document = zoo(folder.path(), ["arch", "run", "--json"]).success().json("arch-run");
    assert_eq!(document["stages"].as_array().unwrap().len(), 4);
    assert_eq!(document["found"], serde_json::Value::Null);
    let best: Vec<&str> = (0..2).map(|stage| document["stages"][stage]["best"].as_str().unwrap()).collect();
    assert_eq!(best.join("/"), run.best());
    let third = &document["stages"][2];
    assert_eq!((third["state"].as_str(), third["next"].as_array().unwrap().len()), (Some("rated"), 3));
    let score = |value: &serde_json::Value| value["score"].as_f64().unwrap();
    assert!(score(third) <= score(&third["next"][0]) && score(&third["next"][0]) <= score(&third["next"][1]));
    for arguments in [&["--to", "bossnet"][..], &["-o", "arch.json"]] {
        let outcome = zoo(folder.path(), ["arch", "run"].iter().chain(arguments));
        let _ = outcome.failure(FAILED, &["stage 2 of `run` is not decided yet", "hint:"]);
    }
    let _ = zoo(folder.path(), ["export", "run"]).failure(FAILED, &["stage 2 of `run` is not decided yet", "--path"]);
    assert!(!folder.path().join("arch.json").exists());
}

#[test]
fn a_search_that_is_through_gives_its_architecture_and_the_network_to_retrain() {
    let folder = scratch();
    let run = searched::hytra(folder.path(), "run", "transposed", 4);
    let text = format!("hytra:{}+base=2+attention=transposed", run.best());
    let document = zoo(folder.path(), ["arch", "run", "--json"]).success().json("arch-run");
    assert_eq!(document["found"]["arch"], text);
    let shown = zoo(folder.path(), ["arch", "run", "-o", "arch.json"]).success();
    assert!(shown.stdout.contains(&text), "{}", shown.stdout);
    assert_eq!(zoo(folder.path(), ["arch", "arch.json"]).success().stdout.trim_end(), text);
    let file: serde_json::Value = serde_json::from_slice(&fs::read(folder.path().join("arch.json")).unwrap()).unwrap();
    let sum: f64 = file["scores"].as_object().unwrap().values().map(|score| score.as_f64().unwrap()).sum();
    assert!((sum - document["found"]["score"].as_f64().unwrap()).abs() < 1e-12);
    let bossnet = zoo(folder.path(), ["arch", "run", "--to", "bossnet", "--with", "silu,se"]).success().stdout;
    let expected = zoo(folder.path(), ["arch", &text, "--to", "bossnet", "--with", "silu,se"]).success().stdout;
    assert!(bossnet == expected && bossnet.ends_with("+silu+se+base=2\n"), "{bossnet}");
    let info = zoo(folder.path(), ["info", "run", "--json", "--svg", "run.svg"]).success().json("info");
    assert_eq!((&info["madds"], &info["params"]), (&document["found"]["madds"], &document["found"]["params"]));
    let drawing = fs::read_to_string(folder.path().join("run.svg")).unwrap();
    assert_eq!(drawing.matches("data-block").count(), 16);
}

#[test]
fn the_best_architectures_under_limits_are_within_them_and_in_order() {
    let folder = scratch();
    let run = searched::nats(folder.path(), "run", 2);
    let list = |arguments: &[&str]| {
        let outcome = zoo(folder.path(), ["arch", "best", "run", "--json"].iter().chain(arguments)).success();
        outcome.json("arch-best")["architectures"].as_array().unwrap().clone()
    };
    let free = list(&["-n", "50"]);
    assert_eq!(free.len(), 50);
    let score = |row: &serde_json::Value| row["score"].as_f64().unwrap();
    assert!(free.is_sorted_by_key(score));
    // Stages of this space are independent: the sum of the least scores is the least sum.
    let least: f64 = run.ratings.iter().map(|stage| stage.iter().map(|it| it.1).fold(f64::INFINITY, f64::min)).sum();
    assert!((score(&free[0]) - least).abs() < 1e-12);
    let first = free[0]["arch"].as_str().unwrap();
    let info = zoo(folder.path(), ["info", first, "--json"]).success().json("info");
    assert_eq!((&info["madds"], &info["params"]), (&free[0]["madds"], &free[0]["params"]));
    // The limits leave of the list what keeps within them, and nothing else comes before that.
    let madds = |row: &serde_json::Value| row["madds"].as_u64().unwrap();
    let params = |row: &serde_json::Value| row["params"].as_u64().unwrap();
    let most = [madds(&free[0]).min(madds(&free[1])), params(&free[2])];
    let limited = list(&["-n", "50", "--max-madds", &most[0].to_string(), "--max-params", &most[1].to_string()]);
    assert!(limited.iter().all(|row| madds(row) <= most[0] && params(row) <= most[1]));
    let kept: Vec<_> = free.iter().filter(|row| madds(row) <= most[0] && params(row) <= most[1]).collect();
    assert!(kept.iter().zip(&limited).all(|(a, b)| *a == b), "{kept:?}\n{limited:?}");
    let table = zoo(folder.path(), ["arch", "best", "run", "-n", "3", "--max-madds", "3.4G"]).success();
    assert!(table.stdout.contains(first) && table.stderr.contains("32 x 32"), "{}{}", table.stdout, table.stderr);
}

#[test]
fn what_cannot_be_listed_is_said() {
    let folder = scratch();
    searched::nats(folder.path(), "run", 2);
    searched::nats(folder.path(), "young", 1);
    let best = |arguments: &[&str]| zoo(folder.path(), ["arch", "best"].iter().chain(arguments));
    let _ = best(&["run", "--max-params", "10"]).failure(FAILED, &["no architecture is within the limits", "hint:"]);
    let _ = best(&["young"]).failure(FAILED, &["stage 2 of `young` was not rated yet", "hint:"]);
    let _ = best(&["T0"]).failure(USAGE, &["`T0` is no run folder"]);
    let _ = best(&["run", "--max-madds", "many"]).failure(USAGE, &["400M"]);
    let _ = best(&["run", "-n", "0"]).failure(USAGE, &[]);
    let _ = best(&[]).failure(USAGE, &["RUN"]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let _ = zoo(folder.path(), ["arch", "empty"]).failure(FAILED, &["`empty` is neither a file nor the run folder"]);
    fs::write(folder.path().join("empty/config.toml"), "").unwrap();
    let _ = zoo(folder.path(), ["arch", "empty"]).failure(FAILED, &["`empty` holds no checkpoint yet", "hint:"]);
    assert!(zoo(folder.path(), ["arch", "T0"]).success().stdout.starts_with("bossnet:"), "what is no subcommand");
}

fn input(folder: &Path, side: usize) {
    let values: Vec<f32> = (0..3 * side * side).map(|n| (n % 101) as f32 / 50.0 - 1.0).collect();
    npy::write(&folder.join("x.npy"), &[1, 3, side, side], &values);
}

#[test]
fn any_path_is_exported_with_the_weights_of_either_side_and_says_so() {
    let folder = scratch();
    let run = searched::nats(folder.path(), "run", 3);
    input(folder.path(), 32);
    let export = |arguments: &[&str]| {
        let outcome = zoo(folder.path(), ["export", "run", "--json"].iter().chain(arguments)).success();
        outcome.json("export")["files"][0].clone()
    };
    let found = export(&["-o", "found.onnx"]);
    assert_eq!(found["arch"], format!("nats-c10:{}+base=8", run.best()));
    assert_eq!(found["weights"]["source"], "supernet weights, not retrained (online side)");
    assert_eq!(found["verification"]["passed"], true);
    let mut features = Vec::new();
    for (side, file) in [("online", "online.onnx"), ("target", "target.onnx")] {
        let exported = export(&["--path", "07/34/1", "--side", side, "-o", file]);
        assert_eq!(exported["arch"], "nats-c10:07/34/1+base=8");
        assert_eq!(exported["weights"]["supernet_side"], side);
        let shown = zoo(folder.path(), ["inspect", file]).success().stdout;
        assert!(shown.contains("supernet weights, not retrained") && shown.contains("0.4914"), "{shown}");
        let _ = zoo(folder.path(), ["run", file, "--input", "x.npy", "--output", "features=y.npy"]).success();
        let (shape, values) = npy::read(&folder.path().join("y.npy"));
        assert_eq!(shape, [1, 2, 8, 8]);
        features.push(values);
        for (weights, words) in [(None, "its own"), (Some("run"), "which it was made from")] {
            let checkpoint = weights.iter().flat_map(|run| ["--checkpoint", run]);
            let arguments = ["validate", file, "--against", "reference,tract"].into_iter().chain(checkpoint);
            let validated = zoo(folder.path(), arguments).success().stdout;
            assert!(validated.contains("features") && validated.contains(words), "{validated}");
        }
    }
    assert_ne!(features[0], features[1]);
    let validated = zoo(folder.path(), ["validate", "run", "--against", "reference,tract"]).success().stdout;
    assert!(validated.contains("features"), "{validated}");
    let _ = zoo(folder.path(), ["run", "run", "--input", "x.npy", "--output", "y.npy"]).success();
    let _ = zoo(folder.path(), ["inspect", "run"]).failure(FAILED, &["`run`", "bossnas-zoo arch run"]);
    let checkpoint = "run/checkpoint-00001200.safetensors";
    let arguments = ["validate", "online.onnx", "--against", "reference,tract", "--checkpoint", checkpoint];
    assert!(zoo(folder.path(), arguments).success().stdout.contains("which it was made from"));
    let _ = zoo(folder.path(), ["info", "online.onnx"]).success();
}

#[test]
fn a_network_with_the_attention_of_the_published_search_is_exported_as_that() {
    let folder = scratch();
    searched::hytra(folder.path(), "run", "transposed", 1);
    searched::hytra(folder.path(), "standard", "standard", 1);
    input(folder.path(), 64);
    let mut features = Vec::new();
    for (run, option) in [("run", "+attention=transposed"), ("standard", "")] {
        let arguments = ["export", run, "--path", "5433/3230/0010/0000", "-o", "x.onnx", "--json"];
        let exported = zoo(folder.path(), arguments).success().json("export");
        assert_eq!(exported["files"][0]["arch"], format!("hytra:5433/3230/0010/0000+base=2{option}"));
        let _ =
            zoo(folder.path(), ["validate", "x.onnx", "--against", "reference,tract", "--checkpoint", run]).success();
        let _ = zoo(folder.path(), ["run", "x.onnx", "--input", "x.npy", "--output", "y.npy"]).success();
        features.push(npy::read(&folder.path().join("y.npy")));
    }
    assert_eq!(features[0].0, [1, 64, 2, 2]);
    assert_ne!(features[0].1, features[1].1, "the same weights, attention the other way round");
}

#[test]
fn paths_are_exported_drawn_and_run_without_a_search_too() {
    let folder = scratch();
    for (arch, file, blocks) in [
        ("hytra:5433/3230/0010/0000+base=2", "hytra-5433-3230-0010-0000-base-2-64x64-bdyn.onnx", 16),
        ("mbconv:11/0110/0111/1100/0110+base=8", "mbconv-11-0110-0111-1100-0110-base-8-64x64-bdyn.onnx", 18),
        ("nats-c100:01/2/37+base=8", "nats-c100-01-2-37-base-8-64x64-bdyn.onnx", 5),
    ] {
        let exported = zoo(folder.path(), ["export", arch, "--size", "64", "--seed", "3"]).success();
        assert!(exported.stdout.contains("untrained (seed 3)") && exported.stdout.contains("largest feature"));
        let _ = zoo(folder.path(), ["validate", file, "--against", "reference,tract"]).success();
        let info =
            zoo(folder.path(), ["info", arch, "--size", "64", "--svg", "x.svg", "--json"]).success().json("info");
        assert_eq!(info["outputs"][0]["name"], "features");
        let drawing = fs::read_to_string(folder.path().join("x.svg")).unwrap();
        assert_eq!(drawing.matches("data-block").count(), blocks, "{arch}");
        let file = "x.safetensors";
        let _ = zoo(folder.path(), ["export", arch, "--seed", "3", "--safetensors", "-o", file]).success();
        let again = zoo(folder.path(), ["export", file, "--size", "64", "-o", "again.onnx", "--json"]).success();
        assert_eq!(again.json("export")["files"][0]["arch"], arch, "its notes say what it is");
    }
    let small = ["nats-c100:01/2/37+base=8", "--seconds", "0.2", "--warm-up", "0.2", "--provider", "tract"];
    let _ = zoo(folder.path(), ["bench"].iter().chain(&small)).success();
}

#[test]
fn what_cannot_be_exported_is_refused_and_leaves_nothing() {
    let folder = scratch();
    let run = searched::nats(folder.path(), "run", 3);
    searched::hytra(folder.path(), "hytra", "standard", 1);
    let before = files(folder.path());
    let export = |arguments: &[&str]| zoo(folder.path(), ["export"].iter().chain(arguments).chain(&["-o", "x.onnx"]));
    let _ = export(&["run", "--path", "07/34"]).failure(USAGE, &["--path is no path of nats-c10", "column"]);
    let _ = export(&["run", "--path", "07/34/9"]).failure(USAGE, &["width index"]);
    let _ = export(&["run", "--path", "07/34/1+base=8"]).failure(USAGE, &["--path"]);
    let _ =
        export(&["run", "--path", "nats-c100:01/2/37"]).failure(USAGE, &["nats-c100", "`run` is a search of nats-c10"]);
    let _ = export(&["run", "--side", "left"]).failure(USAGE, &["online", "target"]);
    let _ = export(&["hytra", "--path", "5555/4444/3333/0000"])
        .failure(USAGE, &["`hytra` has no path", "no weights for 4"]);
    let _ = export(&["T0", "--path", "07/34/1"]).failure(USAGE, &["--path", "`T0` is none"]);
    let _ = export(&["T0", "--side", "target"]).failure(USAGE, &["--side", "`T0` is none"]);
    let _ = export(&["--path", "07/34/1"]).failure(USAGE, &["MODEL"]);
    let _ = export(&["run", "--checkpoint", "x.pth"]).failure(USAGE, &["`run` and --checkpoint exclude each other"]);
    let _ = export(&["run", "--size", "3"]).failure(USAGE, &["too small"]);
    assert_eq!(files(folder.path()), before);

    let weights = folder.path().join("run/checkpoint-00001200.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, &bytes).unwrap();
    let _ = export(&["run"]).failure(FAILED, &["checkpoint-00001200.safetensors", "SHA-256", "hint:"]);
    let elsewhere = serde_json::json!("../run/checkpoint-00001200.safetensors");
    searched::edit(&folder.path().join("run"), "checkpoint.json", |it| it["file"] = elsewhere);
    let _ = export(&["run"]).failure(FAILED, &["checkpoint.json", "its `file` is"]);
    searched::edit(&folder.path().join("run"), "checkpoint.json", |it| it["space"] = "\u{1b}[31mx".into());
    let outcome = export(&["run"]).failure(FAILED, &["its space is", "hytra, mbconv"]);
    assert!(!outcome.stderr.contains('\u{1b}'));
    assert_eq!(files(folder.path()), before);
    assert_eq!(run.best_paths.len(), 3);
}
