//! What a file of ours should compute: the network that it says it is, with the weights that it was made from.

use std::path::Path;
use std::sync::Arc;

use bossnas_converter::checkpoint::{Checkpoint, Choice, check};
use bossnas_converter::onnx::{Claims, Defect, OnnxError, OnnxModel, Source, defects, weights_digest};
use bossnas_model::graph::Graph;
use bossnas_model::init::Initial;
use bossnas_model::pass;
use bossnas_model::space::Side;
use bossnas_model::weights::{Cut, SharedWeights};
use bossnas_report::Failure;
use bossnas_zoo::embedded;
use bossnas_zoo::run_folder::of_side;
use bossnas_zoo::validate::Network;
use bossnas_zoo::verify::check_size;

use super::context::Context;
use super::searched;
use super::size::Size;
use super::stored::Stored;

/// A file of ours, what it says, and what of it holds.
pub(crate) struct Claimed {
    pub(crate) claims: Claims,
    /// What is not as the architecture and the weights say; none if every node, name, shape and tensor is.
    pub(crate) defects: Vec<Defect>,
    /// What it should compute; `None` where neither the weights that it was made from nor its own are to be had.
    pub(crate) network: Option<Network>,
    /// Where the weights of the reference are from.
    pub(crate) weights: String,
}

impl Claimed {
    /// What the file at `path` claims, and the weights to hold it to; `None` for a file of others.
    pub(crate) fn read(path: &Path, checkpoint: Option<&Path>, context: &Context) -> anyhow::Result<Option<Self>> {
        let claims = match Claims::of_file(path) {
            Ok(claims) => claims,
            Err(OnnxError::Foreign { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let graph = claims.metadata.architecture.graph()?;
        let found = source(&claims, &graph, checkpoint, context)?;
        let (own, defects) = match OnnxModel::open(path) {
            Ok(model) => (Some((model.graph, model.weights)), Vec::new()),
            Err(OnnxError::Differs { problem, .. }) => {
                let all = found.as_ref().map(|(weights, _)| defects(path, weights)).transpose()?.unwrap_or_default();
                // Without the weights it was made from there is one sentence.
                let one = || vec![Defect { value: String::new(), problem: problem.clone() }];
                (None, if all.is_empty() { one() } else { all })
            }
            Err(error) => return Err(error.into()),
        };
        let (network, weights) = match (found, own) {
            (Some((weights, origin)), _) => {
                let weights: SharedWeights = Arc::new(Cut::new(weights, &graph));
                let (written, written_weights) = pass::apply(&claims.metadata.passes, &graph, weights.clone());
                (Some(Network { graph, weights, written, written_weights }), origin)
            }
            // Its own weights prove that runtimes agree with its network, not that these are the right weights.
            (None, Some((graph, weights))) => {
                let (written, written_weights) = (graph.clone(), weights.clone());
                let network = Network { graph, weights, written, written_weights };
                (Some(network), "its own: what it was made from is not here".to_owned())
            }
            (None, None) => (None, "none: what it was made from is not here".to_owned()),
        };
        Ok(Some(Self { claims, defects, network, weights }))
    }

    /// A size that was asked for must be the file's own.
    pub(crate) fn check_asked(&self, asked: Size, name: &str) -> Result<(), Failure> {
        let [height, width] = self.claims.options.size;
        let own = Size { height, width };
        if own == asked { Ok(()) } else { Err(Failure::usage(format!("`{name}` takes images of {own}, not {asked}"))) }
    }

    /// Whether the reference takes a bearable amount of memory.
    pub(crate) fn check_size(&self) -> Result<(), Failure> {
        let Some(network) = &self.network else { return Ok(()) };
        let options = self.claims.options;
        check_size(&network.graph, options.batch, options.size).map_err(|error| {
            Failure::failed(error.to_string()).hint("--against tract,ort-cpu does without the reference")
        })
    }

    /// Whether the branches of the network are closed by their last factors.
    pub(crate) fn is_untrained(&self) -> bool {
        matches!(self.claims.metadata.source, Source::Untrained { .. })
    }
}

/// The weights that a file was made from, and where they are.
fn source(
    claims: &Claims,
    graph: &Graph,
    given: Option<&Path>,
    context: &Context,
) -> anyhow::Result<Option<(SharedWeights, String)>> {
    match (given, &claims.metadata.source) {
        (Some(path), &Source::Supernet(side)) => {
            let weights = of_search(path, side, graph)?;
            let made_from = weights_digest(&*weights)? == claims.weights_digest;
            let note = if made_from { "which it was made from" } else { "which it was not made from" };
            Ok(Some((weights, format!("{} side of `{}`, {note}", side.as_str(), path.display()))))
        }
        (Some(path), source) => {
            let (weights, name) = of_checkpoint(path, source, graph)?;
            let made_from = weights_digest(&*weights)? == claims.weights_digest;
            let note = if made_from { "which it was made from" } else { "which it was not made from" };
            Ok(Some((weights, format!("state dict {name} of `{}`, {note}", path.display()))))
        }
        (None, &Source::Untrained { seed }) => {
            Ok(Some((Arc::new(Initial::new(graph, seed)), format!("drawn from seed {seed} again"))))
        }
        (None, Source::StateDict(name)) => fetched(claims, name, graph, context),
        // Nothing says where the search is that it was made of.
        (None, Source::Supernet(_)) => Ok(None),
    }
}

fn of_checkpoint(path: &Path, source: &Source, graph: &Graph) -> anyhow::Result<(SharedWeights, &'static str)> {
    among(&Checkpoint::open(path)?, source, graph)
}

/// The state dict of a checkpoint that a source names, else the one that it prefers.
fn among(checkpoint: &Checkpoint, source: &Source, graph: &Graph) -> anyhow::Result<(SharedWeights, &'static str)> {
    let path = checkpoint.path();
    let named = checkpoint.state_dicts().iter().copied().find(|name| match source {
        Source::StateDict(source) => name.name() == source,
        Source::Untrained { .. } | Source::Supernet(_) => false,
    });
    let weights = match named {
        Some(name) => checkpoint.named_state_dict(name)?,
        None => checkpoint.state_dict(Choice::Auto)?,
    };
    check(graph.params(), &weights).map_err(|mismatch| {
        Failure::failed(format!("`{}` does not fit the network of the file: {mismatch}", path.display()))
    })?;
    let name = weights.name().name();
    Ok((Arc::new(weights), name))
}

/// One side of the supernet in a run folder, or in a checkpoint of a search.
fn of_search(path: &Path, side: Side, graph: &Graph) -> anyhow::Result<SharedWeights> {
    if path.is_dir() {
        return Ok(searched::open(path)?.weights(side, graph).map_err(searched::explain)?);
    }
    let all = Checkpoint::open(path)?.state_dict(Choice::Auto)?;
    let weights = of_side(Arc::new(all), side, graph);
    check(graph.params(), &Cut::new(weights.clone(), graph)).map_err(|mismatch| {
        Failure::failed(format!("`{}` does not fit the network of the file: {mismatch}", path.display()))
    })?;
    Ok(weights)
}

/// The weights in the cache or in the program, if they are those that the file was made from.
fn fetched(
    claims: &Claims,
    state_dict: &str,
    graph: &Graph,
    context: &Context,
) -> anyhow::Result<Option<(SharedWeights, String)>> {
    let Some(name) = &claims.metadata.model else { return Ok(None) };
    let registry = context.registry()?;
    let Some(model) = registry.find(name) else { return Ok(None) };
    if let Some(embedded) = model.embedded() {
        let (weights, _) = among(&embedded::checkpoint(embedded)?, &claims.metadata.source, graph)?;
        let same = weights_digest(&*weights)? == claims.weights_digest;
        return Ok(same.then(|| (weights, format!("state dict {state_dict} of {name}, part of the program"))));
    }
    let Some(stored) = Stored::of_model(model)? else { return Ok(None) };
    let choice = match state_dict {
        "model_ema" => Choice::ModelEma,
        "model" => Choice::Model,
        _ => Choice::Auto,
    };
    let Ok(path) = stored.weights(choice) else { return Ok(None) };
    let (weights, _) = of_checkpoint(&path, &claims.metadata.source, graph)?;
    let same = weights_digest(&*weights)? == claims.weights_digest;
    Ok(same.then(|| (weights, format!("state dict {state_dict} of {name} in the cache"))))
}
