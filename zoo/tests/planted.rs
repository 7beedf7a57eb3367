//! A hundred files with one fault each, planted where it is easily missed: a weight, a padding, an axis of attention. None is
//! accepted, and `validate --bisect` names the node.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use bossnas_converter::onnx::proto::{GraphProto, ModelProto, NodeProto};
use bossnas_model::arch::BossNet;
use bossnas_model::random::splitmix64;
use bossnas_testkit::deit;
use bossnas_zoo::runtime::Provider;
use bossnas_zoo::runtime::library::Library;
use prost::Message as _;
use serde_json::Value;

/// A network with both kinds of blocks, with and without stride, and squeeze-and-excitation.
const NETWORK: &str = "bossnet:1/0/10/01+silu+se+base=8+classes=10";
const SIZE: &str = "48x40";
const FAULTS: u64 = 100;

fn zoo(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bossnas-zoo"));
    let output = command.current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A file whose weights are drawn from a seed, with closed branches, and one of a checkpoint, with open ones.
fn originals(folder: &Path) -> [ModelProto; 2] {
    let net: BossNet = NETWORK.parse().unwrap();
    let graph = net.graph();
    let params: Vec<(&str, &[usize])> =
        graph.params().iter().map(|param| (param.name.as_str(), param.shape.as_slice())).collect();
    deit::write_recipe(&folder.join("w.pth"), params.iter().copied(), 3.5).unwrap();
    let export = |options: &[&str]| {
        let arguments = [&["export", NETWORK, "--onnx", "--size", SIZE, "-o", "original.onnx", "-q"], options].concat();
        let (code, _, said) = zoo(folder, &arguments);
        assert_eq!(code, Some(0), "{said}");
        ModelProto::decode(fs::read(folder.join("original.onnx")).unwrap().as_slice()).unwrap()
    };
    [export(&[]), export(&["--checkpoint", "w.pth"])]
}

/// Plants a fault; returns what it is, and the node that now computes something else.
fn plant(model: &mut ModelProto, fault: u64) -> (String, String) {
    let graph = model.graph.as_mut().unwrap();
    let pick = |choices: usize| (splitmix64(fault, 7) % choices as u64) as usize;
    match fault % 4 {
        0 | 1 => weight(graph, fault),
        2 => {
            let mut nodes: Vec<&mut NodeProto> = graph.node.iter_mut().filter(|node| is_padded(node)).collect();
            let count = nodes.len();
            let node = nodes.swap_remove(pick(count));
            // One pixel more on one side and less on the other: all shapes stay what they are.
            let pads = node.attribute.iter_mut().find(|attribute| attribute.name.as_deref() == Some("pads")).unwrap();
            (pads.ints[0], pads.ints[2]) = (pads.ints[0] - 1, pads.ints[2] + 1);
            ("a padding".to_owned(), node.output[0].clone())
        }
        _ => {
            let scores: Vec<usize> =
                (0..graph.node.len()).filter(|&index| graph.node[index].output[0].ends_with(".scores")).collect();
            let node = &mut graph.node[scores[pick(scores.len())]];
            // `k^T q` has the shape of `q^T k` and is its transpose.
            let product = node.output[0].clone();
            let inputs = node.input.clone();
            transpose(graph, &product, &inputs);
            ("an attention the wrong way round".to_owned(), product.trim_end_matches(".scores").to_owned())
        }
    }
}

fn is_padded(node: &NodeProto) -> bool {
    node.op_type.as_deref() == Some("Conv") && pads(node).is_some_and(|pads| pads.contains(&1))
}

fn pads(node: &NodeProto) -> Option<&[i64]> {
    node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some("pads")).map(|pads| pads.ints.as_slice())
}

/// One weight of one tensor becomes another.
fn weight(graph: &mut GraphProto, fault: u64) -> (String, String) {
    let readers: HashMap<&str, &NodeProto> =
        graph.node.iter().flat_map(|node| node.input.iter().map(move |input| (input.as_str(), node))).collect();
    let weighty = |index: &usize| {
        let tensor = &graph.initializer[*index];
        let name = tensor.name.as_deref().unwrap_or_default();
        tensor.dims.len() >= 2
            && matches!(readers.get(name).and_then(|node| node.op_type.as_deref()), Some("Conv" | "Gemm" | "MatMul"))
    };
    let candidates: Vec<usize> = (0..graph.initializer.len()).filter(weighty).collect();
    let index = candidates[(splitmix64(fault, 1) % candidates.len() as u64) as usize];
    let name = graph.initializer[index].name.clone().unwrap();
    let node = readers[name.as_str()].output[0].clone();
    let raw = graph.initializer[index].raw_data.as_mut().unwrap();
    let mut bytes = raw.to_vec();
    let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let largest = values.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
    let at = (splitmix64(fault, 2) % values.len() as u64) as usize;
    bytes[at * 4..at * 4 + 4]
        .copy_from_slice(&(values[at] + if largest > 0.0 { 0.5 * largest } else { 1.0 }).to_le_bytes());
    *raw = bytes.into();
    (format!("element {at} of `{name}`"), node)
}

/// Transposes the value `product` before it is used.
fn transpose(graph: &mut GraphProto, product: &str, inputs: &[String]) {
    let index = graph.node.iter().position(|node| node.output[0] == product).unwrap();
    let like = graph.node.iter().find(|node| node.op_type.as_deref() == Some("Transpose")).unwrap();
    let rank = like.attribute[0].ints.len() as i64;
    let mut swap = like.clone();
    swap.name = Some(format!("{product}.swap"));
    swap.input = vec![format!("{product}.before")];
    swap.output = vec![product.to_owned()];
    swap.attribute[0].ints = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
    graph.node[index].output = vec![format!("{product}.before")];
    assert_eq!(graph.node[index].input, inputs);
    graph.node.insert(index + 1, swap);
}

#[test]
fn none_of_a_hundred_planted_faults_is_accepted_and_each_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let originals = originals(folder.path());
    let mut against = "reference,tract".to_owned();
    if Library::choose(Provider::Cpu).is_ok() {
        against += ",ort-cpu";
    }
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let (originals, against, folder) = (&originals, against.as_str(), folder.path());
    let of = |worker| {
        (worker..FAULTS).step_by(workers as usize).map(|fault| find(folder, originals, against, fault)).sum::<usize>()
    };
    let seen: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|worker| scope.spawn(move || of(worker))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    println!("{seen} of {FAULTS} faults changed values");
    assert!(seen * 10 >= FAULTS as usize * 9, "only {seen} faults changed a value");
}

/// Plants a fault and insists that it is found; returns 1 if the values inside showed it.
fn find(folder: &Path, originals: &[ModelProto; 2], against: &str, fault: u64) -> usize {
    // Half of them in the closed branches of an untrained network, where no output shows them.
    let trained = (fault / 4) % 2 == 1;
    let mut model = originals[usize::from(trained)].clone();
    let (what, node) = plant(&mut model, fault);
    let file = format!("planted-{fault}.onnx");
    fs::write(folder.join(&file), model.encode_to_vec()).unwrap();
    let mut arguments = vec!["validate", &file, "--against", against, "--bisect", "--json"];
    if trained {
        arguments.extend(["--checkpoint", "w.pth"]);
    }
    let (code, stdout, said) = zoo(folder, &arguments);
    assert_eq!(code, Some(3), "{what} at `{node}`: {said}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["passed"], false);
    let defects = document["defects"].as_array().unwrap();
    assert!(defects.iter().any(|defect| is_in(&defect["value"], &node)), "{what} at `{node}`: {defects:?}");
    let inside = document["inside"].as_array().unwrap();
    assert_eq!(inside.len() + 1, against.split(',').count(), "{what}: {stdout}");
    for runtime in inside {
        // A weight that is multiplied by nothing but zeros changes no value.
        let found = &runtime["first"]["value"];
        let unseen = found.is_null() && what.starts_with("element");
        assert!(unseen || *found == *node, "{what} at `{node}`: {found} in {}: {said}", runtime["runtime"]);
    }
    usize::from(inside.iter().all(|runtime| !runtime["first"].is_null()))
}

/// Whether a value is that of a node, or one of those before its last.
fn is_in(value: &Value, node: &str) -> bool {
    value.as_str().is_some_and(|value| value == node || value.starts_with(&format!("{node}.")))
}

#[test]
fn the_originals_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    for (model, options) in originals(folder.path()).iter().zip([&[][..], &["--checkpoint", "w.pth"]]) {
        fs::write(folder.path().join("again.onnx"), model.encode_to_vec()).unwrap();
        let (code, stdout, said) = zoo(folder.path(), &[&["validate", "again.onnx", "--json"], options].concat());
        assert_eq!(code, Some(0), "{said}\n{stdout}");
        let document: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((&document["passed"], &document["defects"]), (&Value::from(true), &Value::Array(Vec::new())));
    }
}
