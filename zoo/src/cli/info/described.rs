//! What `info` was asked about: a network, and what else is known of it.

use std::path::Path;

use bossnas_converter::checkpoint::{Checkpoint, Choice, Notes, Recognised, StateDict, recognise};
use bossnas_converter::onnx::OnnxModel;
use bossnas_hub::{Model, Registry, Resolved};
use bossnas_model::arch::Architecture;
use bossnas_report::{Console, Failure};
use serde::Serialize;

use crate::cli::file_kind::FileKind;
use crate::cli::size::Size;
use crate::cli::stored::{Stored, StoredReport};
use crate::cli::{arch, list, model, searched};

/// A network and where it comes from.
#[derive(Serialize)]
pub(super) struct Described {
    #[serde(skip)]
    pub(super) name: String,
    #[serde(skip)]
    pub(super) net: Architecture,
    #[serde(skip)]
    pub(super) size: Size,
    #[serde(flatten)]
    origin: Origin,
}

/// What is known beside the architecture.
#[derive(Serialize)]
#[serde(untagged)]
enum Origin {
    Architecture {},
    Registered {
        aliases: Vec<String>,
        published: Option<list::Published>,
        checkpoint: Option<list::Checkpoint>,
        embedded: Option<Box<list::Embedded>>,
        classes: Option<Vec<String>>,
        fetched: Option<Box<StoredReport>>,
        #[serde(skip)]
        fetched_line: String,
    },
    Checkpoint {
        weights: Weights,
    },
    Onnx {
        onnx: Onnx,
    },
}

#[derive(Serialize)]
struct Weights {
    file: String,
    kind: &'static str,
    state_dict: &'static str,
    state_dicts: Vec<&'static str>,
    /// All networks that the weights fit, the likeliest first.
    candidates: Vec<String>,
    /// Models of the registry among them.
    models: Vec<String>,
    undecided: Vec<String>,
}

#[derive(Serialize)]
struct Onnx {
    file: String,
    opset: u8,
    /// `None` where any number of images may come at once.
    batch: Option<usize>,
    model: Option<String>,
    passes: Vec<&'static str>,
    nodes: usize,
    weights: String,
    weights_sha256: String,
}

impl Described {
    /// The network that `text` means.
    pub(super) fn find(text: &str, registry: &Registry, console: Console) -> anyhow::Result<Self> {
        match model::find(registry, text)? {
            Resolved::Architecture(arch) => Ok(Self::of_architecture(arch.to_string(), arch)),
            Resolved::Registered(model) => Self::of_model(model),
            Resolved::Run(path) => {
                let run = searched::open(&path)?;
                let size = Size::square(run.checkpoint.image_size);
                Ok(Self { size, ..Self::of_architecture(text.to_owned(), searched::found(&run)?.into()) })
            }
            Resolved::File(path) => match FileKind::of(&path)? {
                FileKind::ArchJson => Ok(Self::of_architecture(text.to_owned(), arch::read(&path)?.arch)),
                FileKind::Onnx => Self::of_onnx(&path),
                FileKind::Checkpoint => Self::of_checkpoint(&path, registry, console),
            },
        }
    }

    fn of_architecture(name: String, net: Architecture) -> Self {
        Self { name, size: Size::of(&net), net, origin: Origin::Architecture {} }
    }

    fn of_model(model: &Model) -> anyhow::Result<Self> {
        let stored = Stored::of_model(model)?;
        Ok(Self {
            name: model.name.clone(),
            net: model.arch.clone(),
            size: Size::square(model.size),
            origin: Origin::Registered {
                aliases: model.aliases.clone(),
                published: list::Published::of(model),
                checkpoint: list::Checkpoint::of(model),
                embedded: list::Embedded::of(model).map(Box::new),
                classes: model.classes.clone(),
                fetched_line: stored.as_ref().map_or_else(
                    || {
                        format!(
                            "no: `bossnas-zoo fetch {}` brings its weights, until then they are untrained",
                            model.name
                        )
                    },
                    Stored::line,
                ),
                fetched: stored.map(|stored| Box::new(stored.report())),
            },
        })
    }

    fn of_onnx(path: &Path) -> anyhow::Result<Self> {
        let model = OnnxModel::open(path)?;
        let [height, width] = model.options.size;
        let onnx = Onnx {
            file: path.display().to_string(),
            opset: model.options.opset,
            batch: model.options.batch.fixed(),
            model: model.metadata.model.clone(),
            passes: model.metadata.passes.iter().map(|pass| pass.name()).collect(),
            nodes: model.graph.nodes().len(),
            weights: model.metadata.source.to_string(),
            weights_sha256: model.weights_digest.to_string(),
        };
        Ok(Self {
            name: path.display().to_string(),
            net: model.metadata.architecture,
            size: Size { height, width },
            origin: Origin::Onnx { onnx },
        })
    }

    fn of_checkpoint(path: &Path, registry: &Registry, console: Console) -> anyhow::Result<Self> {
        let checkpoint = Checkpoint::open(path)?;
        let state_dict = checkpoint.state_dict(Choice::Auto)?;
        let (nets, undecided) = match Notes::read(&checkpoint).network(&state_dict) {
            Some(net) => (vec![net], Vec::new()),
            None => guesses(path, &state_dict)?,
        };
        for line in &undecided {
            console.note(line);
        }
        let models = model::names_of(registry, &nets);
        let candidates: Vec<String> = nets.iter().map(ToString::to_string).collect();
        let net = nets.into_iter().next();
        let net = net.ok_or_else(|| Failure::failed(format!("`{}` fits no network", path.display())))?;
        if candidates.len() > 1 {
            console.note(format_args!("shown as {net}"));
        }
        let weights = Weights {
            file: path.display().to_string(),
            kind: checkpoint.kind().name(),
            state_dict: state_dict.name().name(),
            state_dicts: checkpoint.state_dicts().iter().map(|name| name.name()).collect(),
            candidates,
            models,
            undecided,
        };
        let origin = Origin::Checkpoint { weights };
        Ok(Self { name: path.display().to_string(), size: Size::of(&net), net, origin })
    }

    /// What the summary says about the origin.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        match &self.origin {
            Origin::Architecture {} => Vec::new(),
            Origin::Registered { aliases, published, checkpoint, embedded, classes, fetched_line, .. } => {
                let aliases = (!aliases.is_empty()).then(|| ("aliases", aliases.join(", ")));
                let classes = classes.as_ref().map(|classes| ("classes", classes.join(", ")));
                let published = published.as_ref().map(|published| ("published", published.to_string()));
                let embedded = embedded.iter().flat_map(|embedded| embedded.lines());
                let fetched = checkpoint.iter().flat_map(|checkpoint| {
                    let address = format!("{} (licence: {})", checkpoint.url, checkpoint.licence);
                    [("checkpoint", address), ("fetched", fetched_line.clone())]
                });
                let known = aliases.into_iter().chain(classes).chain(published);
                known.chain(embedded).chain(fetched).collect()
            }
            Origin::Checkpoint { weights } => {
                let fits = if weights.models.is_empty() { &weights.candidates } else { &weights.models };
                vec![
                    ("file", weights.kind.to_owned()),
                    ("state dict", format!("{} (of {})", weights.state_dict, weights.state_dicts.join(", "))),
                    ("fits", fits.join(", ")),
                ]
            }
            Origin::Onnx { onnx } => {
                let batch = onnx.batch.map_or_else(|| "any".to_owned(), |batch| batch.to_string());
                let model = onnx.model.clone().map(|model| ("model", model));
                let file = format!("ONNX, opset {}, batch {batch}, {} nodes of ours", onnx.opset, onnx.nodes);
                let rest = [
                    ("file", file),
                    ("passes", onnx.passes.join(", ")),
                    ("weights", onnx.weights.clone()),
                    ("sha256", format!("{} (of the weights)", onnx.weights_sha256)),
                ];
                model.into_iter().chain(rest).collect()
            }
        }
    }
}

/// The networks that weights fit, the likeliest first, and what they leave open.
fn guesses(path: &Path, state_dict: &StateDict) -> anyhow::Result<(Vec<Architecture>, Vec<String>)> {
    let Recognised { candidates, no_trace } = recognise(state_dict).map_err(|error| {
        Failure::failed(format!("`{}`: {error}", path.display())).hint("`bossnas-zoo inspect` lists what is in it")
    })?;
    let nets = candidates.into_iter().map(Architecture::BossNet).collect();
    Ok((nets, no_trace.iter().map(ToString::to_string).collect()))
}
