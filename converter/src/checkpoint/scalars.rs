//! What a checkpoint tells about its training (epoch, arguments, schedule), as JSON for people and programs to look at.

use bossnas_model::weights::DType;
use bossnas_pickle::{Id, Tree, Value};
use serde_json::{Map, Number, Value as Json};

use super::torch;

/// So many values are shown: DeiT's arguments, schedule and optimizer of T0 are about 1,600.
const MOST_VALUES: usize = 8 * 1024;

/// Deeper values are left out.
const DEEPEST: usize = 8;

/// A text is cut after so many characters.
const LONGEST: usize = 1000;

/// Stands for what was left out.
const LEFT_OUT: &str = "...";

/// The entries of the file's dictionary, except the state dicts.
pub(super) fn scalars(tree: &Tree, state_dicts: &[Id]) -> Map<String, Json> {
    let mut budget = MOST_VALUES;
    let mut map = Map::new();
    // A file that is one state dict tells nothing else.
    if !state_dicts.contains(&tree.root()) {
        for &(key, value) in torch::dict(tree, tree.root()).unwrap_or_default() {
            if budget > 0 && !state_dicts.contains(&value) {
                map.insert(key_text(tree, key), json(tree, value, 1, &mut budget));
            }
        }
    }
    map
}

/// Recursive, but no deeper than [`DEEPEST`].
fn json(tree: &Tree, id: Id, depth: usize, budget: &mut usize) -> Json {
    if *budget == 0 || depth > DEEPEST {
        return LEFT_OUT.into();
    }
    *budget -= 1;
    match tree.get(id) {
        Value::None => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::BigInt(bytes) => format!("an integer of {} bytes", bytes.len()).into(),
        Value::Float(value) => Number::from_f64(*value).map_or_else(|| value.to_string().into(), Json::Number),
        Value::Str(_) => tree.str(id).map(cut).into(),
        Value::Bytes(_) => format!("{} bytes", tree.bytes(id).map_or(0, <[u8]>::len)).into(),
        Value::Tuple(elements) | Value::List(elements) | Value::Set(elements) => list(tree, elements, depth, budget),
        Value::Dict(entries) => object(tree, entries, depth, budget),
        Value::Global(global) => global.to_string().into(),
        Value::Persistent(_) => "a storage".into(),
        Value::Call(_) if torch::is_tensor(tree, id) => tensor(tree, id).into(),
        // An object is shown by its state, an ordered dictionary by its entries.
        Value::Call(call) => match call.state {
            Some(state) if call.items.is_empty() => json(tree, state, depth, budget),
            _ if call.items.is_empty() => tree.global(call.callable).map(ToString::to_string).into(),
            _ => object(tree, &call.items, depth, budget),
        },
    }
}

fn list(tree: &Tree, elements: &[Id], depth: usize, budget: &mut usize) -> Json {
    let mut shown = Vec::new();
    for &element in elements {
        shown.push(json(tree, element, depth + 1, budget));
        if *budget == 0 {
            break;
        }
    }
    shown.into()
}

fn object(tree: &Tree, entries: &[(Id, Id)], depth: usize, budget: &mut usize) -> Json {
    let mut shown = Map::new();
    for &(key, value) in entries {
        shown.insert(key_text(tree, key), json(tree, value, depth + 1, budget));
        if *budget == 0 {
            break;
        }
    }
    shown.into()
}

fn key_text(tree: &Tree, key: Id) -> String {
    match tree.get(key) {
        Value::Int(value) => value.to_string(),
        _ => tree.str(key).map_or_else(|| "?".to_owned(), cut),
    }
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str(LEFT_OUT);
    }
    shown
}

fn tensor(tree: &Tree, id: Id) -> String {
    torch::tensor(tree, id).map_or_else(
        |error| format!("a tensor ({error})"),
        |tensor| format!("{} {:?}", DType::name(tensor.dtype), tensor.sizes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pickle: &[u8]) -> Tree {
        bossnas_pickle::read(pickle, bossnas_pickle::Limits::default(), &torch::allows).unwrap().tree
    }

    #[test]
    fn sharing_that_multiplies_and_cycles_are_cut_short() {
        // 2^40 elements if all of them were shown.
        let mut lists = b"]q\0".to_vec();
        for key in 0..40_u8 {
            // A list of the list before, twice; it takes that one's place on the stack.
            lists.extend([b'0', b']', b'h', key, b'a', b'h', key, b'a', b'q', key + 1]);
        }
        let pickle = [b"}X\x01\0\0\0a".to_vec(), lists, b"s.".to_vec()].concat();
        let shown = scalars(&read(&pickle), &[]);
        assert!(serde_json::to_string(&shown).unwrap().len() < 100_000);

        let shown = scalars(&read(b"}q\0X\x01\0\0\0ah\0s."), &[]);
        assert_eq!(serde_json::to_string(&shown).unwrap().matches(r#"{"a":"#).count(), DEEPEST + 1);
    }
}
