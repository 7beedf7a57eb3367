//! `bench`: times of small networks, in every form, and against a baseline. How fast they are is nobody's business here.

use std::fs;
use std::path::Path;

use bossnas_tests::onnxruntime::is_here;
use bossnas_tests::program::{Outcome, scratch, zoo};
use bossnas_tests::small;
use serde_json::Value;

fn prepare(folder: &Path) {
    let _ = zoo(folder, ["export", small::ARCH, "--onnx", "--size", "32", "-o", "small.onnx"]).success();
}

fn bench(folder: &Path, options: &[&str]) -> Outcome {
    zoo(folder, [&["bench", "small.onnx", "--seconds", "0.2", "--warm-up", "0.2"], options].concat())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

#[test]
fn the_numbers_of_a_report_follow_from_its_raw_times() {
    let folder = scratch();
    prepare(folder.path());
    let options = ["--provider", "tract", "--batch", "1,3", "--threads", "1", "--json"];
    let document = bench(folder.path(), &options).success().json("bench");
    let variants = document["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 2);
    assert!(!document["not_controlled"].as_array().unwrap().is_empty());
    let peak = number(&document["peaks"][0]["multiply_adds_per_second"]);
    for (variant, batch) in variants.iter().zip([1, 3]) {
        assert_eq!((&variant["batch"], &variant["threads"]), (&batch.into(), &1.into()));
        assert_eq!(variant["model"]["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(variant["check"]["passed"], true);
        assert_eq!(variant["check"]["reference"], "reference");
        let blocks: Vec<Vec<f64>> = serde_json::from_value(variant["samples_ms"].clone()).unwrap();
        assert_eq!(blocks.len() as u64, document["method"]["rounds"].as_u64().unwrap());
        let mut times = blocks.concat();
        times.sort_by(f64::total_cmp);
        let summary = &variant["times_ms"];
        assert_eq!(summary["runs"], times.len());
        let middle = times.len() / 2;
        let median = if times.len() % 2 == 1 { times[middle] } else { f64::midpoint(times[middle - 1], times[middle]) };
        assert!((number(&summary["median"]["value"]) / median - 1.0).abs() < 1e-12);
        let [low, high]: [f64; 2] = serde_json::from_value(summary["median"]["interval"].clone()).unwrap();
        assert!(low <= median && median <= high);
        assert_eq!(number(&summary["min"]), times[0]);
        for (name, p) in [("p90", 0.90), ("p95", 0.95), ("p99", 0.99)] {
            let slower = times.len() - (p * times.len() as f64).ceil() as usize;
            assert_eq!(summary[name].is_null(), slower < 10, "{name} of {} runs", times.len());
        }
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        let rate = f64::from(batch) * 1e3 / mean;
        assert!((number(&variant["images_per_second"]["value"]) / rate - 1.0).abs() < 1e-9);
        let madds = number(&variant["model"]["multiply_adds"]) * f64::from(batch) / (median * 1e-3);
        assert!((number(&variant["multiply_adds_per_second"]) / madds - 1.0).abs() < 1e-9);
        assert!((number(&variant["share_of_peak"]) / (madds / peak) - 1.0).abs() < 1e-9);
    }
}

#[test]
fn every_form_is_written_and_only_one_goes_to_stdout() {
    let folder = scratch();
    prepare(folder.path());
    let files = ["--json", "a.json", "--csv", "a.csv", "--markdown", "a.md", "--html", "a.html"];
    let table = bench(folder.path(), &[&["--provider", "tract"][..], &files].concat()).success().stdout;
    for word in ["median ms", "of peak", "not controlled", "what the numbers mean", "warm-up"] {
        assert!(table.contains(word), "no `{word}` in\n{table}");
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let json: Value = serde_json::from_str(&read("a.json")).unwrap();
    assert_eq!(json["schema"], "bossnas-zoo/bench/1");
    let runs = json["variants"][0]["times_ms"]["runs"].as_u64().unwrap();
    assert_eq!(read("a.csv").lines().count() as u64, runs + 1);
    assert!(read("a.md").contains("| variant"));
    let html = read("a.html");
    assert!(html.contains("<svg") || html.contains("data:image/svg+xml"));
    assert!(!html.contains("<script"), "a page runs nothing");
    let _ = bench(folder.path(), &["--json", "--csv"]).failure(2, &["only one of"]);
    let _ = zoo(folder.path(), ["bench", "--json", "small.onnx"]).failure(2, &["expected a file that ends in .json"]);
}

#[test]
fn a_baseline_says_slower_where_it_was_made_faster_by_hand() {
    let folder = scratch();
    prepare(folder.path());
    let options = ["--provider", "tract", "--threads", "1"];
    let _ = bench(folder.path(), &[&options[..], &["--json", "now.json"]].concat()).success();
    let against = |name: &str| bench(folder.path(), &[&options[..], &["--json", "--baseline", name]].concat());
    // All times a hundredth, or a hundred times, of what they were: no drift of a machine explains that.
    for (name, factor, verdict) in [("fast.json", 0.01, "slower"), ("slow.json", 100.0, "faster")] {
        let mut report: Value =
            serde_json::from_str(&fs::read_to_string(folder.path().join("now.json")).unwrap()).unwrap();
        for block in report["variants"][0]["samples_ms"].as_array_mut().unwrap() {
            for time in block.as_array_mut().unwrap() {
                *time = (number(time) * factor).into();
            }
        }
        fs::write(folder.path().join(name), report.to_string()).unwrap();
        let outcome = against(name);
        assert_eq!(outcome.code, Some(if verdict == "slower" { 3 } else { 0 }), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.contains("slower than before"), verdict == "slower");
        let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(document["baseline"][0]["verdict"], verdict);
    }
    let _ = against("small.onnx").failure(1, &["is no report of `bench`"]);
    fs::write(folder.path().join("other.json"), r#"{"schema": "bossnas-zoo/eval/1"}"#).unwrap();
    let _ = against("other.json").failure(1, &["its schema is"]);
    let _ = bench(folder.path(), &["--provider", "tract", "--batch", "5", "--threads", "1", "--baseline", "now.json"])
        .failure(2, &["none of the variants"]);
}

#[test]
fn all_scenarios_are_measured() {
    let folder = scratch();
    prepare(folder.path());
    let options = ["--provider", "tract", "--threads", "2", "--no-pin", "--json", "--scenario"];
    let document = bench(folder.path(), &[&options[..], &["throughput"]].concat()).success().json("bench");
    assert_eq!(document["variants"][0]["streams"], 2);
    let document =
        bench(folder.path(), &[&options[..], &["server", "--rate", "40,80"]].concat()).success().json("bench");
    let variants = document["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 2);
    // As many requests as were asked for reach it, give or take chance and the ends of blocks.
    for (variant, rate) in variants.iter().zip([40.0, 80.0]) {
        assert!((number(&variant["scenario"]["server"]["rate"]) - rate).abs() < 1e-9);
        let served = number(&variant["images_per_second"]["value"]);
        assert!((0.5..1.6).contains(&(served / rate)), "{served} of {rate}");
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    let folder = scratch();
    prepare(folder.path());
    let _ = zoo(folder.path(), ["bench", "missing.onnx"]).failure(1, &["missing.onnx"]);
    let _ = bench(folder.path(), &["--provider", "tract", "--precision", "bf16"])
        .failure(2, &["cannot be told to compute in bf16"]);
    let _ = bench(folder.path(), &["--rate", "5"]).failure(2, &["--rate is for --scenario server"]);
    let _ = bench(folder.path(), &["--batch", "0"]).failure(2, &["0"]);
    let _ = bench(folder.path(), &["--threads", "1000"]).failure(2, &["cannot be bound"]);
    let _ = bench(folder.path(), &["--tuned"]).failure(1, &["nothing was tuned for this file"]);
}

#[test]
fn a_profile_says_where_the_time_goes() {
    if !is_here() {
        return;
    }
    let folder = scratch();
    prepare(folder.path());
    let options = ["--provider", "cpu", "--profile", "--json"];
    let document = bench(folder.path(), &options).success().json("bench");
    let operators = document["variants"][0]["operators"].as_array().unwrap();
    let nodes: u64 = operators.iter().filter_map(|it| it["nodes"].as_u64()).sum();
    let placed = document["variants"][0]["placement"]["shares"][0]["nodes"].as_u64().unwrap();
    assert_eq!(nodes, placed);
    assert!(operators.iter().all(|it| number(&it["seconds"]) > 0.0));
}
