//! Checkpoints of the published layout and size become ONNX files that give the published code's logits.

use std::fs;
use std::path::Path;

use bossnas_tests::network::Network;
use bossnas_tests::program::{files, scratch, zoo};

/// What a float32 runtime may be off by, in units of the largest logit.
const TOLERANCE: f64 = 1e-5;

/// Works on `checkpoint.pth`, and leaves nothing else.
fn export_and_run(folder: &Path, model: &str, network: &Network) {
    let size = network.size();
    let exported =
        zoo(folder, ["export", model, "--checkpoint", "checkpoint.pth", "--size", &size, "-o", "model.onnx", "--json"])
            .success();
    let report = exported.json("export").to_string();
    assert!(report.contains("model_ema"), "every output says which state dict was taken: {report}");

    network.write_input(&folder.join("input.npy"));
    let _ = zoo(folder, ["run", "model.onnx", "--input", "input.npy", "--output", "logits.npy"]).success();
    network.assert_logits(&folder.join("logits.npy"), TOLERANCE);
    assert_eq!(files(folder), ["checkpoint.pth", "input.npy", "logits.npy", "model.onnx"], "nothing else is left");
    for file in ["input.npy", "logits.npy", "model.onnx"] {
        let _ = fs::remove_file(folder.join(file));
    }
}

/// T0 and T1 differ by a stride only: one checkpoint serves both.
#[test]
fn t0_and_t1_export_from_a_deit_checkpoint_and_give_the_known_logits() {
    let folder = scratch();
    let t0 = Network::open("T0_224").unwrap();
    let bytes = t0.write_checkpoint(&folder.path().join("checkpoint.pth"));
    assert!((615_000_000..617_000_000).contains(&bytes), "{bytes}");
    export_and_run(folder.path(), "BossNet-T0", &t0);
    match Network::open("T1_224") {
        Some(t1) => export_and_run(folder.path(), "BossNet-T1", &t1),
        None => {
            let _ = zoo(folder.path(), ["export", "T1", "--checkpoint", "checkpoint.pth", "-o", "t1.onnx"]).success();
        }
    }
}

#[test]
fn t0_without_se_exports_from_a_deit_checkpoint_and_gives_the_known_logits_at_an_odd_size() {
    let folder = scratch();
    let network = Network::open("T0nose_225").unwrap();
    let _ = network.write_checkpoint(&folder.path().join("checkpoint.pth"));
    export_and_run(folder.path(), "BossNet-T0-noSE", &network);
}

#[test]
fn the_other_state_dict_is_taken_when_asked_for() {
    let folder = scratch();
    let network = Network::open("tiny_1010_nc10").unwrap();
    let _ = network.write_checkpoint(&folder.path().join("tiny.pth"));
    let arguments = ["export", &network.params.architecture, "--checkpoint", "tiny.pth", "--size", "64"];
    let ema = zoo(folder.path(), arguments.iter().chain(&["-o", "ema.onnx"])).success();
    assert!(ema.stderr.contains("model_ema") || ema.stdout.contains("model_ema"), "{ema:?}");
    let other = arguments.iter().chain(&["--state-dict", "model", "-o", "model.onnx"]);
    let _ = zoo(folder.path(), other).success();
    assert_ne!(fs::read(folder.path().join("ema.onnx")).unwrap(), fs::read(folder.path().join("model.onnx")).unwrap());
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = scratch();
    let network = Network::open("tiny_1010_nc10").unwrap();
    let _ = network.write_checkpoint(&folder.path().join("tiny.pth"));
    for name in ["first.onnx", "second.onnx"] {
        let arguments = ["--checkpoint", "tiny.pth", "--size", "64", "--no-verify", "-o", name];
        let _ = zoo(folder.path(), ["export", &network.params.architecture].iter().chain(&arguments)).success();
    }
    let read = |name| fs::read(folder.path().join(name)).unwrap();
    assert!(read("first.onnx") == read("second.onnx"));
}

#[test]
fn a_state_dict_goes_through_safetensors_unchanged() {
    let folder = scratch();
    let network = Network::open("tiny_1010_nc10").unwrap();
    let _ = network.write_checkpoint(&folder.path().join("tiny.pth"));
    let arch = network.params.architecture.as_str();
    let _ = zoo(folder.path(), ["export", arch, "--checkpoint", "tiny.pth", "--safetensors", "-o", "tiny.safetensors"])
        .success();
    let mut digests = Vec::new();
    for (checkpoint, onnx) in [("tiny.pth", "a.onnx"), ("tiny.safetensors", "b.onnx")] {
        let arguments = ["export", arch, "--checkpoint", checkpoint, "--size", "64", "-o", onnx, "--json"];
        let report = zoo(folder.path(), arguments).success().json("export");
        let weights = &report["files"][0]["weights"];
        assert_eq!(weights["state_dict"], "model_ema");
        digests.push(weights["sha256"].clone());
        network.write_input(&folder.path().join("input.npy"));
        let _ =
            zoo(folder.path(), ["run", onnx, "--input", "image=input.npy", "--output", "logits=logits.npy"]).success();
        network.assert_logits(&folder.path().join("logits.npy"), TOLERANCE);
    }
    assert_eq!(digests[0], digests[1], "the digest of the weights does not depend on the container");
}

#[test]
fn every_opset_loads_in_tract_and_gives_the_same_logits() {
    let folder = scratch();
    let network = Network::open("tiny_1010_nc10").unwrap();
    let _ = network.write_checkpoint(&folder.path().join("tiny.pth"));
    network.write_input(&folder.path().join("input.npy"));
    let arch = network.params.architecture.as_str();
    for opset in 13..=21 {
        let opset = opset.to_string();
        let arguments = ["--checkpoint", "tiny.pth", "--size", "64", "--opset", &opset, "-o", "model.onnx"];
        let _ = zoo(folder.path(), ["export", arch].iter().chain(&arguments)).success();
        let _ = zoo(folder.path(), ["run", "model.onnx", "--input", "input.npy", "--output", "logits.npy"]).success();
        network.assert_logits(&folder.path().join("logits.npy"), TOLERANCE);
    }
}

#[test]
fn a_safetensors_file_of_ours_remembers_its_network_and_that_it_is_untrained() {
    let folder = scratch();
    // Neither the activation nor the last stride leaves a trace in the weights.
    let arch = "bossnet:1/0/1/0+relu+se+s1+base=4+classes=3";
    let _ = zoo(folder.path(), ["export", arch, "--seed", "5", "--safetensors", "-o", "x.safetensors"]).success();
    let again = zoo(folder.path(), ["export", "x.safetensors", "--size", "64", "-o", "x.onnx", "--json"]).success();
    let file = &again.json("export")["files"][0];
    assert_eq!(file["arch"], arch);
    assert_eq!(file["weights"]["trained"], false);
    assert_eq!(file["weights"]["source"], "untrained (seed 5)");
}
