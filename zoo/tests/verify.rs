//! Faults that shapes and names do not show: a verification refuses each and names the value where it begins.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::Arc;

use bossnas_converter::onnx::proto::{GraphProto, ModelProto};
use bossnas_converter::onnx::{Batch, Metadata, Options, Source};
use bossnas_model::arch::BossNet;
use bossnas_model::pass::Pass;
use bossnas_model::preprocess::Preprocessing;
use bossnas_testkit::recipe::{self, RecipeWeights};
use bossnas_zoo::export::{Job, export};
use bossnas_zoo::verify::{Reference, Verdict};
use prost::Message as _;

const SIZE: [usize; 2] = [97, 65];

/// Exports a small network, changes the file, and verifies it.
fn verdict_after(fold: bool, change: impl FnOnce(&mut GraphProto)) -> Verdict {
    let net: BossNet = "bossnet:1/01/-/0+silu+se+base=8+classes=5".parse().unwrap();
    let graph = net.graph();
    let weights = Arc::new(RecipeWeights::new(graph.params(), recipe::SILU_GAIN, 0));
    let metadata = Metadata {
        architecture: net.into(),
        model: None,
        passes: if fold { Pass::INFERENCE.to_vec() } else { vec![Pass::StripDropPath] },
        source: Source::StateDict("recipe".to_owned()),
        preprocessing: Preprocessing::published(SIZE),
        labels: Vec::new(),
        licence: None,
    };
    let options = Options { opset: 17, batch: Batch::Dynamic, size: SIZE };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let job = Job { weights: weights.clone(), metadata: &metadata, options, verify: true };
    assert!(!export(&job, &path).unwrap().is_rejected(), "the file is right before it is changed");
    change_file(&path, change);
    let reference = Reference::compute(&graph, &*weights, options.batch, SIZE).unwrap();
    reference.check(&path, &graph, &*weights).unwrap()
}

fn change_file(path: &Path, change: impl FnOnce(&mut GraphProto)) {
    let mut model = ModelProto::decode(std::fs::read(path).unwrap().as_slice()).unwrap();
    change(model.graph.as_mut().unwrap());
    std::fs::write(path, model.encode_to_vec()).unwrap();
}

fn assert_first(verdict: &Verdict, value: &str) {
    assert!(!verdict.passed, "{verdict:?}");
    let first = verdict.first_difference.as_ref().unwrap_or_else(|| panic!("no value is named: {verdict:?}"));
    assert_eq!(first.value, value, "{verdict:?}");
}

fn scale_tensor(graph: &mut GraphProto, name: &str, factor: f32) {
    let tensor = graph.initializer.iter_mut().find(|tensor| tensor.name() == name).unwrap();
    let mut raw = tensor.raw_data.take().unwrap().to_vec();
    for bytes in raw.as_chunks_mut::<4>().0 {
        *bytes = (f32::from_le_bytes(*bytes) * factor).to_le_bytes();
    }
    tensor.raw_data = Some(raw.into());
}

#[test]
fn attention_the_wrong_way_round_is_found() {
    for (fold, value) in [(true, "layer2.0.net.2"), (false, "layer2.0.net.1")] {
        let verdict = verdict_after(fold, |graph| {
            let mixed = format!("{value}.mixed");
            let node = graph.node.iter_mut().find(|node| node.name() == mixed).unwrap();
            node.input[1] = format!("{value}.weights");
        });
        assert_first(&verdict, value);
    }
}

#[test]
fn a_missing_attention_scale_is_found() {
    let verdict = verdict_after(false, |graph| {
        let node = graph.node.iter_mut().find(|node| node.name() == "layer4.0.net.1.weights").unwrap();
        node.input[0] = "layer4.0.net.1.scores".to_owned();
    });
    assert_first(&verdict, "layer4.0.net.1");
}

#[test]
fn a_weight_that_is_one_per_cent_off_is_found() {
    let verdict = verdict_after(true, |graph| scale_tensor(graph, "layer2.1.conv2.weight", 1.01));
    assert_first(&verdict, "layer2.1.bn2");
    let verdict = verdict_after(true, |graph| scale_tensor(graph, "fc.bias", 1.01));
    assert_first(&verdict, "logits");
}

#[test]
fn padding_on_the_wrong_side_is_found() {
    let verdict = verdict_after(true, |graph| {
        let node = graph.node.iter_mut().find(|node| node.name() == "layer2.0.shortcut.0").unwrap();
        let pads = node.attribute.iter_mut().find(|attribute| attribute.name() == "pads").unwrap();
        pads.ints.rotate_left(2);
    });
    assert_first(&verdict, "layer2.0.shortcut.0");
}

#[test]
fn a_value_that_is_no_number_is_found() {
    let verdict = verdict_after(true, |graph| scale_tensor(graph, "layer1.0.conv1.weight", f32::NAN));
    assert_first(&verdict, "layer1.0.conv1");
}
