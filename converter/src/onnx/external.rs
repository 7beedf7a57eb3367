//! Tensors of a model that lie in other files: only inside of the model's own folder, and whole.
//!
//! A model names such files itself, so the names are input like any other. Runtimes differ in what they let pass; here
//! nothing absolute does, no way up, no link that leads out of the folder, no range past the end of a file.

use std::path::{Component, Path, PathBuf};

use super::OnnxError;
use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, tensor_proto::DataLocation};

/// Most references to other files, far beyond what any model has tensors.
const MAX_REFERENCES: usize = 1 << 20;

/// Checks all tensors of `model`, the file at `path`, that lie in other files. Returns the bytes that they take there.
pub(super) fn check(path: &Path, model: &ModelProto) -> Result<u64, OnnxError> {
    let refuse = |problem: String| OnnxError::External { path: path.to_owned(), problem };
    let mut references = Vec::new();
    if let Some(graph) = &model.graph {
        of_graph(graph, &mut references);
    }
    for function in &model.functions {
        function.node.iter().for_each(|node| of_node(node, &mut references));
    }
    if references.len() > MAX_REFERENCES {
        return Err(refuse("too many tensors lie in other files".to_owned()));
    }
    let mut checked: Vec<(&str, u64)> = Vec::new();
    let mut total: u64 = 0;
    for tensor in references {
        let name = tensor.name.as_deref().unwrap_or("without a name");
        let entry = |key: &str| {
            let entries = tensor.external_data.iter();
            entries.rev().find(|entry| entry.key.as_deref() == Some(key)).and_then(|entry| entry.value.as_deref())
        };
        let number = |key: &str| {
            let parse = |text: &str| {
                text.parse::<u64>()
                    .map_err(|_| refuse(format!("tensor `{name}` has the {key} `{text}` in another file")))
            };
            entry(key).map(parse).transpose()
        };
        let location = entry("location").unwrap_or_default();
        let known = checked.iter().find(|(known, _)| *known == location).map(|&(_, len)| len);
        let len = if let Some(len) = known {
            len
        } else {
            let len = file_len(path, location).map_err(|why| refuse(format!("tensor `{name}` lies in {why}")))?;
            checked.push((location, len));
            len
        };
        let offset = number("offset")?.unwrap_or(0);
        let length = number("length")?.unwrap_or_else(|| len.saturating_sub(offset));
        if offset.checked_add(length).is_none_or(|end| end > len) {
            let problem = format!("tensor `{name}` takes {length} bytes at {offset} of `{location}`, which has {len}");
            return Err(refuse(problem));
        }
        total = total.saturating_add(length);
    }
    Ok(total)
}

/// Length of a file that a model may name; the error is what is wrong with it.
fn file_len(model: &Path, location: &str) -> Result<u64, String> {
    let relative = Path::new(location);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if location.is_empty() || !plain || location.contains(['\\', '\0']) {
        return Err(format!("`{location}`, which is not inside of the model's folder"));
    }
    let folder = model.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let real = |path: PathBuf| path.canonicalize().map_err(|error| format!("`{location}`: {error}"));
    let folder = real(folder.to_owned())?;
    let file = real(folder.join(relative))?;
    if !file.starts_with(&folder) {
        return Err(format!("`{location}`, a link that leads out of the model's folder"));
    }
    match file.metadata() {
        Ok(meta) if meta.is_file() => Ok(meta.len()),
        Ok(_) => Err(format!("`{location}`, which is no file")),
        Err(error) => Err(format!("`{location}`: {error}")),
    }
}

fn of_graph<'a>(graph: &'a GraphProto, references: &mut Vec<&'a TensorProto>) {
    graph.initializer.iter().for_each(|tensor| of_tensor(tensor, references));
    for sparse in &graph.sparse_initializer {
        sparse.values.iter().chain(&sparse.indices).for_each(|tensor| of_tensor(tensor, references));
    }
    graph.node.iter().for_each(|node| of_node(node, references));
}

fn of_node<'a>(node: &'a NodeProto, references: &mut Vec<&'a TensorProto>) {
    for AttributeProto { t, tensors, g, graphs, .. } in &node.attribute {
        t.iter().chain(tensors).for_each(|tensor| of_tensor(tensor, references));
        g.iter().chain(graphs).for_each(|graph| of_graph(graph, references));
    }
}

fn of_tensor<'a>(tensor: &'a TensorProto, references: &mut Vec<&'a TensorProto>) {
    let external = tensor.data_location == Some(DataLocation::External.into()) || !tensor.external_data.is_empty();
    if external {
        references.push(tensor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::StringStringEntryProto;

    fn model(entries: &[(&str, &str)]) -> ModelProto {
        let entry = |&(key, value): &(&str, &str)| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        let tensor = TensorProto {
            name: Some("w".to_owned()),
            data_location: Some(DataLocation::External.into()),
            external_data: entries.iter().map(entry).collect(),
            ..TensorProto::default()
        };
        // Inside of a branch, where a check of initializers alone would not look.
        let inner = GraphProto { initializer: vec![tensor], ..GraphProto::default() };
        let attribute = AttributeProto { g: Some(inner), ..AttributeProto::default() };
        let node = NodeProto { attribute: vec![attribute], ..NodeProto::default() };
        ModelProto { graph: Some(GraphProto { node: vec![node], ..GraphProto::default() }), ..ModelProto::default() }
    }

    #[test]
    fn only_whole_ranges_of_files_inside_of_the_folder_pass() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        std::fs::create_dir_all(folder.join("data")).unwrap();
        std::fs::write(folder.join("data/w.bin"), [0; 100]).unwrap();
        std::fs::write(outer.path().join("secret"), [0; 100]).unwrap();
        let path = folder.join("m.onnx");
        let check = |entries: &[(&str, &str)]| check(&path, &model(entries)).map_err(|error| error.to_string());
        assert_eq!(check(&[("location", "data/w.bin"), ("offset", "40"), ("length", "60")]), Ok(60));
        assert_eq!(check(&[("location", "data/w.bin")]), Ok(100));
        for (location, why) in [
            ("../secret", "not inside"),
            ("/etc/passwd", "not inside"),
            ("data/../../secret", "not inside"),
            ("..\\secret", "not inside"),
            ("", "not inside"),
            ("data", "no file"),
            ("missing", "`missing`"),
        ] {
            let error = check(&[("location", location)]).unwrap_err();
            assert!(error.contains(why), "`{why}` is not in `{error}`");
        }
        for (key, value) in [("offset", "101"), ("length", "101"), ("offset", "18446744073709551615"), ("length", "-1")]
        {
            assert!(check(&[("location", "data/w.bin"), (key, value)]).is_err(), "{key} {value}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_may_not_lead_out() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(outer.path().join("secret"), [0; 10]).unwrap();
        std::fs::write(folder.join("w"), [0; 10]).unwrap();
        std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("out")).unwrap();
        std::os::unix::fs::symlink("w", folder.join("in")).unwrap();
        let path = folder.join("m.onnx");
        assert!(check(&path, &model(&[("location", "in")])).is_ok());
        let error = check(&path, &model(&[("location", "out")])).unwrap_err().to_string();
        assert!(error.contains("leads out"), "{error}");
    }
}
