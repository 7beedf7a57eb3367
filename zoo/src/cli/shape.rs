//! Extents of inputs that are made up.

use bossnas_converter::onnx::summary::Port;
use bossnas_report::Failure;
use bossnas_zoo::ports;

use super::run::named;

/// Most elements along one axis.
const MAX_EXTENT: usize = 1 << 28;

/// `[NAME=]1x3x224x224`: which input, and its extents.
pub(crate) fn parse(text: &str, ports: &[Port]) -> anyhow::Result<(String, Vec<usize>)> {
    let (name, extents) = match text.split_once('=') {
        Some((name, extents)) => (Some(name), extents),
        None => (None, text),
    };
    let port = named(name, text, ports)?;
    let extents: Option<Vec<usize>> =
        extents.split('x').map(|extent| extent.parse().ok().filter(|&extent| extent <= MAX_EXTENT)).collect();
    let malformed =
        || Failure::usage(format!("`{text}` is no shape")).hint("extents with an x between them, such as 1x3x224x224");
    Ok((port.name.clone(), extents.ok_or_else(malformed)?))
}

/// Extents of an input of images of this size; `None` for one of something else.
pub(crate) fn sized(port: &Port, [height, width]: [usize; 2]) -> Option<Vec<usize>> {
    let extents = ports::extents(port)?;
    let [batch, channels, ..] = extents.as_slice() else { return None };
    (extents.len() == 4).then(|| vec![batch.unwrap_or(1), channels.unwrap_or(3), height, width])
}
