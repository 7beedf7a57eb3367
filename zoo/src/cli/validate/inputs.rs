//! Inputs of a validation: arrays, photographs, or noise.

use std::path::Path;

use bossnas_converter::onnx::Batch;
use bossnas_converter::onnx::summary::Port;
use bossnas_data::DecodeOptions;
use bossnas_files::SourceFile;
use bossnas_files::npy::{self, Array, Tensor};
use bossnas_model::preprocess::Preprocessing;
use bossnas_report::Failure;
use bossnas_zoo::images::prepare;
use bossnas_zoo::ports;
use bossnas_zoo::runtime::NamedTensor;

use super::Args;
use crate::cli::network::Claimed;
use crate::cli::run::{named, split};
use crate::cli::shape::{parse, sized};

/// Images of noise for a file that takes any number: two, so that a mix-up between them shows.
const IMAGES: usize = 2;

/// A tensor for each input of the file.
pub(super) fn of(args: &Args, ports: &[Port], claimed: Option<&Claimed>) -> anyhow::Result<Vec<NamedTensor>> {
    let shapes = args.shape.iter().map(|text| parse(text, ports)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut given =
        args.input.iter().map(|text| input(text, args, ports, claimed)).collect::<anyhow::Result<Vec<_>>>()?;
    for port in ports {
        if given.iter().any(|(name, _)| *name == port.name) {
            continue;
        }
        let asked = shapes.iter().find(|(name, _)| *name == port.name).map(|(_, shape)| shape.clone());
        let own = claimed.map(|claimed| {
            let [height, width] = claimed.claims.options.size;
            let images = match claimed.claims.options.batch {
                Batch::Dynamic => IMAGES,
                Batch::Fixed(images) => images,
            };
            vec![images, 3, height, width]
        });
        let sized = || args.size.and_then(|size| sized(port, size.into()));
        let shape = asked.or(own).or_else(sized);
        let tensor = ports::probe(port, shape.as_deref(), given.len() as u64)
            .map_err(|error| Failure::usage(error.to_string()).hint("--input NAME=X.npy gives an array"))?;
        ports::fit(port, &tensor.1).map_err(|error| Failure::usage(error.to_string()))?;
        given.push(tensor);
    }
    Ok(given)
}

/// What to say where inputs were made up whose extents the file leaves open.
pub(super) fn left_open(args: &Args, ports: &[Port]) -> Option<String> {
    let is_open = |port: &&Port| ports::extents(port).is_none_or(|extents| extents.iter().any(Option::is_none));
    let given = |port: &&Port| {
        let named = |text: &String| text.split_once('=').is_none_or(|(name, _)| name == port.name);
        args.input.iter().chain(&args.shape).any(named)
    };
    let open = ports.iter().find(|port| is_open(port) && !given(port))?;
    let declared = open.shape.as_ref().map_or_else(|| "any shape".to_owned(), |shape| shape.join(" x "));
    Some(format!(
        "input `{}` may have {declared}: --shape {}=1x3x48x320, say, tries it with other extents",
        open.name, open.name
    ))
}

fn input(text: &str, args: &Args, ports: &[Port], claimed: Option<&Claimed>) -> anyhow::Result<NamedTensor> {
    let (name, path) = split(text);
    let port = named(name, text, ports)?;
    let tensor = if is_npy(path)? {
        npy::read_tensor(&SourceFile::open(path)?)?
    } else {
        photograph(path, port, args, claimed)?
    };
    let tensor = ports::fit(port, &tensor)
        .map_err(|error| Failure::usage(error.to_string()).hint(format!("it was read from `{}`", path.display())))?;
    Ok((port.name.clone(), tensor))
}

fn is_npy(path: &Path) -> anyhow::Result<bool> {
    Ok(SourceFile::open(path)?.read_up_to(0, 6)? == b"\x93NUMPY")
}

fn photograph(path: &Path, port: &Port, args: &Args, claimed: Option<&Claimed>) -> anyhow::Result<Tensor> {
    let how = if let Some(claimed) = claimed {
        claimed.claims.metadata.preprocessing.clone()
    } else {
        let extents = ports::extents(port).unwrap_or_default();
        let fixed =
            if let &[_, _, Some(height), Some(width)] = extents.as_slice() { Some([height, width]) } else { None };
        let size = args.size.map(<[usize; 2]>::from).or(fixed).ok_or_else(|| {
            Failure::usage(format!("input `{}` does not say how large images are", port.name)).hint("--size N")
        })?;
        Preprocessing::published(size)
    };
    let [height, width] = how.size;
    let image = prepare(path, &how, DecodeOptions::default())?;
    let fixed = ports::extents(port).and_then(|extents| *extents.first()?);
    let images = fixed.unwrap_or(1);
    let values = image.values.iter().copied().cycle().take(images * image.values.len()).collect();
    Ok(Tensor::from(&Array { shape: vec![images, 3, height, width], values }))
}
