//! What the machine can do at most: a product of large matrices, measured like everything else.

use std::io;
use std::path::PathBuf;

use bossnas_files::npy::{Element, Tensor};
use prost::Message as _;
use tempfile::TempDir;

use super::variant::{Scenario, Variant};
use crate::runtime::library::Library;
use crate::runtime::{InputSpec, Load, Precision, Provider, Runtime, Settings, product_of_matrices};

/// Rows and columns: large enough that a product is limited by arithmetic, small enough for 100 of them in some seconds.
const SIDE: usize = 1024;

/// A product of two square matrices of float32, as a file.
pub struct Product {
    path: PathBuf,
    _folder: TempDir,
}

/// Writes the file into a folder that goes away with it.
pub fn product() -> io::Result<Product> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("product.onnx");
    std::fs::write(&path, product_of_matrices(SIDE).encode_to_vec())?;
    Ok(Product { path, _folder: folder })
}

impl Product {
    /// Multiply-adds of one product.
    pub const MULTIPLY_ADDS: u64 = (SIDE * SIDE * SIDE) as u64;

    /// The best float32 product that is to be had where a variant runs: on its own device where that isn't the processor, in
    /// ONNX Runtime where it is there, else in tract; with the threads and processors of the variant.
    pub fn beside(&self, load: &Load) -> Variant {
        let runtime = match load.runtime {
            runtime if runtime.has_own_memory() => runtime,
            Runtime::Ort(_) | Runtime::Tract if Library::choose(Provider::Cpu).is_ok() => Runtime::Ort(Provider::Cpu),
            Runtime::Ort(_) | Runtime::Tract => Runtime::Tract,
        };
        let settings = Settings {
            threads: load.settings.threads,
            cpus: load.settings.cpus.clone(),
            precision: Precision::F32,
            ..Settings::default()
        };
        let shape = vec![SIDE, SIDE];
        let input = InputSpec { name: "x".to_owned(), element: Element::Float32, shape: shape.clone() };
        let ones = Tensor::new(Element::Float32, shape, 1.0_f32.to_le_bytes().repeat(SIDE * SIDE));
        Variant {
            load: Load {
                model: self.path.clone(),
                runtime,
                inputs: vec![input],
                symbols: Vec::new(),
                outputs: None,
                settings,
            },
            inputs: vec![("x".to_owned(), ones.unwrap_or_else(|| unreachable!("a tensor of ones")))],
            images: 1,
            scenario: Scenario::Latency,
        }
    }
}
