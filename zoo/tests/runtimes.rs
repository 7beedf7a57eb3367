//! ONNX Runtime computes what the published code computes, and what tract computes.
//!
//! The program starts itself as a worker, and so does this one: hence a `main` of its own instead of the usual harness.
//! Without ONNX Runtime (`cargo xtask setup`) it is skipped by name; with `$BOSSNAS_STRICT` that is a failure.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use bossnas_converter::onnx::{Batch, DEFAULT_OPSET, Metadata, Options, Source};
use bossnas_files::npy::{Array, Element, Tensor};
use bossnas_model::arch::BossNet;
use bossnas_model::init::Initial;
use bossnas_model::pass::Pass;
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::random::{splitmix64, unit};
use bossnas_model::weights::SharedWeights;
use bossnas_testkit::fixtures::Fixtures;
use bossnas_testkit::recipe::RecipeWeights;
use bossnas_zoo::compare::{Manner, Tolerance, compare};
use bossnas_zoo::export::{Job, export};
use bossnas_zoo::runtime::library::Library;
use bossnas_zoo::runtime::{self, InputSpec, Kind, Load, Provider, Runtime, Session, Settings, Tract};

/// Of the largest logit, against the published code in float64 and between two float32 runtimes. float32 runs of these
/// networks are off by some 1e-6; a wrong axis or a missing scale by more than 20 %.
const TOLERANCE: f64 = 1e-5;
/// Random architectures on which two runtimes must agree.
const ARCHITECTURES: u64 = 200;

/// Set in the environment of a worker that is to crash.
const CRASH: &str = "RUNTIMES_TEST_CRASH";

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|argument| argument == runtime::WORKER) {
        if std::env::var_os(CRASH).is_some() {
            eprintln!("the last words of a library");
            std::process::abort();
        }
        return runtime::serve().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    if std::env::var_os(CRASH).is_some() {
        crash();
        return ExitCode::SUCCESS;
    }
    let again = Command::new(std::env::current_exe().expect("a test knows where it is")).env(CRASH, "1").status();
    assert!(again.expect("it starts").success(), "the test of crashes failed");
    if let Err(error) = Library::choose(Provider::Cpu) {
        let strict = std::env::var_os("BOSSNAS_STRICT").is_some_and(|value| !value.is_empty());
        assert!(!strict, "{error}, and $BOSSNAS_STRICT is set");
        println!("SKIPPED runtimes: {error}");
        return ExitCode::SUCCESS;
    }
    known_answers();
    agreement();
    ExitCode::SUCCESS
}

/// A worker that dies is an error with its signal and its last words.
fn crash() {
    let load = Load {
        model: "model.onnx".into(),
        runtime: Runtime::Tract,
        inputs: Vec::new(),
        symbols: Vec::new(),
        outputs: None,
        settings: Settings::default(),
    };
    let Err(error) = Session::load(&load) else { panic!("a worker that died has loaded a file") };
    assert_eq!(error.kind, Kind::Crashed);
    let signal = if cfg!(unix) { "tract was ended by signal 6 (SIGABRT" } else { "tract ended" };
    assert!(error.message.starts_with(signal), "{error}");
    assert!(error.message.ends_with("while it loaded model.onnx"), "{error}");
    assert_eq!(error.details, ["the last words of a library"]);
    println!("ok: a crash");
}

/// Every forward pass of the fixtures, through the written file.
fn known_answers() {
    let fixtures = Fixtures::open().expect("the fixtures can be read");
    let folder = tempfile::tempdir().expect("a folder");
    let mut cases = 0;
    for (case, params) in fixtures.model_cases() {
        let net: BossNet = params.architecture.parse().expect("an architecture");
        let weights = Arc::new(RecipeWeights::new(net.graph().params(), params.gain, params.seed));
        let target = folder.path().join("network.onnx");
        write(&target, net, weights, params.size);
        let input = Array { shape: params.input_shape().to_vec(), values: params.input() };
        let logits = in_onnx_runtime(&target, &input, Settings { threads: Some(2), ..Settings::default() }).f64s();
        let expected = fixtures.tensors(case).expect("its tensors");
        let error = expected.get("logits_f64").expect("its logits").relative_error(&logits);
        println!("{}: {error:.1e} of the largest logit", case.id);
        assert!(error < TOLERANCE, "{}: {error:.2e} of the largest logit", case.id);
        cases += 1;
    }
    assert!(cases >= 5, "only {cases} cases");
    println!("ok: {cases} known answers");
}

/// tract and ONNX Runtime on networks of all shapes, with open branches and two different images.
fn agreement() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut worst: f64 = 0.0;
    for seed in 0..ARCHITECTURES {
        let (text, size) = random_network(seed);
        let net: BossNet = text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"));
        let weights = Arc::new(Initial::with_open_branches(&net.graph(), seed));
        let target = folder.path().join("network.onnx");
        write(&target, net, weights, size);
        let shape = vec![2, 3, size[0], size[1]];
        let count = shape.iter().product::<usize>() as u64;
        let values = (0..count).map(|index| (unit(seed, index) * 4.0 - 2.0) as f32).collect();
        let input = Array { shape, values };
        let (_, logits) =
            Tract::load(&target, &[("", &input.shape)]).expect("it loads").run(&[&input]).expect("it runs").remove(0);
        let settings =
            Settings { threads: Some(1 + seed as usize % 2), io_binding: seed % 3 == 0, ..Settings::default() };
        let other = in_onnx_runtime(&target, &input, settings);
        let tolerance = Tolerance { scaled: TOLERANCE, absolute: None, relative: 0.0 };
        let comparison = compare(&Tensor::from(&logits), &other, tolerance, Manner::PLAIN);
        assert!(comparison.passed, "{text} at {size:?}: {comparison:?}");
        worst = worst.max(comparison.max_scaled);
    }
    println!("ok: {ARCHITECTURES} random networks, off by {worst:.1e} of the largest logit at the most");
}

fn write(target: &Path, net: BossNet, weights: SharedWeights, size: [usize; 2]) {
    let metadata = Metadata {
        architecture: net.into(),
        model: None,
        passes: Pass::INFERENCE.to_vec(),
        source: Source::StateDict("recipe".to_owned()),
        preprocessing: Preprocessing::published(size),
        labels: Vec::new(),
        licence: None,
    };
    let options = Options { opset: DEFAULT_OPSET, batch: Batch::Dynamic, size };
    export(&Job { weights, metadata: &metadata, options, verify: false }, target).expect("it is written");
}

fn in_onnx_runtime(model: &Path, input: &Array, settings: Settings) -> Tensor {
    let spec = InputSpec { name: "image".to_owned(), element: Element::Float32, shape: input.shape.clone() };
    let load = Load {
        model: model.to_owned(),
        runtime: Runtime::Ort(Provider::Cpu),
        inputs: vec![spec],
        symbols: vec![("batch".to_owned(), input.shape[0])],
        outputs: None,
        settings,
    };
    let mut session = Session::load(&load).unwrap_or_else(|error| panic!("{error}: {:?}", error.details));
    let mut outputs = session.run(&[("image".to_owned(), input.into())]).expect("it runs").outputs;
    assert_eq!(outputs.len(), 1);
    outputs.remove(0).1
}

/// A small network with a random number of blocks of either kind in each stage, any stem and any options, and a size.
fn random_network(seed: u64) -> (String, [usize; 2]) {
    let mut drawn = 0;
    let mut draw = |choices: u64| {
        drawn += 1;
        splitmix64(seed ^ 0x0b05_5ae5, drawn) % choices
    };
    let mut stages = Vec::new();
    for _ in 0..4 {
        let blocks: String = (0..draw(3)).map(|_| if draw(2) == 0 { '0' } else { '1' }).collect();
        stages.push(if blocks.is_empty() { "-".to_owned() } else { blocks });
    }
    let options = [
        ["+silu", "+relu"][draw(2) as usize],
        ["+se", ""][draw(2) as usize],
        ["+s1", ""][draw(2) as usize],
        ["+plain", ""][draw(2) as usize],
        ["", "+stem=deep:16", "+stem=deep_tiered:16"][draw(3) as usize],
        ["+base=8", "+base=16"][draw(2) as usize],
        "+classes=10",
    ];
    let size = [draw(65), draw(65)].map(|more| 32 + more as usize);
    (format!("bossnet:{}{}", stages.join("/"), options.concat()), size)
}
