//! The network that a MODEL stands for: its architecture, its size, and, for a checkpoint, its weights.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bossnas_converter::checkpoint::{Checkpoint, Choice, Mismatch, Recognised, StateDict, check, recognise};
use bossnas_files::SourceFile;
use bossnas_hub::{Model, Registry, Resolved};
use bossnas_model::arch::{ArchFile, Architecture, BossNet};
use bossnas_report::Failure;

use super::model;
use super::size::Size;

/// Height and width of an input unless something else is known.
const DEFAULT_SIZE: Size = Size::square(224);
/// Largest `arch.json`.
const MAX_ARCH_FILE: u64 = 16 << 20;

/// A network and what is known of it beside its architecture.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Its name in the registry.
    pub(crate) name: Option<String>,
    /// What it is.
    pub(crate) net: BossNet,
    /// The size it was published for, or the default.
    pub(crate) size: Size,
    /// What is known of its licence.
    pub(crate) licence: Option<String>,
    /// The checkpoint that MODEL is, if it is one.
    pub(crate) checkpoint: Option<PathBuf>,
}

impl Subject {
    /// Finds out what the MODEL `text` stands for.
    pub(crate) fn find(registry: &Registry, text: &str, choice: Choice) -> anyhow::Result<Self> {
        match model::find(registry, text)? {
            Resolved::Registered(model) => Self::of_model(model),
            Resolved::Architecture(arch) => Self::of_architecture(arch),
            Resolved::File(path) if is_json(&path)? => {
                let file = SourceFile::open(&path)?;
                if file.len() > MAX_ARCH_FILE {
                    return Err(Failure::failed(format!("`{}` is too large for an arch.json", path.display())).into());
                }
                let json = String::from_utf8(file.read_at(0, file.len())?)
                    .with_context(|| format!("`{}` is no text", path.display()))?;
                let arch =
                    ArchFile::from_json(&json).with_context(|| format!("cannot read `{}`", path.display()))?.arch;
                Self::of_architecture(arch)
            }
            Resolved::File(path) => Self::of_checkpoint(registry, &path, choice),
        }
    }

    fn of_model(model: &Model) -> anyhow::Result<Self> {
        let mut subject = Self::of_architecture(model.arch.clone())?;
        subject.name = Some(model.name.clone());
        subject.size = Size::square(model.size);
        subject.licence = Some(model.checkpoint.licence.clone());
        Ok(subject)
    }

    fn of_architecture(arch: Architecture) -> anyhow::Result<Self> {
        match arch {
            Architecture::BossNet(net) => {
                Ok(Self { name: None, net, size: DEFAULT_SIZE, licence: None, checkpoint: None })
            }
            Architecture::Search(path) => {
                let failure = Failure::usage(format!("`{path}` is a path through a supernet, not a network by itself"));
                Err(match path.to_bossnet() {
                    Some(_) => failure
                        .hint(format!("`bossnas-zoo arch {path} --to bossnet` prints the network that it becomes")),
                    None => failure,
                }
                .into())
            }
        }
    }

    /// The network that a loose checkpoint holds, if its weights leave no doubt.
    pub(crate) fn of_checkpoint(registry: &Registry, path: &Path, choice: Choice) -> anyhow::Result<Self> {
        let weights = Checkpoint::open(path)?.state_dict(choice)?;
        let Recognised { candidates, no_trace } =
            recognise(&weights).with_context(|| format!("cannot tell the network of `{}`", path.display()))?;
        if let [net] = candidates.as_slice() {
            let subject = Self::of_architecture(Architecture::BossNet(net.clone()))?;
            return Ok(Self { checkpoint: Some(path.to_owned()), ..subject });
        }
        let named: Vec<String> = candidates.iter().flat_map(|net| names(registry, net)).collect();
        let reasons: Vec<String> = no_trace.iter().map(ToString::to_string).collect();
        let first = named.first().map_or("MODEL", String::as_str);
        let failure = Failure::usage(format!("the weights in `{}` fit {}", path.display(), named.join(" and ")))
            .detail(reasons.join("\n"))
            .hint(format!("say which it is: `{first} --checkpoint {}`", path.display()));
        Err(failure.into())
    }

    /// What files of this network are called: the name without its size, or the architecture, in file-name letters.
    pub(crate) fn slug(&self) -> String {
        let text = match &self.name {
            Some(name) => name.split('@').next().unwrap_or(name).to_lowercase(),
            // An empty stage is `-`, which separates here.
            None => self.net.to_string().replace('-', "e"),
        };
        let letters = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        letters.collect::<String>().split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }

    /// The weights for this network in the checkpoint at `path`, if they fit it.
    pub(crate) fn weights(&self, path: &Path, choice: Choice) -> anyhow::Result<StateDict> {
        let weights = Checkpoint::open(path)?.state_dict(choice)?;
        check(self.net.graph().params(), &weights).map_err(|mismatch| {
            let failure = Failure::failed(format!("`{}` is not for {}: {mismatch}", path.display(), self.title()))
                .detail(differences(&mismatch));
            match recognise(&weights) {
                Ok(found) => {
                    let fitting: Vec<String> = found.candidates.iter().map(ToString::to_string).collect();
                    failure.hint(format!("its weights fit {}", fitting.join(" and ")))
                }
                Err(_) => failure.hint(format!("`bossnas-zoo inspect {}` shows what is in it", path.display())),
            }
        })?;
        Ok(weights)
    }

    /// The name, or the architecture.
    pub(crate) fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.net.to_string())
    }
}

/// Every difference, a line each.
fn differences(mismatch: &Mismatch) -> String {
    let Mismatch { missing, unexpected, shapes, types } = mismatch;
    let missing = missing.iter().map(|name| format!("missing     {name}"));
    let unexpected = unexpected.iter().map(|name| format!("unexpected  {name}"));
    let shapes = shapes.iter().map(|d| format!("shape       {}: {:?}, needs {:?}", d.name, d.found, d.needed));
    let types = types.iter().map(|(name, dtype)| format!("type        {name}: {dtype}"));
    missing.chain(unexpected).chain(shapes).chain(types).collect::<Vec<_>>().join("\n")
}

/// The registered names of a network at its smallest size, or its architecture.
fn names(registry: &Registry, net: &BossNet) -> Vec<String> {
    let of_net = registry.models().iter().filter(|model| model.arch == Architecture::BossNet(net.clone()));
    let named: Vec<String> = of_net.filter(|model| !model.name.contains('@')).map(|model| model.name.clone()).collect();
    if named.is_empty() { vec![net.to_string()] } else { named }
}

/// Whether a file is JSON text by its first letter.
fn is_json(path: &Path) -> anyhow::Result<bool> {
    let file = SourceFile::open(path)?;
    let start = file.read_up_to(0, 64)?;
    Ok(start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'))
}
