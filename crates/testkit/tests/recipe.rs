//! The weight recipe and the fixtures' reader against the committed core.

use bossnas_model::weights::{DType, Weights};
use bossnas_testkit::fixtures::{Fixtures, Source};
use bossnas_testkit::recipe::{self, Bits, Kind, RecipeWeights};
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    name: String,
    shape: Vec<usize>,
    kind: String,
    gain: f64,
    seed: u64,
    fnv1a64: String,
    x_first4: Vec<String>,
    f32_bits_first8: Vec<String>,
    f32_bits_last2: Vec<String>,
    sum_f64: f64,
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}

#[test]
fn the_recipe_gives_the_published_bits() {
    let core = Fixtures::open_core().unwrap();
    let answers: Vec<Answer> = core.json("models/recipe_selftest.json").unwrap();
    assert_eq!(answers.len(), 16);
    for answer in answers {
        let Answer { name, shape, .. } = &answer;
        let kind = Kind::from_manifest(&answer.kind).unwrap();
        if kind != Kind::Input {
            assert_eq!(Kind::of_parameter(name, shape), Some(kind), "{name}");
        }
        assert_eq!(Some(recipe::fnv1a64(name.as_bytes())), hexadecimal(&answer.fnv1a64), "{name}");
        let bits = Bits::new(name, answer.seed);
        for (index, expected) in answer.x_first4.iter().enumerate() {
            assert_eq!(Some(bits.at(index)), hexadecimal(expected), "{name}");
        }
        let values = recipe::values(name, shape, kind, answer.gain, answer.seed);
        let as_bits: Vec<u64> = values.iter().map(|x| x.to_bits().into()).collect();
        let expected = |list: &[String]| list.iter().map(|text| hexadecimal(text).unwrap()).collect::<Vec<_>>();
        assert_eq!(as_bits[..8], expected(&answer.f32_bits_first8), "{name}");
        assert_eq!(as_bits[as_bits.len() - 2..], expected(&answer.f32_bits_last2), "{name}");
        let sum: f64 = values.iter().map(|&x| f64::from(x)).sum();
        assert!((sum - answer.sum_f64).abs() < 1e-9 * answer.sum_f64.abs().max(1.0), "{name}: {sum}");
    }
}

#[test]
fn integers_are_the_labels_of_the_training_fixtures() {
    assert_eq!(recipe::ints("labels", 4, 0..1000, 0), [264, 489, 817, 579]);
}

#[test]
fn every_committed_case_can_be_read() {
    let core = Fixtures::open_core().unwrap();
    assert_eq!(core.source(), Source::Core);
    let mut architectures = Vec::new();
    for (case, params) in core.model_cases() {
        let tensors = core.tensors(case).unwrap();
        let logits = tensors.get("logits").unwrap();
        let logits_f64 = tensors.get("logits_f64").unwrap();
        assert_eq!(logits.shape[0], params.batch);
        assert!(logits_f64.relative_error(&logits.values) < 2e-6, "{}", case.id);
        let state_dict = core.state_dict(case).unwrap();
        assert_eq!(state_dict[0].name.split('.').next(), Some("conv1"));
        architectures.push(params.architecture);
    }
    architectures.sort();
    assert_eq!(
        architectures,
        [
            "bossnet:0/01/0/10+silu+se+plain",
            "bossnet:1/0/1/0+silu+se+classes=10",
            "bossnet:1/1/11101/000100000+relu",
            "bossnet:1/1/11101/000100000+silu+se",
            "bossnet:1/1/11101/000100000+silu+se+stem=deep:32",
        ]
    );
    assert_eq!(core.measured_cost().unwrap()["boss_t0_224"].total, 3_442_978_304);
}

#[test]
fn recipe_weights_have_the_types_of_the_state_dict() {
    let core = Fixtures::open_core().unwrap();
    let entries = core.state_dict(core.case("models/tiny_1010_nc10").unwrap()).unwrap();
    let shapes = entries.iter().map(|e| (e.name.as_str(), e.shape.as_slice()));
    let weights = RecipeWeights::of_shapes(shapes, recipe::SILU_GAIN, 0);
    assert_eq!(weights.names(), entries.iter().map(|e| e.name.as_str()).collect::<Vec<_>>());
    for entry in &entries {
        let info = weights.info(&entry.name).unwrap();
        assert_eq!((info.dtype.name(), &info.shape), (entry.dtype.as_str(), &entry.shape));
        assert_eq!(Some(weights.bytes(&entry.name).unwrap().len()), info.byte_len());
        if info.dtype == DType::F32 {
            let kind = Kind::of_parameter(&entry.name, &entry.shape).unwrap();
            let expected = recipe::values(&entry.name, &entry.shape, kind, recipe::SILU_GAIN, 0);
            assert_eq!(weights.f32(&entry.name).unwrap(), expected);
        }
    }
}
