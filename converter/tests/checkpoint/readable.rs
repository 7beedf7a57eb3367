//! Every file that PyTorch reads gives the tensors that PyTorch gives.

use bossnas_converter::checkpoint::{Checkpoint, Choice, Kind, StateDict, StateDictName, check, recognise};
use bossnas_model::arch::BossNet;
use bossnas_model::evaluate::{Tensor, evaluate};
use bossnas_model::graph::Graph;
use bossnas_model::weights::{DType, Weights};
use bossnas_testkit::recipe::{self, RecipeWeights};

use crate::folder::fixture;

/// Compares a state dict with the tensors under `prefix/` of a safetensors file; scalars have shape `[1]` there.
fn assert_equal(file: &str, dict: &StateDict, expected: &StateDict, prefix: &str) {
    let expected_names: Vec<&str> =
        expected.names().into_iter().filter_map(|name| name.strip_prefix(prefix)?.strip_prefix('/')).collect();
    assert_eq!(dict.len(), expected_names.len(), "{file}: {prefix}");
    for name in expected_names {
        let key = format!("{prefix}/{name}");
        let (found, wanted) = (dict.require(name).unwrap(), expected.require(&key).unwrap());
        assert_eq!(found.dtype, wanted.dtype, "{file}: {key}");
        let shape = if found.shape.is_empty() { vec![1] } else { found.shape.clone() };
        assert_eq!(shape, wanted.shape, "{file}: {key}");
        assert!(dict.bytes(name).unwrap() == expected.bytes(&key).unwrap(), "{file}: the bytes of {key} differ");
    }
}

#[test]
fn every_form_of_the_tiny_checkpoint_gives_the_expected_tensors_bit_for_bit() {
    use StateDictName::{Model, ModelEma, Plain};
    let both: &[(StateDictName, &str)] = &[(ModelEma, "model_ema"), (Model, "model")];
    let plain: &[(StateDictName, &str)] = &[(Plain, "model")];
    let model: &[(StateDictName, &str)] = &[(Model, "model")];
    let cases = [
        ("tiny_zip_f32", "f32", Kind::Zip, both),
        ("tiny_legacy_f32", "f32", Kind::Legacy, both),
        ("tiny_zip_newstep", "f32", Kind::Zip, both),
        ("tiny_zip_f16", "f16", Kind::Zip, both),
        ("tiny_legacy_f16", "f16", Kind::Legacy, both),
        ("tiny_zip_bf16", "bf16", Kind::Zip, both),
        ("tiny_legacy_bf16", "bf16", Kind::Legacy, both),
        ("tiny_zip_f64", "f64", Kind::Zip, both),
        ("tiny_zip_module_prefix", "f32", Kind::Zip, both),
        ("tiny_zip_noncontig_shared", "shared", Kind::Zip, both),
        ("tiny_legacy_noncontig_shared", "shared", Kind::Legacy, both),
        ("tiny_zip_plain_sd", "f32", Kind::Zip, plain),
        ("tiny_legacy_plain_sd", "f32", Kind::Legacy, plain),
        ("tiny_zip_parameters", "f32", Kind::Zip, model),
        ("tiny_zip_proto4", "f32", Kind::Zip, both),
        ("tiny_zip_cuda_tag", "f32", Kind::Zip, both),
        ("tiny_legacy_cuda_tag", "f32", Kind::Legacy, both),
        ("tiny_zip_oldstyle", "f32", Kind::Zip, both),
        ("tiny_zip_deflated", "f32", Kind::Zip, both),
    ];
    for (file, expected, kind, dicts) in cases {
        let (Some(path), Some(expected)) =
            (fixture(&format!("{file}.pth")), fixture(&format!("tiny_expected_{expected}.safetensors")))
        else {
            continue;
        };
        let expected = Checkpoint::open(expected).unwrap();
        assert_eq!(expected.kind(), Kind::Safetensors);
        let expected = expected.state_dict(Choice::Auto).unwrap();
        let checkpoint = Checkpoint::open(path).unwrap();
        assert_eq!(checkpoint.kind(), kind, "{file}");
        let names: Vec<StateDictName> = dicts.iter().map(|(name, _)| *name).collect();
        assert_eq!(checkpoint.state_dicts(), names, "{file}");
        for &(name, prefix) in dicts {
            let dict = checkpoint.named_state_dict(name).unwrap();
            assert_eq!(dict.name(), name);
            assert_eq!(dict.had_module_prefix(), file == "tiny_zip_module_prefix");
            assert_equal(file, &dict, &expected, prefix);
        }
    }
}

#[test]
fn the_averaged_weights_are_taken_unless_others_are_asked_for() {
    let Some(path) = fixture("tiny_zip_f32.pth") else { return };
    let checkpoint = Checkpoint::open(path).unwrap();
    assert_eq!(checkpoint.state_dict(Choice::Auto).unwrap().name(), StateDictName::ModelEma);
    assert_eq!(checkpoint.state_dict(Choice::ModelEma).unwrap().name(), StateDictName::ModelEma);
    assert_eq!(checkpoint.state_dict(Choice::Model).unwrap().name(), StateDictName::Model);
    let Some(path) = fixture("tiny_zip_plain_sd.pth") else { return };
    let checkpoint = Checkpoint::open(path).unwrap();
    assert_eq!(checkpoint.state_dict(Choice::Model).unwrap().name(), StateDictName::Plain);
    let message = checkpoint.state_dict(Choice::ModelEma).unwrap_err().to_string();
    assert!(message.ends_with("no state dict `model_ema` in it, only `plain`"), "{message}");
}

#[test]
fn what_a_checkpoint_tells_of_its_training_is_read() {
    let Some(expected) = fixture("tiny_expected_scalars.json") else { return };
    let expected: serde_json::Value = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
    for file in ["tiny_zip_f32.pth", "tiny_legacy_f32.pth", "tiny_zip_proto4.pth"] {
        let Some(path) = fixture(file) else { continue };
        let scalars = Checkpoint::open(path).unwrap().scalars();
        for key in ["epoch", "args", "lr_scheduler"] {
            assert_eq!(scalars[key], expected[key], "{file}: {key}");
        }
        assert_eq!(scalars["optimizer"]["param_groups"], expected["optimizer_param_groups"], "{file}");
        assert_eq!(scalars["optimizer"]["state"]["23"]["exp_avg"], "float32 [8, 3, 7, 7]", "{file}");
        assert!(!scalars.contains_key("model") && !scalars.contains_key("model_ema"), "{file}");
    }
}

#[test]
fn the_handmade_checkpoint_is_read() {
    let Some(path) = fixture("ok_handmade.pth") else { return };
    let dict = Checkpoint::open(path).unwrap().state_dict(Choice::Auto).unwrap();
    assert_eq!(dict.names(), ["w"]);
    assert_eq!(dict.require("w").unwrap().shape, [4, 4]);
    assert_eq!(dict.f32("w").unwrap(), (0..16_u8).map(f32::from).collect::<Vec<_>>());
}

#[test]
fn a_whole_t0_as_overlapping_views_fits_the_network_and_every_view_is_gathered() {
    let graph = BossNet::t0().graph();
    for file in ["t0_pool_zip.pth", "t0_pool_legacy.pth"] {
        let (Some(path), Some(expected)) = (fixture(file), fixture("t0_pool_expected.safetensors")) else { continue };
        let expected = Checkpoint::open(expected).unwrap().state_dict(Choice::Auto).unwrap();
        let checkpoint = Checkpoint::open(path).unwrap();
        for &name in checkpoint.state_dicts() {
            let dict = checkpoint.named_state_dict(name).unwrap();
            check(graph.params(), &dict).unwrap();
            let order: Vec<&str> = graph.params().iter().map(|param| param.name.as_str()).collect();
            assert_eq!(dict.names(), order);
            for tensor in dict.names() {
                let bytes = dict.bytes(tensor).unwrap();
                assert_eq!(Some(bytes.len()), dict.require(tensor).unwrap().byte_len());
            }
        }
        // The fixture has the first 64 elements of some tensors.
        let dict = checkpoint.named_state_dict(StateDictName::Model).unwrap();
        for key in expected.names() {
            let Some(tensor) = key.strip_prefix("model/") else { continue };
            assert!(dict.bytes(tensor).unwrap().starts_with(&expected.bytes(key).unwrap()), "{file}: {tensor}");
        }
    }
}

/// The largest difference to the fixture's float64 logits, in units of the largest logit.
fn logits_error(graph: &Graph, weights: &dyn Weights, shape: [usize; 4], expected: &[f64]) -> f64 {
    let image = recipe::input("input", &shape).into_iter().map(f64::from).collect();
    let outputs = evaluate(graph, weights, vec![Tensor::new(shape, image).unwrap()]).unwrap();
    let differences = outputs[0].data().iter().zip(expected).map(|(a, b)| (a - b).abs());
    assert_eq!(outputs[0].data().len(), expected.len());
    differences.fold(0.0, f64::max) / outputs[0].max_abs()
}

#[test]
fn networks_run_on_checkpoints_give_the_published_logits() {
    let t0 = BossNet::t0().graph();
    let small = "bossnet:1/0/1/0+silu+se+classes=10".parse::<BossNet>().unwrap().graph();
    let (pool, pool_logits) = ([1, 3, 224, 224], "t0_pool_expected.safetensors");
    for (file, graph, name, shape, logits, key) in [
        ("t0_pool_zip.pth", &t0, StateDictName::ModelEma, pool, pool_logits, "logits_ema_f64"),
        ("t0_pool_zip.pth", &t0, StateDictName::Model, pool, pool_logits, "logits_model_f64"),
        ("t0_pool_legacy.pth", &t0, StateDictName::Model, pool, pool_logits, "logits_model_f64"),
        (
            "small1010_f16_zip.pth",
            &small,
            StateDictName::Model,
            [2, 3, 96, 96],
            "small1010_f16_expected.safetensors",
            "logits_f64",
        ),
    ] {
        let (Some(path), Some(expected)) = (fixture(file), fixture(logits)) else { continue };
        let expected = Checkpoint::open(expected).unwrap().state_dict(Choice::Auto).unwrap().f64(key).unwrap();
        let dict = Checkpoint::open(path).unwrap().named_state_dict(name).unwrap();
        let error = logits_error(graph, &dict, shape, &expected);
        println!("{file}, {name}: {error:.1e} of the largest logit");
        assert!(error < 1e-9, "{file}, {name}: {error:.1e}");
    }
}

#[test]
fn half_precision_weights_are_the_recipes_rounded_once() {
    let Some(path) = fixture("small1010_f16_zip.pth") else { return };
    let dict = Checkpoint::open(path).unwrap().state_dict(Choice::Auto).unwrap();
    let graph = "bossnet:1/0/1/0+silu+se+classes=10".parse::<BossNet>().unwrap().graph();
    check(graph.params(), &dict).unwrap();
    let recipe = RecipeWeights::new(graph.params(), 3.5, 0);
    for name in dict.names() {
        let info = dict.require(name).unwrap();
        if info.dtype == DType::F16 {
            let rounded: Vec<u8> =
                recipe.f32(name).unwrap().iter().flat_map(|&x| half::f16::from_f32(x).to_le_bytes()).collect();
            assert!(dict.bytes(name).unwrap() == rounded, "{name}");
        }
    }
}

#[test]
fn weights_of_another_network_are_told_with_all_differences() {
    let graph = BossNet::t0().graph();
    for (file, expected) in [
        ("bad_missing_key.pth", "1 missing (layer3.2.conv2.weight)"),
        ("bad_unexpected_key.pth", "1 unexpected (layer5.0.conv1.weight)"),
        ("bad_wrong_shape.pth", "1 of another shape (fc.weight is [10, 2048] instead of [1000, 2048])"),
        ("bad_wrong_rank.pth", "1 of another shape (conv1.weight is [9408] instead of [64, 3, 7, 7])"),
        ("bad_wrong_dtype.pth", "1 not of a floating-point type (bn1.weight holds int64)"),
    ] {
        let Some(path) = fixture(file) else { continue };
        let dict = Checkpoint::open(path).unwrap().state_dict(Choice::Auto).unwrap();
        let message = check(graph.params(), &dict).unwrap_err().to_string();
        assert_eq!(message, format!("the weights do not fit the network: {expected}"), "{file}");
    }
}

#[test]
fn the_network_that_a_loose_checkpoint_belongs_to_is_recognised() {
    let small: BossNet = "bossnet:1/0/1/0+silu+se+classes=10".parse().unwrap();
    for (file, network) in [
        ("t0_pool_zip.pth", Some(BossNet::t0())),
        ("t0_pool_legacy.pth", Some(BossNet::t0())),
        ("small1010_f16_zip.pth", Some(small)),
        ("bad_missing_key.pth", None),
        ("tiny_zip_f32.pth", None),
    ] {
        let Some(path) = fixture(file) else { continue };
        let found = recognise(&Checkpoint::open(path).unwrap().state_dict(Choice::Auto).unwrap());
        assert_eq!(found.ok().map(|found| found.candidates[0].clone()), network, "{file}");
    }
}
