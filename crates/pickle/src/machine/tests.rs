use proptest::prelude::*;

use super::atoms::integer;
use super::*;
use crate::tree::Value;

fn allow_some(module: &str, name: &str) -> bool {
    matches!((module, name), ("collections", "OrderedDict") | ("argparse", "Namespace"))
}

fn parse(bytes: &[u8]) -> Result<Pickle, PickleError> {
    read(bytes, Limits::default(), &allow_some)
}

fn root(bytes: &[u8]) -> Value {
    let tree = parse(bytes).unwrap().tree;
    tree.get(tree.root()).clone()
}

fn forbidden(bytes: &[u8]) -> Vec<String> {
    match parse(bytes) {
        Err(PickleError::Forbidden(f)) => f.globals.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn atoms_of_every_protocol_are_read() {
    assert_eq!(root(b"N."), Value::None);
    assert_eq!(root(b"I01\n."), Value::Bool(true));
    assert_eq!(root(b"I-7\n."), Value::Int(-7));
    assert_eq!(root(b"L123L\n."), Value::Int(123));
    assert_eq!(root(b"F1.5\n."), Value::Float(1.5));
    assert_eq!(root(b"\x80\x02J\xff\xff\xff\xff."), Value::Int(-1));
    assert_eq!(root(b"M\x10\x27."), Value::Int(10000));
    assert_eq!(root(b"G\x3f\xf8\0\0\0\0\0\0."), Value::Float(1.5));
    assert_eq!(root(b"\x88."), Value::Bool(true));
}

#[test]
fn texts_of_every_protocol_are_read() {
    for pickle in [
        &b"S'a\\tb\\x41'\n."[..],
        b"Va\\u0009bA\n.",
        b"U\x04a\tbA.",
        b"T\x04\0\0\0a\tbA.",
        b"X\x04\0\0\0a\tbA.",
        b"\x80\x04\x95\x07\0\0\0\0\0\0\0\x8c\x04a\tbA.",
        b"\x8d\x04\0\0\0\0\0\0\0a\tbA.",
    ] {
        let tree = parse(pickle).unwrap().tree;
        assert_eq!(tree.str(tree.root()), Some("a\tbA"), "{pickle:?}");
    }
    let tree = parse(b"C\x02\xff\xfe.").unwrap().tree;
    assert_eq!(tree.bytes(tree.root()), Some(&b"\xff\xfe"[..]));
    assert!(matches!(parse(b"X\x02\0\0\0\xff\xfe."), Err(PickleError::Malformed { .. })));
}

#[test]
fn integers_are_exact_at_every_width() {
    for (bytes, expected) in [
        (&b"\x8a\x00."[..], 0),
        (b"\x8a\x01\xff.", -1),
        (b"\x8a\x02\xff\x00.", 255),
        (b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\x00.", i64::MAX),
        (b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\xff.", i64::MIN),
        (b"\x8b\x03\0\0\0\x01\x00\x00.", 1),
    ] {
        assert_eq!(root(bytes), Value::Int(expected), "{bytes:?}");
    }
    let magic = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
    assert_eq!(root(magic), Value::BigInt(magic[2..12].into()));
    assert_eq!(root(b"\x8a\x09\0\0\0\0\0\0\0\x80\0."), Value::BigInt(b"\0\0\0\0\0\0\0\x80\0"[..].into()));
}

#[test]
fn an_allowed_call_is_kept_as_data_with_all_that_is_done_to_it() {
    let tree = parse(b"\x80\x02ccollections\nOrderedDict\n)R(X\x01\0\0\0kK\x07u}X\x01\0\0\0sNsb.").unwrap().tree;
    let (global, call) = tree.call(tree.root()).unwrap();
    assert_eq!(global.to_string(), "collections.OrderedDict");
    assert_eq!(tree.tuple(call.args), Some(&[][..]));
    assert_eq!(tree.str(call.items[0].0), Some("k"));
    assert_eq!(tree.int(call.items[0].1), Some(7));
    assert_eq!(tree.dict(call.state.unwrap()).unwrap().len(), 1);
}

#[test]
fn every_way_to_import_names_what_it_wants() {
    for pickle in [
        &b"\x80\x02cos\nsystem\n(X\x02\0\0\0lst R."[..],
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
        b"(S'ls'\nios\nsystem\n.",
        b"(cos\nsystem\nX\x02\0\0\0lso.",
        b"cos\nsystem\nX\x02\0\0\0ls\x85\x81.",
        b"cos\nsystem\n)}\x92.",
        b"cargparse\nNamespace\n)\x81}X\x01\0\0\0acos\nsystem\nsb.",
    ] {
        assert_eq!(forbidden(pickle), ["os.system"], "{pickle:?}");
    }
}

#[test]
fn all_forbidden_imports_are_told_even_when_the_rest_is_broken() {
    assert_eq!(
        forbidden(b"\x80\x02c__builtin__\ngetattr\n(cos\npath\ncos\npath\nX\x04\0\0\0jointRR\xff"),
        ["__builtin__.getattr", "os.path"]
    );
    let mut many = Vec::new();
    for i in 0..100 {
        many.extend(format!("cm\nn{i}\n0").bytes());
    }
    assert_eq!(forbidden(&many).len(), Forbidden::MOST);
    let message = parse(&many).unwrap_err().to_string();
    assert!(message.ends_with("`m.n7` and more, which no file of this kind needs"), "{message}");
}

#[test]
fn a_hostile_name_cannot_reach_the_terminal() {
    let message = parse(b"c\x1b[31mos\nsys\rtem\n.").unwrap_err().to_string();
    assert_eq!(message, r"it imports `\u{1b}[31mos.sys\u{d}tem`, which no file of this kind needs");
    let long = [b"c".to_vec(), vec![b'a'; 5000], b"\nx\n.".to_vec()].concat();
    assert!(parse(&long).unwrap_err().to_string().len() < 200);
}

#[test]
fn a_result_cannot_be_called() {
    let error = parse(b"ccollections\nOrderedDict\n)R)R.").unwrap_err();
    assert!(error.to_string().contains("called that is no import"), "{error}");
}

#[test]
fn lengths_beyond_the_end_are_refused_before_memory_is_taken() {
    for pickle in [
        &b"X\xff\xff\xff\x7fabc"[..],
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc",
        b"\x8e\0\0\0\0\0\0\0\x80abc",
        b"B\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",
        b"cos",
        b"",
        b"}",
    ] {
        assert!(matches!(parse(pickle), Err(PickleError::Truncated { .. })), "{pickle:?}");
    }
    assert!(matches!(parse(b"\x8b\xff\xff\xff\xff."), Err(PickleError::Malformed { .. })));
}

#[test]
fn a_broken_stack_is_refused_at_its_place() {
    assert_eq!(parse(b"\x80\x02t."), Err(PickleError::NoMark { at: 2 }));
    assert_eq!(parse(b"R."), Err(PickleError::Underflow { at: 0 }));
    assert_eq!(parse(b"N(\x85."), Err(PickleError::Underflow { at: 2 }));
    assert_eq!(parse(b"(."), Err(PickleError::Underflow { at: 1 }));
    assert_eq!(parse(b"h\x05."), Err(PickleError::NotStored { at: 0, key: 5 }));
    assert!(matches!(parse(b"NN."), Err(PickleError::Malformed { at: 2, .. })));
    assert!(matches!(parse(b"}(Nu."), Err(PickleError::Malformed { .. })));
    assert!(matches!(parse(b"NNa."), Err(PickleError::Malformed { .. })));
    assert_eq!(parse(b"\xfe."), Err(PickleError::UnknownOpcode { at: 0, opcode: 0xfe }));
    assert!(matches!(parse(b"\x82\x01."), Err(PickleError::Unsupported { .. })));
    assert!(matches!(parse(b"\x80\x06N."), Err(PickleError::Unsupported { .. })));
}

#[test]
fn limits_hold_for_all_that_a_file_can_multiply() {
    let limits = Limits { bytes: 1000, nodes: 10, entries: 20, stack: 8, memo: 4 };
    let read = |bytes: &[u8]| match super::read(bytes, limits, &allow_some) {
        Err(PickleError::Limit { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(read(&b"N0".repeat(20)), "values");
    assert_eq!(read(&[b"N".to_vec(), b"2".repeat(20)].concat()), "values on the stack");
    assert_eq!(read(&b"(".repeat(20)), "marks at one time");
    assert_eq!(read(&[b"]q\0".to_vec(), b"(h\0h\0h\0h\0e".repeat(5)].concat()), "entries");
    assert_eq!(read(b"Nr\xff\xff\xff\xff."), "stored values");
    assert_eq!(read(&[b"X\xd0\x07\0\0".to_vec(), vec![b'x'; 2000]].concat()), "bytes");
}

#[test]
fn nesting_sharing_and_cycles_cost_nothing() {
    let deep = [b"\x80\x02".to_vec(), b"]".repeat(300_000), b"a".repeat(299_999), b".".to_vec()].concat();
    assert_eq!(parse(&deep).unwrap().tree.len(), 300_000);
    let tree = parse(b"}q\0X\x01\0\0\0ah\0s.").unwrap().tree;
    assert_eq!(tree.dict(tree.root()).unwrap()[0].1, tree.root());
}

#[test]
fn several_pickles_follow_each_other() {
    let bytes = b"\x80\x02K\x01.\x80\x02K\x02.rest";
    let first = parse(bytes).unwrap();
    assert_eq!(first.consumed, 5);
    let second = parse(&bytes[first.consumed..]).unwrap();
    assert_eq!(second.tree.int(second.tree.root()), Some(2));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn a_cut_pickle_is_refused(cut in 0_usize..60) {
        let whole = b"\x80\x02ccollections\nOrderedDict\n)R(X\x01\0\0\0kK\x07u}X\x01\0\0\0sNsb.";
        prop_assume!(cut < whole.len());
        let refused = matches!(parse(&whole[..cut]), Err(PickleError::Truncated { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn integers_survive_any_padding(value: i64, padding in 0_usize..6) {
        let mut bytes = value.to_le_bytes().to_vec();
        bytes.extend(std::iter::repeat_n(if value < 0 { 0xff } else { 0 }, padding));
        prop_assert_eq!(integer(&bytes), Value::Int(value));
    }
}
