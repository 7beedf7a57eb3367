//! Whatever is wrong, the program says so in one sentence, with its documented exit code, and leaves nothing behind.

use std::fs;
use std::path::Path;

use bossnas_tests::network::Network;
use bossnas_tests::program::{Outcome, command, files, finish, scratch, zoo};

const FAILED: i32 = 1;
const USAGE: i32 = 2;

/// Small enough to export in no time.
const SMALL: &str = "bossnet:1/0/1/0+silu+se+base=8+classes=10";

fn export(folder: &Path, arguments: &[&str]) -> Outcome {
    zoo(folder, ["export"].iter().chain(arguments))
}

#[test]
fn an_unknown_model_is_answered_with_the_nearest_names() {
    let folder = scratch();
    let outcome = export(folder.path(), &["BosNet-T0", "-o", "x.onnx"]).failure(USAGE, &["`BosNet-T0`"]);
    let hint = outcome.stderr.lines().find(|line| line.starts_with("hint: ")).unwrap();
    assert!(hint.contains("BossNet-T0"), "{hint}");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_malformed_architecture_is_answered_with_the_place_and_what_was_expected() {
    let folder = scratch();
    for (text, place) in [
        ("bossnet:1/1/11201/000100000+silu", "column 15"),
        ("bossnet:1/1/11101", "column 18"),
        ("bossnet:1/1/1/1+mish", "column 17"),
        ("hytra:5433/3230/0010/000", "column 25"),
    ] {
        let _ = export(folder.path(), &[text, "-o", "x.onnx"]).failure(USAGE, &[place, "expected"]);
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_checkpoint_of_another_network_is_refused_with_all_names_at_once() {
    let folder = scratch();
    let network = Network::open("tiny_1010_nc10").unwrap();
    let _ = network.write_checkpoint(&folder.path().join("tiny.pth"));
    // Five classes instead of ten, and a stage of two blocks.
    let other = "bossnet:1/0/11/0+silu+se+classes=5";
    let outcome = export(folder.path(), &[other, "--checkpoint", "tiny.pth", "-o", "x.onnx"])
        .failure(FAILED, &["tiny.pth", "fc.weight", "fc.bias", "layer3.1.conv1.weight", "layer3.1.se.fc2.bias"]);
    assert!(outcome.stderr.contains("[5, 2048]") && outcome.stderr.contains("[10, 2048]"), "{}", outcome.stderr);
    assert_eq!(files(folder.path()), ["tiny.pth"]);
}

#[test]
fn a_size_too_small_for_the_network_is_refused() {
    let folder = scratch();
    for size in ["0", "1", "7x224"] {
        let outcome = export(folder.path(), &["BossNet-T0", "--size", size, "-o", "x.onnx"]);
        let _ = outcome.failure(USAGE, &[]);
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn an_absurd_size_is_refused_before_anything_is_computed() {
    let folder = scratch();
    for size in ["4294967296", "1000000000x1000000000", "99999999999999999999"] {
        let _ = export(folder.path(), &["BossNet-T0", "--size", size, "-o", "x.onnx"]).failure(USAGE, &[]);
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn an_opset_out_of_range_is_refused() {
    let folder = scratch();
    for opset in ["12", "22"] {
        let _ = export(folder.path(), &[SMALL, "--opset", opset, "-o", "x.onnx"]).failure(USAGE, &["13..=21"]);
    }
}

#[test]
fn a_target_that_cannot_be_written_is_named() {
    let folder = scratch();
    let _ = export(folder.path(), &[SMALL, "--no-verify", "-o", "no/such/folder/x.onnx"])
        .failure(FAILED, &["no/such/folder/x.onnx"]);
    fs::write(folder.path().join("file"), "").unwrap();
    let _ = export(folder.path(), &[SMALL, "--no-verify", "-o", "file/x.onnx"]).failure(FAILED, &["file/x.onnx"]);
    assert_eq!(files(folder.path()), ["file"]);
}

/// A limit on the size of files stands in for a full disk: the write fails half way, after the file was begun.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_no_half_written_file_and_the_old_one_untouched() {
    let folder = scratch();
    fs::write(folder.path().join("x.onnx"), "what was there before").unwrap();
    let program = command(folder.path(), ["export", SMALL, "--no-verify", "-o", "x.onnx"]);
    let mut limited = std::process::Command::new("sh");
    // Without the trap the limit ends the program by a signal, which no full disk does.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"]);
    limited.arg(program.get_program()).args(program.get_args()).current_dir(folder.path());
    let _ = finish(&mut limited).failure(FAILED, &["x.onnx"]);
    assert_eq!(files(folder.path()), ["x.onnx"]);
    assert_eq!(fs::read(folder.path().join("x.onnx")).unwrap(), b"what was there before");
}

/// A real full disk: 64 KB of memory, mounted where only this test sees it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_left_empty() {
    const MOUNT: &str = "mount -t tmpfs -o size=64k none disk";
    let folder = scratch();
    fs::create_dir(folder.path().join("disk")).unwrap();
    let isolated = |script: &str| {
        let mut isolated = std::process::Command::new("unshare");
        isolated.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]).current_dir(folder.path());
        isolated
    };
    if !isolated(MOUNT).output().is_ok_and(|probe| probe.status.success()) {
        eprintln!("this user may mount nothing: a full disk is not tested");
        return;
    }
    let program = command(folder.path(), ["export", SMALL, "--no-verify", "-o", "disk/x.onnx"]);
    let mut isolated = isolated(&format!("{MOUNT}; \"$@\"; code=$?; ls -A disk > left; exit $code"));
    isolated.arg(program.get_program()).args(program.get_args());
    let _ = finish(&mut isolated).failure(FAILED, &["disk/x.onnx", "full"]);
    assert_eq!(fs::read_to_string(folder.path().join("left")).unwrap(), "");
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_refused() {
    let folder = scratch();
    for name in ["a.pth", "b.pt", "c.safetensors", "d.onnx"] {
        fs::write(folder.path().join(name), "I am a shopping list: apples, pears.").unwrap();
        let _ = zoo(folder.path(), ["inspect", name]).failure(FAILED, &[name]);
        if name != "d.onnx" {
            let _ = export(folder.path(), &[SMALL, "--checkpoint", name, "-o", "x.onnx"]).failure(FAILED, &[name]);
        }
    }
    fs::write(folder.path().join("input.npy"), "I am no array").unwrap();
    let _ = zoo(folder.path(), ["run", "d.onnx", "--input", "input.npy"]).failure(FAILED, &[]);
    assert_eq!(files(folder.path()), ["a.pth", "b.pt", "c.safetensors", "d.onnx", "input.npy"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = scratch();
    let outcome = export(folder.path(), &[SMALL, "--checkpoint", "nowhere.pth", "-o", "x.onnx"]);
    let _ = outcome.failure(FAILED, &["nowhere.pth"]);
    let outcome = zoo(folder.path(), ["run", "nowhere.onnx", "--input", "x.npy"]);
    let _ = outcome.failure(FAILED, &["nowhere.onnx"]);
}

#[test]
fn an_input_of_the_wrong_shape_is_refused() {
    let folder = scratch();
    let _ = export(folder.path(), &[SMALL, "--size", "64", "--no-verify", "-o", "x.onnx"]).success();
    bossnas_tests::npy::write(&folder.path().join("small.npy"), &[1, 3, 32, 32], &[0.0; 3 * 32 * 32]);
    let _ = zoo(folder.path(), ["run", "x.onnx", "--input", "small.npy", "--output", "y.npy"])
        .failure(USAGE, &["[1, 3, 32, 32]"]);
    let _ = zoo(folder.path(), ["run", "x.onnx", "--input", "picture=small.npy"]).failure(USAGE, &["picture", "image"]);
    assert_eq!(files(folder.path()), ["small.npy", "x.onnx"]);
}

#[test]
fn text_from_files_cannot_reach_the_terminal_as_it_is() {
    let folder = scratch();
    let name = "bossnet:1/\u{1b}[31m1";
    let outcome = export(folder.path(), &[name, "-o", "x.onnx"]).failure(USAGE, &[]);
    assert!(!outcome.stderr.contains('\u{1b}'), "{:?}", outcome.stderr);
}

#[test]
fn a_network_too_large_to_verify_is_refused_before_memory_is_taken() {
    let folder = scratch();
    let _ = export(folder.path(), &["bossnet:0/1/1/1+relu+base=1+classes=1", "--size", "4096", "-o", "y.onnx"])
        .failure(FAILED, &["layer1.0.net.1", "--no-verify"]);
    assert_eq!(files(folder.path()), Vec::<String>::new());
}
