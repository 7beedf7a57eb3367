//! What the other commands answer, and the rules that hold for all of them.

use bossnas_tests::network::Network;
use bossnas_tests::program::{scratch, zoo};

#[test]
fn info_knows_the_published_cost_of_t0() {
    let folder = scratch();
    let outcome = zoo(folder.path(), ["info", "BossNet-T0", "--size", "224", "--json"]).success();
    let info = outcome.json("info");
    assert_eq!(info["arch"], "bossnet:1/1/11101/000100000+silu+se");
    assert_eq!(info["params"], 38_415_960);
    assert_eq!(info["madds"], 3_442_978_304_u64);
    for key in ["name", "stages", "input", "outputs"] {
        assert!(!info[key].is_null(), "{key} is missing: {info}");
    }
}

#[test]
fn info_draws_the_network() {
    let folder = scratch();
    let _ = zoo(folder.path(), ["info", "T1", "--svg", "t1.svg"]).success();
    let drawing = std::fs::read_to_string(folder.path().join("t1.svg")).unwrap();
    assert!(drawing.starts_with("<svg") && drawing.trim_end().ends_with("</svg>"));
}

#[test]
fn list_names_the_five_published_models_and_the_one_that_is_built_in() {
    let folder = scratch();
    let outcome = zoo(folder.path(), ["list"]).success();
    for name in ["BossNet-T0-noSE", "BossNet-T0", "BossNet-T0@288", "BossNet-T1", "BossNet-T1@256", "BossNet-Digits"] {
        assert!(outcome.stdout.contains(name), "{}", outcome.stdout);
    }
    let _ = zoo(folder.path(), ["list", "--json"]).success().json("list");
}

#[test]
fn every_alias_means_its_model_in_any_case() {
    let folder = scratch();
    let arch = |model: &str| zoo(folder.path(), ["arch", model]).success().stdout;
    assert_eq!(arch("t0"), arch("BossNet-T0"));
    assert_eq!(arch("BOSSNET-T0^"), arch("BossNet-T0@288"));
    assert_eq!(arch("t1"), arch("bossnet-t1"));
}

#[test]
fn a_search_path_converts_to_the_network_it_stands_for() {
    let folder = scratch();
    let outcome = zoo(folder.path(), ["arch", "hytra:5433/3230/0010/0000", "--to", "bossnet"]).success();
    assert!(outcome.stdout.starts_with("bossnet:"), "{}", outcome.stdout);
    let text = outcome.stdout.trim_end();
    assert_eq!(
        zoo(folder.path(), ["arch", text]).success().stdout.trim_end(),
        text,
        "printing and parsing are inverse"
    );
}

#[test]
fn inspect_recognises_a_loose_checkpoint() {
    let folder = scratch();
    let network = Network::open("tiny_1010_nc10").unwrap();
    let _ = network.write_checkpoint(&folder.path().join("tiny.pth"));
    let inspected = zoo(folder.path(), ["inspect", "tiny.pth", "--json"]).success().json("inspect").to_string();
    for part in ["model_ema", "\"model\"", "optimizer", "bossnet:1/0/1/0"] {
        assert!(inspected.contains(part), "{part} is missing: {inspected}");
    }
}

#[test]
fn without_a_checkpoint_weights_come_from_the_seed_and_every_output_says_untrained() {
    let folder = scratch();
    let small = "bossnet:1/0/1/0+silu+se+base=8+classes=10";
    let export = |seed: &str, file: &str| {
        zoo(folder.path(), ["export", small, "--size", "64", "--seed", seed, "-o", file]).success()
    };
    let first = export("1", "a.onnx");
    assert!(first.stderr.contains("untrained") || first.stdout.contains("untrained"), "{first:?}");
    let _ = (export("1", "b.onnx"), export("2", "c.onnx"));
    let read = |file| std::fs::read(folder.path().join(file)).unwrap();
    assert!(read("a.onnx") == read("b.onnx") && read("a.onnx") != read("c.onnx"));
    let inspected = zoo(folder.path(), ["inspect", "a.onnx"]).success();
    assert!(inspected.stdout.contains("untrained"), "{}", inspected.stdout);
    let exported = zoo(folder.path(), ["export", small, "--size", "64", "--json", "-o", "d.onnx"]).success();
    assert_eq!(exported.json("export")["files"][0]["weights"]["trained"], false, "{}", exported.stdout);
}

#[test]
fn the_t0_graph_is_small_and_plain() {
    let folder = scratch();
    let _ = zoo(folder.path(), ["export", "BossNet-T0", "--no-verify", "-o", "t0.onnx"]).success();
    let inspected = zoo(folder.path(), ["inspect", "t0.onnx", "--json"]).success().json("inspect");
    assert!(inspected["nodes"].as_u64().unwrap() <= 320, "{inspected}");
    let operators = inspected["operators"].as_object().unwrap();
    for forbidden in ["Shape", "Gather", "Constant", "BatchNormalization"] {
        assert!(!operators.contains_key(forbidden), "{forbidden} is in {operators:?}");
    }
}

#[test]
fn completions_and_manual_are_printed() {
    let folder = scratch();
    for shell in ["bash", "zsh", "fish"] {
        let outcome = zoo(folder.path(), ["completions", shell]).success();
        assert!(outcome.stdout.contains("bossnas-zoo"), "{shell}");
    }
    assert!(zoo(folder.path(), ["man"]).success().stdout.contains(".TH"));
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let folder = scratch();
    let small = "bossnet:1/0/1/0+silu+se+base=8+classes=10";
    let outcome = zoo(folder.path(), ["export", small, "--size", "64", "-q", "-o", "x.onnx"]).success();
    assert_eq!(outcome.stderr, "");
}
