//! A network with every kind of block that is small enough to fetch hundreds of times.

use std::fs;

use bossnas_testkit::deit;
use serde_json::{Map, Value};

use crate::program::{scratch, zoo};

/// The network.
pub const ARCH: &str = "bossnet:1/0/1/0+silu+se+base=8+classes=10";

/// Side of its input.
pub const SIDE: usize = 32;

/// A checkpoint of it as a training run leaves it, some 2 MB: both state dicts and the optimizer.
pub fn checkpoint() -> Vec<u8> {
    let folder = scratch();
    // The program itself says which tensors there are.
    let _ = zoo(folder.path(), ["export", ARCH, "--safetensors", "-o", "names.safetensors"]).success();
    let file = fs::read(folder.path().join("names.safetensors")).expect("a file");
    let (length, rest) = file.split_first_chunk::<8>().expect("a length");
    let header = &rest[..u64::from_le_bytes(*length) as usize];
    let header: Map<String, Value> = serde_json::from_slice(header).expect("a header");
    let extents = |entry: &Value| -> Vec<usize> {
        entry["shape"].as_array().expect("a shape").iter().map(|n| n.as_u64().expect("an extent") as usize).collect()
    };
    let shapes: Vec<(&str, Vec<usize>)> = header
        .iter()
        .filter(|(name, _)| *name != "__metadata__")
        .map(|(name, entry)| (name.as_str(), extents(entry)))
        .collect();
    let path = folder.path().join("w.pth");
    let borrowed = shapes.iter().map(|(name, shape)| (*name, shape.as_slice()));
    deit::write_recipe(&path, borrowed, 1.0).expect("the checkpoint can be written");
    fs::read(path).expect("a file")
}
