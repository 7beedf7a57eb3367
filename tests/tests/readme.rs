//! The README's own commands work as printed.

use std::fs;
use std::path::Path;

use bossnas_tests::network::Network;
use bossnas_tests::program::{command, files, finish, scratch, zoo};
use bossnas_tests::searched;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap_or_default()
}

/// The arguments of each `$ bossnas-zoo ...` line, without the remark behind it.
fn commands(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("$ bossnas-zoo "));
    lines.map(|line| line.split_once('#').map_or(line, |(command, _)| command).split_whitespace().collect())
}

#[test]
fn the_first_two_commands_are_the_ones_that_are_tested() {
    let readme = readme();
    for command in ["cargo run --release -- demo", "cargo xtask test"] {
        assert!(readme.lines().any(|line| line == command), "the README does not show `{command}`");
    }
}

#[test]
fn the_demo_leaves_a_drawing_a_verified_network_and_a_page() {
    let folder = scratch();
    let outcome = zoo(folder.path(), ["demo"]).success();
    let text = &outcome.stdout;
    for part in ["verified", "has never seen", "is \\ said", "of 359 right", "bossnas-zoo classify BossNet-Digits"] {
        assert!(text.contains(part), "{part} is missing\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100 && line == line.trim_end()), "{text}");
    let left = files(folder.path());
    assert!(left.iter().all(|file| file.starts_with("bossnas-demo")), "{left:?}");
    for extension in ["svg", "onnx", "html", "png", "npy", "csv", "json"] {
        let found = left.iter().any(|file| Path::new(file).extension().is_some_and(|e| e == extension));
        assert!(found, "no .{extension}: {left:?}");
    }
    let page = fs::read_to_string(folder.path().join("bossnas-demo/report.html")).unwrap();
    assert!(page.contains("of 359 handwritten digits") && page.contains("<th scope=\"col\""), "{page}");
}

#[test]
fn the_demo_says_in_json_what_eval_finds() {
    let folder = scratch();
    let demo = zoo(folder.path(), ["demo", "--json"]).success().json("demo");
    assert_eq!((&demo["finished"], &demo["model"]), (&true.into(), &"BossNet-Digits".into()));
    let error = demo["onnx"]["error"].as_f64().unwrap();
    assert!(error <= demo["onnx"]["tolerance"].as_f64().unwrap());
    let evaluated = zoo(folder.path(), ["eval", "bossnas-demo/bossnet-digits.onnx", "--data", "digits", "--json"]);
    let evaluated = evaluated.success().json("eval");
    let found = &demo["held_out"];
    for (ours, theirs) in [("right", "right"), ("top1", "share"), ("low", "low"), ("high", "high")] {
        assert_eq!(found[ours], evaluated["top1"][theirs], "{ours}");
    }
    let rows: Vec<Vec<u64>> = serde_json::from_value(found["confusion"].clone()).unwrap();
    assert_eq!(rows.iter().flatten().sum::<u64>(), 359);
    let right: u64 = rows.iter().enumerate().map(|(class, row)| row[class]).sum();
    assert_eq!(found["right"], right);
    for (class, row) in evaluated["classes"].as_array().unwrap().iter().zip(&rows) {
        assert_eq!(class["images"], row.iter().sum::<u64>());
    }
    // The file is the one that is part of the program.
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/hub/assets/bossnet-digits/bossnet-digits.onnx");
    let written = fs::read(folder.path().join("bossnas-demo/bossnet-digits.onnx")).unwrap();
    assert!(written == fs::read(shipped).unwrap());
}

/// With a checkpoint of the published name and layout, and an image whose logits are known. The registry is the built-in one
/// but for the addresses of its checkpoints, which are this folder's.
#[test]
fn all_other_commands_work_in_the_order_they_are_printed() {
    let folder = scratch();
    let registry = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../registry.toml")).unwrap();
    let here = format!("file://{}/", folder.path().display());
    let registry = registry.replace("https://github.com/changlin31/BossNAS/releases/download/v0.1/", &here);
    assert!(registry.contains(&here));
    fs::write(folder.path().join("registry.toml"), registry).unwrap();
    let t0 = Network::open("T0_224").unwrap();
    let _ = t0.write_checkpoint(&folder.path().join("BossNet-T0-80_8.pth"));
    t0.write_input(&folder.path().join("image.npy"));
    // Photographs of two classes, and one by itself.
    let photograph = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo/assets/flower.jpg");
    fs::copy(&photograph, folder.path().join("photo.jpg")).unwrap();
    for class in ["0", "985"] {
        let class = folder.path().join("imagenet/val").join(class);
        fs::create_dir_all(&class).unwrap();
        fs::copy(&photograph, class.join("photo.jpg")).unwrap();
    }
    // A small search that is through.
    let _ = searched::hytra(folder.path(), "runs/hytra", "standard", 4);
    // The command before all these.
    let _ = zoo(folder.path(), ["demo"]).success();
    let readme = readme();
    let mut count = 0;
    for arguments in commands(&readme) {
        let _ = finish(command(folder.path(), arguments).env("BOSSNAS_REGISTRY", "registry.toml")).success();
        count += 1;
    }
    assert!(count >= 6, "the README shows {count} commands");
    t0.assert_logits(&folder.path().join("logits.npy"), 1e-5);
}
