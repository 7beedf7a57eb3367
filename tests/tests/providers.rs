//! Runtimes and execution providers: what runs, what cannot, and why.

use std::fs;
use std::path::Path;
use std::process::Command;

use bossnas_native::Part;
use bossnas_tests::onnxruntime::{is_here, library};
use bossnas_tests::program::{command, finish, scratch, zoo};
use bossnas_tests::{npy, small};

/// A small network and an input for it.
fn prepare(folder: &Path) {
    let _ = zoo(folder, ["export", small::ARCH, "--onnx", "--size", "32", "-o", "small.onnx"]).success();
    let input: Vec<f32> = (0..2 * 3 * 32 * 32).map(|i| (i % 251) as f32 / 100.0 - 1.0).collect();
    npy::write(&folder.join("x.npy"), &[2, 3, 32, 32], &input);
}

const RUN: [&str; 4] = ["run", "small.onnx", "--input", "x.npy"];

fn run(folder: &Path, options: &[&str]) -> bossnas_tests::program::Outcome {
    zoo(folder, [&RUN, options].concat())
}

fn there_is_a_gpu() -> bool {
    Command::new("nvidia-smi").output().is_ok_and(|output| output.status.success())
}

#[test]
fn all_ways_to_run_a_file_give_the_same() {
    let folder = scratch();
    prepare(folder.path());
    let _ = run(folder.path(), &["--output", "expected.npy", "--threads", "1"]).success();
    let (_, expected) = npy::read(&folder.path().join("expected.npy"));
    let mut ways = vec![vec!["--runtime", "tract"], vec!["--provider", "tract", "--threads", "2"]];
    if is_here() {
        ways.extend([
            vec!["--runtime", "ort"],
            vec!["--runtime", "ort", "--provider", "cpu", "--threads", "1"],
            vec!["--provider", "cpu", "--io-binding"],
            vec!["--provider", "cpu", "--graph-optimization", "none"],
        ]);
    }
    if cfg!(target_os = "linux") {
        ways.push(vec!["--threads", "1", "--pin"]);
    }
    for way in ways {
        let document = run(folder.path(), &[&way[..], &["--output", "y.npy", "--json"]].concat()).success().json("run");
        let (_, got) = npy::read(&folder.path().join("y.npy"));
        let largest = expected.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
        let error = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0_f64, f64::max);
        assert!(error <= 1e-5 * largest, "{way:?}: {error} of {largest}");
        let ort = document["runtime"] == "ort-cpu";
        assert_eq!(ort, way.contains(&"ort") || way.contains(&"cpu"), "{way:?}");
        if ort {
            let placement = &document["placement"];
            assert_eq!(placement["providers"][0]["provider"], "CPUExecutionProvider", "{placement}");
            assert_eq!(placement["providers"][0]["share_of_time"], 1.0);
            assert!(placement["heavy_nodes"].as_u64().unwrap() > 10, "{placement}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let folder = scratch();
    prepare(folder.path());
    for (options, part) in [
        (&["--runtime", "tract", "--provider", "cpu"][..], "provider of ONNX Runtime"),
        (&["--runtime", "ort", "--provider", "tract"], "no provider of ONNX Runtime"),
        (&["--graph-optimization", "none"], "for ONNX Runtime, not for tract"),
        (&["--io-binding"], "for ONNX Runtime, not for tract"),
        (&["--provider", "gpu"], "gpu"),
        (&["--threads", "0"], "0"),
        (&["--memory-limit", "much"], "500M"),
        (&["--provider", "cuda", "--memory-limit", "1G"], "its memory is not the process's own"),
    ] {
        let _ = run(folder.path(), options).failure(2, &[part]);
    }
    if cfg!(target_os = "linux") {
        let _ = run(folder.path(), &["--pin=4095"]).failure(2, &["may not run on processor 4095"]);
        let _ = run(folder.path(), &["--pin=0", "--threads", "2"]).failure(2, &["one each"]);
    }
}

#[test]
fn without_a_library_the_command_that_installs_one_is_named() {
    let folder = scratch();
    prepare(folder.path());
    for (provider, setup) in [("cpu", "`cargo xtask setup`"), ("cuda", "`cargo xtask setup --cuda`")] {
        let mut command = command(folder.path(), [&RUN[..], &["--provider", provider]].concat());
        let _ = finish(command.env("BOSSNAS_NATIVE", "nothing")).failure(4, &["not installed", setup]);
    }
    fs::write(folder.path().join("junk.so"), b"no library").unwrap();
    for (path, part) in [("junk.so", "no usable ONNX Runtime"), ("none.so", "is no file")] {
        let path = folder.path().join(path);
        let mut command = command(folder.path(), [&RUN[..], &["--provider", "cpu"]].concat());
        let _ = finish(command.env("ORT_DYLIB_PATH", path)).failure(4, &[part]);
    }
}

#[test]
fn a_build_without_the_provider_says_so() {
    let Some(library) = library(Part::OnnxRuntime) else { return assert!(!is_here()) };
    let folder = scratch();
    prepare(folder.path());
    for (provider, name) in [("cuda", "CUDAExecutionProvider"), ("openvino", "OpenVINOExecutionProvider")] {
        let mut command = command(folder.path(), [&RUN[..], &["--provider", provider]].concat());
        let built_without = format!("was built without {name}; it has cpu");
        let _ = finish(command.env("ORT_DYLIB_PATH", &library)).failure(4, &[&built_without, "cargo xtask setup --"]);
    }
}

/// Where the build for GPUs was set up (`cargo xtask setup --cuda`), which continuous integration does not.
#[test]
fn the_build_for_gpus_runs_on_one_or_says_why_not() {
    let Some(library) = library(Part::OnnxRuntimeGpu) else {
        eprintln!("SKIPPED: the build for GPUs is not installed (`{}`)", Part::OnnxRuntimeGpu.setup_command());
        return;
    };
    let folder = scratch();
    prepare(folder.path());
    let mut command = command(folder.path(), [&RUN[..], &["--provider", "cuda", "--json"]].concat());
    let outcome = finish(command.env("ORT_DYLIB_PATH", library));
    if there_is_a_gpu() {
        let placement = &outcome.success().json("run")["placement"];
        assert_eq!(placement["providers"][0]["provider"], "CUDAExecutionProvider");
        assert_eq!(placement["heavy_nodes_elsewhere"].as_array().map(Vec::len), Some(0));
    } else {
        let _ = outcome.failure(4, &["cuda cannot run here: ", "hint: "]);
    }
}

#[test]
fn doctor_tries_every_runtime() {
    let folder = scratch();
    let document = zoo(folder.path(), ["doctor", "--json"]).success().json("doctor");
    let runtimes = document["runtimes"].as_array().unwrap();
    let of = |name: &str| runtimes.iter().find(|runtime| runtime["name"] == name).unwrap();
    assert_eq!(of("tract")["works"], true);
    if is_here() {
        assert_eq!(of("ort-cpu")["works"], true, "{}", of("ort-cpu"));
        assert!(of("ort-cpu")["library"].as_str().unwrap().contains("onnxruntime"));
    }
    if !there_is_a_gpu() {
        assert_eq!(of("ort-cuda")["works"], false);
        assert!(of("ort-cuda")["reason"].is_string() && of("ort-cuda")["hint"].is_string(), "{}", of("ort-cuda"));
    }
    let mut bare = command(folder.path(), ["doctor"]);
    let text = finish(bare.env("BOSSNAS_NATIVE", "nothing")).success().stdout;
    assert!(text.contains("ort-cpu: no: ") && text.contains("cargo xtask setup"), "{text}");
}
