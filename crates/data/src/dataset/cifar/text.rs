//! What Python 2 called a string, in its three forms: a text, bytes, and `encode(text, "latin1")`, which is what Python 3
//! writes for Python 2 where it means bytes.

use std::borrow::Cow;

use bossnas_pickle::{Id, Tree, Value};

/// Whether it is this text, which has only ASCII in it.
pub(super) fn is(tree: &Tree, id: Id, text: &str) -> bool {
    match encoded(tree, id) {
        Some(encoded) => encoded == text,
        None => plain(tree, id) == Some(text.as_bytes()),
    }
}

/// The bytes of it, if there are at most so many.
pub(super) fn bytes(tree: &Tree, id: Id, most: usize) -> Option<Cow<'_, [u8]>> {
    let Some(encoded) = encoded(tree, id) else {
        return plain(tree, id).filter(|bytes| bytes.len() <= most).map(Cow::Borrowed);
    };
    // Every character is a byte; those above 127 take two here.
    if encoded.len() / 2 > most {
        return None;
    }
    let bytes: Option<Vec<u8>> = encoded.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    bytes.filter(|bytes| bytes.len() <= most).map(Cow::Owned)
}

fn plain(tree: &Tree, id: Id) -> Option<&[u8]> {
    match tree.get(id) {
        Value::Str(_) => tree.str(id).map(str::as_bytes),
        _ => tree.bytes(id),
    }
}

fn encoded(tree: &Tree, id: Id) -> Option<&str> {
    let (_, call) = tree.call(id).filter(|(global, _)| global.module == "_codecs" && global.name == "encode")?;
    match tree.tuple(call.args) {
        Some(&[value, codec]) if tree.str(codec) == Some("latin1") => tree.str(value),
        _ => None,
    }
}
