//! Reads a pickle and looks at every node of what it describes.

use bossnas_pickle::{Id, Limits, Tree, Value, read};

/// The names in the seeds, allowed and not.
fn allow(module: &str, name: &str) -> bool {
    matches!((module, name), ("collections", "OrderedDict") | ("argparse", "Namespace")) || module == "torch"
}

pub(crate) fn run(data: &[u8]) {
    let limits = Limits { bytes: 1 << 20, nodes: 1 << 14, entries: 1 << 14, stack: 1 << 12, memo: 1 << 12 };
    match read(data, limits, &allow) {
        Ok(pickle) => {
            assert!(pickle.consumed <= data.len());
            visit(&pickle.tree);
        }
        Err(error) => assert!(error.to_string().len() < 3000, "a message of {} bytes", error.to_string().len()),
    }
}

fn visit(tree: &Tree) {
    // Looking a node up fails if there is none.
    let look = |id: Id| {
        std::hint::black_box(tree.get(id));
    };
    look(tree.root());
    for id in tree.ids() {
        let _ = (tree.str(id), tree.bytes(id), tree.int(id), tree.global(id));
        match tree.get(id) {
            Value::Tuple(ids) | Value::List(ids) | Value::Set(ids) => ids.iter().copied().for_each(look),
            Value::Dict(entries) => entries.iter().flat_map(|&(key, value)| [key, value]).for_each(look),
            Value::Call(call) => {
                assert!(tree.call(id).is_some(), "what is called is an import");
                [call.args].into_iter().chain(call.kwargs).chain(call.state).for_each(look);
            }
            Value::Persistent(id) => look(*id),
            _ => {}
        }
    }
}
