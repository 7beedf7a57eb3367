use bossnas_testkit::recipe::RecipeWeights;

use super::*;

const SHAPES: [(&str, &[usize]); 7] = [
    ("conv1.weight", &[8, 3, 3, 3]),
    ("bn1.weight", &[8]),
    ("bn1.bias", &[8]),
    ("bn1.running_mean", &[8]),
    ("bn1.running_var", &[8]),
    ("bn1.num_batches_tracked", &[]),
    ("fc.weight", &[10, 8]),
];

fn small() -> Vec<u8> {
    let [model, other] = [1, 0].map(|seed| RecipeWeights::of_shapes(SHAPES, 3.0, seed));
    let object = Value::dict([("model", Value::state_dict(&model)), ("model_ema", Value::state_dict(&other))]);
    let mut file = Vec::new();
    let size = write_pth_to(&mut file, "small", &object).unwrap();
    assert_eq!(size, file.len() as u64);
    file
}

fn local_headers(file: &[u8]) -> Vec<usize> {
    (0..file.len() - 4).filter(|&at| file[at..].starts_with(b"PK\x03\x04")).collect()
}

#[test]
fn every_entry_is_stored_at_a_multiple_of_64_bytes() {
    let file = small();
    let headers = local_headers(&file);
    // The pickle, five small files, and the tensors of both state dicts.
    assert_eq!(headers.len(), 6 + 2 * SHAPES.len());
    for at in headers {
        let short = |offset| usize::from(u16::from_le_bytes([file[at + offset], file[at + offset + 1]]));
        assert_eq!((at + 30 + short(26) + short(28)) % 64, 0);
        assert_eq!(short(8), 0, "the method is `stored`");
    }
}

#[test]
fn the_file_does_not_depend_on_when_it_is_written() {
    assert_eq!(small(), small());
}

#[test]
fn integers_take_their_shortest_opcode() {
    let pickled = |x| pickle::pickle(&Value::Int(x)).bytes.clone();
    assert_eq!(pickled(255), b"\x80\x02K\xff.");
    assert_eq!(pickled(256), b"\x80\x02M\x00\x01.");
    assert_eq!(pickled(-1), b"\x80\x02J\xff\xff\xff\xff.");
    assert_eq!(pickled(1 << 40), b"\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x01\x00\x00.");
}

#[test]
fn a_string_is_written_once() {
    let twice = Value::Tuple(vec![Value::str("a"), Value::str("a")]);
    assert_eq!(pickle::pickle(&twice).bytes, b"\x80\x02X\x01\x00\x00\x00aq\x00h\x00\x86q\x01.");
}

#[test]
fn a_tensor_that_is_not_there_is_none() {
    let weights = RecipeWeights::of_shapes(SHAPES, 3.0, 1);
    assert_eq!(pickle::pickle(&Value::Tensor(&weights, "none".to_owned())).bytes, b"\x80\x02N.");
}
