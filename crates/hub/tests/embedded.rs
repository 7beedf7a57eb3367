//! The network that is part of the program, and registries that say something else of it than is true.

#![expect(clippy::panic, reason = "a test that cannot go on has failed")]

use bossnas_hub::{EmbeddedError, Entry, Registry, RegistryError};
use bossnas_model::arch::Architecture;
use bossnas_model::preprocess::Preprocessing;

const MODEL: &str = "BossNet-Digits";

const GOOD: &str = r#"schema = 1

[[embedded]]
name = "bossnet-digits"
onnx = { bytes = 10, sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" }
safetensors = { bytes = 20, sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" }
data_set = "tens"
seed = 7
made_by = "make"
licence = "MIT"

[[model]]
name = "One"
arch = "bossnet:1/0/1/0+classes=2"
size = 32
embedded = "bossnet-digits"
preprocessing = { resize = 40, mean = [0.1, 0.2, 0.3], std = [1, 0.5, 2] }
classes = ["no", "yes"]
published = { top1 = 80.5, top5 = 100, data_set = "Tens", source = "us" }

[[data_set]]
name = "Tens"
layout = "digits"
source = "somebody"
licence = "CC0-1.0"
"#;

/// The mistake in [`GOOD`] with one piece replaced, and its line.
fn with(from: &str, to: &str) -> (usize, String) {
    assert!(GOOD.contains(from), "{from}");
    match Registry::parse("test.toml", &GOOD.replacen(from, to, 1)) {
        Err(RegistryError::Invalid { line, problem, .. }) => (line, problem.to_string()),
        other => panic!("{other:?} with {to}"),
    }
}

#[test]
fn the_built_in_registry_and_the_files_in_the_program_belong_together() {
    let registry = Registry::built_in().unwrap();
    let model = registry.find("digits").unwrap();
    assert_eq!((model.name.as_str(), model.checkpoint()), (MODEL, None));
    let embedded = model.embedded().unwrap();
    assert_eq!(embedded.onnx().unwrap().len() as u64, embedded.onnx.bytes);
    assert_eq!(embedded.safetensors().unwrap().len() as u64, embedded.safetensors.bytes);
    assert!(embedded.onnx.bytes.max(embedded.safetensors.bytes) <= 1_000_000);
    let Architecture::BossNet(net) = &model.arch else { panic!("{}", model.arch) };
    assert_eq!(model.classes.as_ref().map(Vec::len), Some(net.classes));
    assert!(registry.data_set(&embedded.data_set).unwrap().layout.is_embedded());
    let published = model.published.as_ref().unwrap();
    assert_eq!(published.data_set.as_deref(), Some(embedded.data_set.as_str()));
}

#[test]
fn all_names_of_the_model_lead_to_what_is_in_the_program() {
    let registry = Registry::built_in().unwrap();
    for name in ["BossNet-Digits", "DIGITS", "bossnet-digits"] {
        assert!(
            matches!(registry.entry(name), Some(Entry::Embedded(found)) if found.name == "bossnet-digits"),
            "{name}"
        );
    }
    let models: Vec<&str> = registry.models_of_embedded("bossnet-digits").map(|model| model.name.as_str()).collect();
    assert_eq!(models, [MODEL]);
    assert!(matches!(registry.entry("digits-8x8"), Some(Entry::DataSet(set)) if set.layout.is_embedded()));
    assert_eq!(registry.nearest_data_sets("uci-digit"), ["UCI-Digits"]);
}

#[test]
fn everything_that_can_be_said_of_it_is_read() {
    let registry = Registry::parse("test.toml", GOOD).unwrap();
    let one = registry.find("one").unwrap();
    let embedded = one.embedded().unwrap();
    assert_eq!((embedded.seed, embedded.made_by.as_str(), one.licence()), (7, "make", "MIT"));
    assert_eq!(one.classes.as_deref(), Some(&["no".to_owned(), "yes".to_owned()][..]));
    let how =
        Preprocessing { resize: [40; 2], mean: [0.1, 0.2, 0.3], std: [1.0, 0.5, 2.0], ..Preprocessing::cifar([32; 2]) };
    assert_eq!(one.preprocessing_at([32; 2]), how);
    assert_eq!(one.preprocessing_at([64; 2]), Preprocessing { size: [64; 2], resize: [80; 2], ..how });
    let published = one.published.as_ref().unwrap();
    assert_eq!((published.madds, published.step_ms, published.data_set.as_deref()), (None, None, Some("Tens")));
}

#[test]
fn other_digests_than_those_of_the_files_are_found_out_when_they_are_taken() {
    let registry = Registry::parse("test.toml", GOOD).unwrap();
    let embedded = &registry.embedded()[0];
    let error = embedded.onnx().unwrap_err();
    assert!(matches!(&error, EmbeddedError::Digest { format: "ONNX", .. }), "{error}");
    assert!(matches!(embedded.safetensors(), Err(EmbeddedError::Digest { format: "safetensors", .. })));
    assert!(error.to_string().contains("ba7816bf"), "{error}");
}

#[test]
fn a_mistake_is_named_with_its_line() {
    let cases = [
        ("\"bossnet-digits\"\nonnx", "\"x\"\nonnx", 4, "`x` is no part of this program, which has bossnet-digits"),
        ("bytes = 10", "bytes = 0", 5, "`bytes` is 0, expected a whole number above 0"),
        ("bytes = 20, sha256 = \"ba", "bytes = 20, sha256 = \"x", 6, "is no SHA-256 digest"),
        ("data_set = \"tens\"", "data_set = \"twos\"", 7, "there is no data set `twos`"),
        ("seed = 7", "seed = -1", 8, "`seed` is -1, expected a whole number from 0 on"),
        ("made_by = \"make\"\n", "", 3, "missing field `made_by`"),
        (
            "embedded = \"bossnet-digits\"\n",
            "",
            13,
            "the model `One` has neither `checkpoint` nor `embedded`, expected one of them",
        ),
        ("size = 32", "size = 32\ncheckpoint = \"w\"", 13, "the model `One` has both `checkpoint` and `embedded`"),
        ("embedded = \"bossnet-digits\"", "embedded = \"x\"", 16, "there is no [[embedded]] `x`"),
        ("resize = 40", "resize = 31", 17, "`resize` is 31, expected the size of the input, up to 8192"),
        ("resize = 40", "resize = 8193", 17, "`resize` is 8193"),
        ("mean = [0.1,", "mean = [inf,", 17, "`mean` is [inf, 0.2, 0.3], expected three finite numbers"),
        ("std = [1,", "std = [0,", 17, "`std` is [0, 0.5, 2], expected three numbers above 0"),
        ("std = [1, 0.5, 2]", "std = [1, 0.5]", 17, "invalid length 2"),
        ("[\"no\", \"yes\"]", "[\"no\"]", 18, "1 names for the 2 classes of the architecture"),
        ("bossnet:1/0/1/0+classes=2", "nats-c10:74/64/5", 18, "2 names for the 0 classes of the architecture"),
        ("data_set = \"Tens\"", "data_set = \"twos\"", 19, "there is no data set `twos`"),
        ("layout = \"digits\"", "layout = \"cifar10\"", 23, "a data set of layout cifar10 with 0 files, expected 1"),
        (
            "source = \"somebody\"",
            "source = \"\"\nfiles = [{ url = \"https://h/a\" }]",
            25,
            "a data set of layout digits with 1 files, expected 0",
        ),
    ];
    for (from, to, line, text) in cases {
        let (found, problem) = with(from, to);
        assert!(found == line && problem.contains(text), "{to}: line {found}, {problem}");
    }
    let embedded = GOOD[GOOD.find("[[embedded]]").unwrap()..GOOD.find("[[model]]").unwrap()].to_owned();
    assert_eq!(with("[[model]]", &format!("{embedded}[[model]]")).1, "`bossnet-digits` is there already, in line 4");
}
