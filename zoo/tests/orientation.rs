//! Both orientations of attention, folded and not, compute in tract what they compute in float64: the networks of the
//! family have the standard one, paths through the published supernets the transposed one.

use std::sync::Arc;

use bossnas_converter::onnx::{Batch, Metadata, Options, Source, write};
use bossnas_files::AtomicFile;
use bossnas_files::npy::Array;
use bossnas_model::arch::BossNet;
use bossnas_model::evaluate::{Tensor, evaluate};
use bossnas_model::graph::{Activation, Graph, GraphBuilder, NormParams, Op, Orientation, Role};
use bossnas_model::pass::{self, Pass};
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::weights::SharedWeights;
use bossnas_testkit::recipe::{self, RecipeWeights};
use bossnas_zoo::runtime::Tract;

const HEADS: usize = 2;
const HEAD_WIDTH: usize = 3;
const SIZE: [usize; 2] = [5, 4];

/// Queries, keys and values from an image, attention, batch norm, activation.
fn graph(orientation: Orientation) -> Graph {
    let mut graph = GraphBuilder::default();
    let width = HEADS * HEAD_WIDTH;
    let image = graph.input("image", 3);
    let weight = graph.param("to_qkv.weight", &[3 * width, 3, 1, 1], Role::ConvWeight);
    let qkv = graph.node("to_qkv", Op::Conv2d { weight, bias: None, stride: 1, padding: 0, groups: 1 }, &[image]);
    let attention = Op::Attention { heads: HEADS, head_width: HEAD_WIDTH, scale: 0.6, orientation };
    let attention = graph.node("attention", attention, &[qkv]);
    let mut param = |part: &str, role| graph.param(format!("norm.{part}"), &[width], role);
    let params = NormParams {
        weight: param("weight", Role::NormWeight),
        bias: param("bias", Role::NormBias),
        mean: param("running_mean", Role::RunningMean),
        var: param("running_var", Role::RunningVar),
    };
    let norm = graph.node("norm", Op::BatchNorm { params, eps: 1e-5 }, &[attention]);
    let out = graph.node("act", Op::Activation(Activation::Silu), &[norm]);
    graph.finish(&[out])
}

#[test]
fn both_orientations_compute_in_tract_what_they_compute_in_float64() {
    let folder = tempfile::tempdir().unwrap();
    let shape = [2, 3, SIZE[0], SIZE[1]];
    let input = Array { shape: shape.to_vec(), values: recipe::input("image", &shape) };
    let mut outputs = Vec::new();
    for (orientation, passes) in [
        (Orientation::Standard, &Pass::INFERENCE[..1]),
        (Orientation::Standard, &Pass::INFERENCE[..]),
        (Orientation::Transposed, &Pass::INFERENCE[..1]),
        (Orientation::Transposed, &Pass::INFERENCE[..]),
    ] {
        let graph = graph(orientation);
        let weights: SharedWeights = Arc::new(RecipeWeights::new(graph.params(), recipe::SILU_GAIN, 0));
        let image = Tensor::new(shape, input.values.iter().copied().map(f64::from).collect()).unwrap();
        let expected = evaluate(&graph, &*weights, vec![image]).unwrap().remove(0);

        let metadata = Metadata {
            architecture: BossNet::t0().into(),
            model: None,
            passes: passes.to_vec(),
            source: Source::StateDict("recipe".to_owned()),
            preprocessing: Preprocessing::published(SIZE),
            labels: Vec::new(),
            licence: None,
        };
        let path = folder.path().join("attention.onnx");
        let (folded, folded_weights) = pass::apply(passes, &graph, weights.clone());
        let mut file = AtomicFile::create(&path).unwrap();
        let options = Options { opset: 17, batch: Batch::Dynamic, size: SIZE };
        write(&mut file, &folded, &*folded_weights, &*weights, options, &metadata).unwrap();
        file.commit().unwrap();
        let (name, got) = Tract::load(&path, &[("", &input.shape)]).unwrap().run(&[&input]).unwrap().remove(0);

        assert_eq!((name.as_str(), got.shape.as_slice()), ("act", expected.shape()));
        let error = got.values.iter().zip(expected.data()).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
        assert!(error < 1e-5 * expected.max_abs(), "{orientation:?} after {passes:?}: off by {error:.1e}");
        outputs.push(got.values);
    }
    let difference = outputs[0].iter().zip(&outputs[2]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference > 0.01, "the orientations differ");
}
