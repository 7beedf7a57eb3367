//! Known answers through the written file: every network of the fixtures, exported, loaded by tract, gives the logits of
//! the published code.
//!
//! Tolerance: 1e-5 of the largest logit against the reference's float64 run. float32 runs of these networks, the
//! reference's own included, are off by up to 1.1e-6; a wrong axis or a missing scale by more than 20 %.

use std::sync::Arc;

use bossnas_converter::onnx::{Batch, DEFAULT_OPSET, Metadata, OnnxModel, Options, Source};
use bossnas_files::npy::Array;
use bossnas_model::arch::BossNet;
use bossnas_model::pass::Pass;
use bossnas_model::preprocess::Preprocessing;
use bossnas_testkit::fixtures::Fixtures;
use bossnas_testkit::recipe::RecipeWeights;
use bossnas_zoo::export::{Job, export};
use bossnas_zoo::runtime::Tract;

const TOLERANCE: f64 = 1e-5;

#[test]
fn every_network_gives_the_published_logits_through_its_file() {
    let fixtures = Fixtures::open().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut cases = 0;
    for (index, (case, params)) in fixtures.model_cases().enumerate() {
        let net: BossNet = params.architecture.parse().unwrap();
        let weights = Arc::new(RecipeWeights::new(net.graph().params(), params.gain, params.seed));
        let metadata = Metadata {
            architecture: net.into(),
            model: None,
            passes: Pass::INFERENCE.to_vec(),
            source: Source::StateDict("recipe".to_owned()),
            preprocessing: Preprocessing::published(params.size),
            labels: Vec::new(),
            licence: None,
        };
        let batch = if index % 2 == 0 { Batch::Dynamic } else { Batch::Fixed(params.batch) };
        let options = Options { opset: DEFAULT_OPSET, batch, size: params.size };
        let target = folder.path().join(format!("{}.onnx", case.name()));
        let exported = export(&Job { weights, metadata: &metadata, options, verify: index % 4 == 0 }, &target).unwrap();
        assert!(!exported.is_rejected(), "{}: {:?}", case.id, exported.verdict);

        let input = Array { shape: params.input_shape().to_vec(), values: params.input() };
        let outputs = Tract::load(&target, &[("image", &input.shape)]).unwrap().run(&[&input]).unwrap();
        let [(name, logits)] = outputs.as_slice() else { panic!("{}: one output is expected", case.id) };
        assert_eq!(name, "logits");
        let logits: Vec<f64> = logits.values.iter().copied().map(f64::from).collect();
        let error = fixtures.tensors(case).unwrap().get("logits_f64").unwrap().relative_error(&logits);
        println!("{}: {error:.1e} of the largest logit, {:?}", case.id, exported.verdict);
        assert!(error < TOLERANCE, "{}: {error:.2e} of the largest logit", case.id);

        let model = OnnxModel::open(&target).unwrap();
        assert_eq!(model.metadata, metadata);
        assert_eq!(model.options, options);
        std::fs::remove_file(&target).unwrap();
        cases += 1;
    }
    assert!(cases >= 5, "only {cases} cases");
}
