//! What is written as safetensors reads back equal, here and in the format's own crate.

use std::collections::BTreeMap;

use bossnas_converter::checkpoint::{Checkpoint, Choice, Problem, write_safetensors, write_safetensors_to};
use bossnas_files::SourceFile;
use bossnas_model::weights::{DType, MemoryTensor, MemoryWeights, TensorInfo, Weights};
use proptest::prelude::*;

fn open(bytes: Vec<u8>) -> Result<Checkpoint, String> {
    Checkpoint::from_source(SourceFile::from_bytes("x.safetensors", bytes)).map_err(|e| e.to_string())
}

fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn any_dtype() -> impl Strategy<Value = DType> {
    proptest::sample::select(vec![
        DType::F64,
        DType::F32,
        DType::F16,
        DType::Bf16,
        DType::I64,
        DType::I32,
        DType::I16,
        DType::I8,
        DType::U8,
        DType::Bool,
    ])
}

proptest! {
    #[test]
    fn what_is_written_reads_back_equal(
        tensors in proptest::collection::btree_map(
            ".{0,12}", (any_dtype(), proptest::collection::vec(0_usize..4, 0..4), any::<u8>()), 0..8),
        metadata in proptest::collection::btree_map(".{0,8}", ".{0,8}", 0..4),
    ) {
        prop_assume!(!tensors.contains_key("__metadata__"));
        let mut weights = MemoryWeights::default();
        for (name, (dtype, shape, seed)) in tensors.iter().rev() {
            let info = TensorInfo { dtype: *dtype, shape: shape.clone() };
            let bytes = (0..info.byte_len().unwrap()).map(|i| (i as u8).wrapping_mul(*seed)).collect();
            weights.insert(name.clone(), MemoryTensor::new(info, bytes).unwrap());
        }
        let names = weights.names();
        let mut bytes = Vec::new();
        write_safetensors_to(&mut bytes, &weights, &names, &metadata).unwrap();
        let mut again = Vec::new();
        write_safetensors_to(&mut again, &weights, &names, &metadata).unwrap();
        prop_assert_eq!(&bytes, &again);

        let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        prop_assert_eq!(theirs.len(), names.len());
        let checkpoint = open(bytes.clone()).unwrap();
        prop_assert_eq!(checkpoint.metadata().unwrap(), &metadata);
        let dict = checkpoint.state_dict(Choice::Auto).unwrap();
        // The prefix that data-parallel training leaves is taken off when all names have it.
        let prefix = if dict.had_module_prefix() { "module." } else { "" };
        for name in names {
            let ours = name.strip_prefix(prefix).unwrap();
            prop_assert_eq!(dict.info(ours), weights.info(name));
            let expected = weights.bytes(name).unwrap();
            prop_assert_eq!(&dict.bytes(ours).unwrap(), &expected);
            prop_assert_eq!(theirs.tensor(name).unwrap().data(), &*expected);
        }
    }
}

#[test]
fn a_file_is_written_whole_with_its_names_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.safetensors");
    let mut weights = MemoryWeights::default();
    for name in ["z", "a", "m"] {
        weights.insert(name, MemoryTensor::f32(&[2], &[1.0, 2.0]).unwrap());
    }
    let metadata = BTreeMap::from([("source".to_owned(), "a test".to_owned())]);
    write_safetensors(&path, &weights, &["z", "m"], &metadata).unwrap();
    let checkpoint = Checkpoint::open(&path).unwrap();
    assert_eq!(checkpoint.state_dict(Choice::Auto).unwrap().names(), ["z", "m"]);
    assert_eq!(checkpoint.scalars()["source"], "a test");
    let error = write_safetensors(folder.path().join("x/y"), &weights, &["z"], &metadata).unwrap_err();
    assert!(error.to_string().ends_with("its folder does not exist"), "{error}");
    let error = write_safetensors(folder.path().join("y"), &weights, &["q"], &metadata).unwrap_err();
    assert_eq!(error.to_string(), "tensor `q`: not there");
    let error = write_safetensors(folder.path().join("y"), &weights, &["z", "z"], &metadata).unwrap_err();
    assert_eq!(error.to_string(), "`z` cannot be written as the name of a tensor");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_malformed_safetensors_file_is_refused_with_its_reason() {
    let f32 = |name: &str, begin: u64, end: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":[{}],"data_offsets":[{begin},{end}]}}"#, (end - begin) / 4)
    };
    let cases = [
        (format!("{{{},{}}}", f32("a", 0, 8), f32("b", 8, 16)), 16, None),
        (format!("{{{},{}}}", f32("a", 0, 8), f32("a", 8, 16)), 16, Some("its header has `a` twice")),
        (
            format!("{{{},{}}}", f32("a", 0, 8), f32("b", 12, 16)),
            16,
            Some("begins at byte 12, the one before it ends at 8"),
        ),
        (
            format!("{{{},{}}}", f32("a", 0, 8), f32("b", 4, 16)),
            16,
            Some("begins at byte 4, the one before it ends at 8"),
        ),
        (format!("{{{}}}", f32("a", 0, 8)), 12, Some("its tensors have 8 bytes, the file has 12")),
        (format!("{{{}}}", f32("a", 0, 8)), 4, Some("its tensors have 8 bytes, the file has 4")),
        (r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#.into(), 8, Some("of shape [3] cannot have")),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#.into(), 8, Some("cannot have the bytes 8 to 0")),
        (
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#.into(),
            8,
            Some("cannot have the bytes"),
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[18446744073709551615,18446744073709551615]}}"#.into(),
            0,
            Some("cannot have the bytes"),
        ),
        (r#"{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#.into(), 8, Some("has the type F8_E4M3")),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#.into(), 8, Some("its header is malformed")),
        (r#"{"__metadata__":{},"__metadata__":{}}"#.into(), 0, Some("two `__metadata__`")),
        (r#"{"__metadata__":{"a":1}}"#.into(), 0, Some("its header is malformed")),
        ("{".repeat(5000), 0, Some("its header is malformed")),
    ];
    for (header, data, reason) in cases {
        let result = open(with_header(&header, &vec![0; data]));
        match reason {
            None => assert!(result.is_ok(), "{header}"),
            Some(reason) => {
                let message = result.expect_err(&header);
                assert!(message.contains(reason), "{message}");
                assert!(message.contains("`x.safetensors`") && message.len() < 400, "{message}");
            }
        }
    }
    let mut long = with_header("{}", &[]);
    long[0] = 200;
    assert!(open(long).unwrap_err().contains("does not fit into the file"));
}

#[test]
fn the_kinds_of_error_can_be_told_apart() {
    let error = Checkpoint::from_source(SourceFile::from_bytes("e", Vec::new())).unwrap_err();
    assert!(matches!(*error.problem, Problem::NotACheckpoint(_)));
    assert!(error.forbidden().is_none());
}
