//! `tune`: the best settings are found, remembered, and used.

use std::fs;

use bossnas_tests::program::{scratch, zoo};
use bossnas_tests::small;

#[test]
fn the_best_is_found_remembered_and_used() {
    let folder = scratch();
    let _ = zoo(folder.path(), ["export", small::ARCH, "--onnx", "--size", "32", "-o", "small.onnx"]).success();
    let tune = ["tune", "small.onnx", "--provider", "tract", "--seconds", "0.2", "--batch", "1,2"];
    let options = ["--save", "--html", "tune.html", "--json"];
    let document = zoo(folder.path(), [&tune[..], &options].concat()).success().json("tune");
    let best = document["best"].as_array().unwrap();
    assert!(best.iter().any(|it| it["on_frontier"] == true));
    assert!(document["tried"].as_array().unwrap().iter().all(|it| it["dropped"].is_null()));
    let fastest = document["fastest"].as_str().unwrap();
    assert!(fastest.starts_with("bossnas-zoo bench small.onnx --provider tract --threads "), "{fastest}");
    assert!(fs::read_to_string(folder.path().join("tune.html")).unwrap().contains("frontier"));

    // The line that is printed measures the same setting.
    let line: Vec<&str> = fastest.split(' ').skip(1).chain(["--seconds", "0.1", "--json"]).collect();
    let printed = zoo(folder.path(), line).success().json("bench");
    let tuned =
        zoo(folder.path(), ["bench", "small.onnx", "--tuned", "--seconds", "0.1", "--json"]).success().json("bench");
    for key in ["runtime", "precision", "batch", "threads", "cpus", "streams"] {
        assert_eq!(printed["variants"][0][key], tuned["variants"][0][key], "{key}");
    }
    let photograph = concat!(env!("CARGO_MANIFEST_DIR"), "/../zoo/assets/flower.jpg");
    let _ = zoo(folder.path(), ["classify", "small.onnx", photograph, "--tuned"]).success();
    fs::write(folder.path().join("list.txt"), format!("{photograph} 0\n")).unwrap();
    let _ = zoo(folder.path(), ["eval", "small.onnx", "--data", "list.txt", "--tuned"]).success();
    let _ = zoo(folder.path(), ["classify", "small.onnx", photograph, "--tuned", "--threads", "1"])
        .failure(2, &["cannot be used with"]);

    // With labels, what loses accuracy would be dropped; nothing does.
    let with_data = [&tune[..], &["--data", "list.txt", "--json"]].concat();
    let document = zoo(folder.path(), with_data).success().json("tune");
    assert_eq!(document["accuracy"]["images"], 1);
    // An error that nothing reaches leaves nothing.
    let _ = zoo(folder.path(), [&tune[..], &["--max-error", "0"]].concat()).failure(3, &["nothing runs `small.onnx`"]);
    let _ =
        zoo(folder.path(), ["tune", small::ARCH, "--provider", "tract", "--size", "32", "--seconds", "0.1", "--save"])
            .failure(2, &["is made anew for every command"]);
}
