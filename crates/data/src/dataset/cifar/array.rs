//! An array of bytes, as numpy describes it in a pickle.
//!
//! There are two descriptions. Up to protocol 4, `_reconstruct(ndarray, (0,), b"b")` makes an empty array, whose state is
//! `(1, shape, dtype, is_fortran, data)`. Protocol 5 has `_frombuffer(data, dtype, shape, order)`.

use bossnas_pickle::{Id, Tree, Value};

use super::{MAX_BYTES, text};

/// The bytes of an array `[n, row]` of type `uint8`, row by row.
pub(super) fn bytes(tree: &Tree, id: Id, row: usize) -> Result<Vec<u8>, String> {
    let (global, call) = tree.call(id).ok_or("`data` is no array")?;
    let parts = match global.name.as_str() {
        "_reconstruct" => {
            let ndarray = tree.sequence(call.args).and_then(|args| tree.global(*args.first()?));
            if ndarray.is_none_or(|global| global.name != "ndarray") {
                return Err("`data` is an array of an unknown kind".to_owned());
            }
            match call.state.and_then(|state| tree.tuple(state)) {
                Some(&[_, shape, dtype, fortran, data]) => {
                    let rows_first = matches!(tree.get(fortran), Value::Bool(false) | Value::Int(0));
                    Some(Parts { shape, dtype, rows_first, data })
                }
                _ => None,
            }
        }
        "_frombuffer" => match tree.tuple(call.args) {
            Some(&[data, dtype, shape, order]) => {
                Some(Parts { shape, dtype, rows_first: text::is(tree, order, "C"), data })
            }
            _ => None,
        },
        _ => return Err("`data` is no array".to_owned()),
    };
    let Parts { shape, dtype, rows_first, data } = parts.ok_or("`data` is an array without content")?;
    let is_bytes = tree.call(dtype).filter(|(global, _)| global.name == "dtype").is_some_and(|(_, call)| {
        let kind = tree.sequence(call.args).and_then(|args| args.first().copied());
        kind.is_some_and(|kind| text::is(tree, kind, "u1"))
    });
    if !is_bytes {
        return Err("`data` is no array of unsigned bytes".to_owned());
    }
    let extents = tree.sequence(shape).unwrap_or_default();
    let extents: Option<Vec<usize>> = extents.iter().map(|&extent| usize::try_from(tree.int(extent)?).ok()).collect();
    let rows = match extents.as_deref() {
        Some(&[rows, length]) if length == row => rows,
        _ => return Err(format!("`data` is no array of rows of {row} bytes")),
    };
    if !rows_first {
        return Err("`data` is not stored row by row".to_owned());
    }
    let content = text::bytes(tree, data, MAX_BYTES as usize).ok_or("the content of `data` is no bytes")?;
    if rows.checked_mul(row) != Some(content.len()) {
        return Err(format!("`data` has {rows} rows of {row} bytes by its shape, and {} bytes", content.len()));
    }
    Ok(content.into_owned())
}

struct Parts {
    shape: Id,
    dtype: Id,
    rows_first: bool,
    data: Id,
}
