//! Whether a runtime works here, tried with a file of one node.

use bossnas_files::npy::{Element, Tensor};
use prost::Message as _;

use super::error::RuntimeError;
use super::library::Library;
use super::product::product_of_matrices;
use super::settings::{InputSpec, Load, Settings};
use super::{Runtime, Session};

/// Rows and columns of the product that is tried.
const SIDE: usize = 4;

/// A runtime that works.
#[derive(Debug, Clone)]
pub struct Works {
    /// Which build of ONNX Runtime it is, in its own words.
    pub build: Option<String>,
    /// The library that it is in.
    pub library: Option<Library>,
}

/// Runs a product of matrices in `runtime`; the error says why that cannot be.
pub fn probe(runtime: Runtime) -> Result<Works, RuntimeError> {
    let library = match runtime {
        Runtime::Tract => None,
        Runtime::Ort(provider) => Some(Library::choose(provider)?),
    };
    let failed = |error: std::io::Error| RuntimeError::failed(format!("no folder to try {runtime} in: {error}"));
    let folder = tempfile::tempdir().map_err(failed)?;
    let model = folder.path().join("probe.onnx");
    std::fs::write(&model, product_of_matrices(SIDE).encode_to_vec()).map_err(failed)?;
    let shape = vec![SIDE, SIDE];
    let load = Load {
        model,
        runtime,
        inputs: vec![InputSpec { name: "x".to_owned(), element: Element::Float32, shape: shape.clone() }],
        symbols: Vec::new(),
        outputs: None,
        settings: Settings { threads: Some(1), profile: runtime != Runtime::Tract, ..Settings::default() },
    };
    let mut session = Session::load(&load)?;
    let ones = Tensor::from_f64s(Element::Float32, shape, &[1.0; SIDE * SIDE]);
    let ran = session.run(&[("x".to_owned(), ones.unwrap_or_else(|| unreachable!("a tensor of ones")))])?;
    let right = ran.outputs.iter().all(|(_, tensor)| tensor.f64s() == [SIDE as f64; SIDE * SIDE]);
    if right {
        Ok(Works { build: session.build().map(str::to_owned), library })
    } else {
        Err(RuntimeError::failed(format!("{runtime} computes a product of matrices wrongly")))
    }
}
