//! What a MODEL on the command line is to the trainer: a network to train, or weights to judge.

use std::path::{Path, PathBuf};

use bossnas_converter::checkpoint::{Checkpoint, Notes, Recognised, recognise};
use bossnas_files::{ReadError, SourceFile};
use bossnas_hub::cache::{Cache, Fetched};
use bossnas_hub::{Model, Registry, ResolveError, Resolved, resolve};
use bossnas_model::arch::{ArchFile, Architecture, BossNet};
use bossnas_report::{Console, Failure};

/// Larger files are no `arch.json`.
const MAX_JSON: u64 = 1 << 20;

/// A network to train.
pub(super) struct Network {
    pub(super) network: BossNet,
    /// Whether somebody said how many classes it has.
    pub(super) has_classes: bool,
}

/// The published models and data sets.
pub(super) fn registry() -> anyhow::Result<Registry> {
    Ok(Registry::built_in()?)
}

/// The network that a MODEL, an `arch.json` or the folder of a run stands for. A path of a search becomes the network that is
/// retrained after it.
pub(super) fn to_train(text: &str, console: Console) -> anyhow::Result<Network> {
    let registry = registry()?;
    match find(&registry, text)? {
        Resolved::Registered(model) => to_bossnet(model.arch.clone(), false, console),
        Resolved::Architecture(arch) => to_bossnet(arch, text.contains("classes="), console),
        Resolved::Run(run) => {
            let file = run.join("arch.json");
            if !file.is_file() {
                let message = format!("`{}` has not found an architecture yet", run.display());
                return Err(Failure::failed(message)
                    .hint("a search writes arch.json when all stages are decided")
                    .into());
            }
            let arch = arch_file(&file)?;
            to_bossnet(arch, false, console)
        }
        Resolved::File(file) if is_json(&file)? => {
            let arch = arch_file(&file)?;
            // A BossNet's text has its classes, or 1000.
            let has_classes = arch.to_string().contains("classes=");
            to_bossnet(arch, has_classes, console)
        }
        Resolved::File(file) => {
            let known = of_weights(&registry, &file, &Checkpoint::open(&file)?)?;
            Ok(Network { network: known.network, has_classes: false })
        }
    }
}

fn to_bossnet(arch: Architecture, has_classes: bool, console: Console) -> anyhow::Result<Network> {
    match arch {
        Architecture::BossNet(network) => Ok(Network { network, has_classes }),
        Architecture::Search(path) => {
            let Some(network) = path.to_bossnet() else {
                let message = format!("{path} has no network to train: only HyTra paths are retrained");
                return Err(Failure::usage(message).hint("`bossnas-zoo arch` tells what a text means").into());
            };
            console.note(format_args!(
                "{path} is retrained as {network}; `bossnas-zoo arch {path} --to bossnet --with silu,se` gives it what BossNet-T0 has"
            ));
            Ok(Network { network, has_classes: false })
        }
    }
}

fn find<'r>(registry: &'r Registry, text: &str) -> Result<Resolved<'r>, Failure> {
    resolve(registry, text).map_err(|error| {
        let near = match &error {
            ResolveError::Architecture { near, .. } | ResolveError::Unknown { near, .. } => near.join(" or "),
            ResolveError::NoSuchFile(_) | ResolveError::NotAFile(_) => String::new(),
        };
        let failure = match &error {
            ResolveError::NoSuchFile(_) | ResolveError::NotAFile(_) => Failure::failed(error.to_string()),
            ResolveError::Architecture { .. } | ResolveError::Unknown { .. } => Failure::usage(error.to_string()),
        };
        if near.is_empty() {
            return failure
                .hint("a MODEL is a file, the folder of a run, a name such as BossNet-T0, or an architecture");
        }
        failure.hint(format!("did you mean {near}?"))
    })
}

fn is_json(path: &Path) -> Result<bool, ReadError> {
    let start = SourceFile::open(path)?.read_up_to(0, 64)?;
    Ok(start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'))
}

fn arch_file(path: &Path) -> anyhow::Result<Architecture> {
    let bytes = SourceFile::open(path)?.read_up_to(0, MAX_JSON)?;
    let read = ArchFile::from_json(&String::from_utf8_lossy(&bytes));
    Ok(read.map_err(|error| Failure::failed(format!("`{}`: {error}", path.display())))?.arch)
}

/// What weights are of.
pub(super) struct Known {
    pub(super) network: BossNet,
    /// What the file notes beside them.
    pub(super) notes: Notes,
    /// The model of the registry that they are of, by its network.
    pub(super) model: Option<String>,
    /// What was assumed, since weights do not tell it.
    pub(super) assumed: Vec<String>,
}

/// The network that a file's weights are of, if they leave no doubt.
pub(super) fn of_weights(registry: &Registry, path: &Path, checkpoint: &Checkpoint) -> anyhow::Result<Known> {
    let notes = Notes::read(checkpoint);
    let weights = checkpoint.state_dict(bossnas_converter::checkpoint::Choice::Auto)?;
    if let Some(Architecture::BossNet(network)) = notes.network(&weights) {
        return Ok(Known { network, notes, model: None, assumed: Vec::new() });
    }
    let Recognised { candidates, no_trace } = recognise(&weights)
        .map_err(|error| Failure::failed(format!("cannot tell the network of `{}`: {error}", path.display())))?;
    let of = |net: &BossNet| {
        let is = |model: &&Model| model.arch == Architecture::BossNet(net.clone());
        registry.models().iter().find(is)
    };
    let known: Vec<&Model> = candidates.iter().filter_map(of).collect();
    let assumed = no_trace.iter().map(ToString::to_string).collect();
    match (known.as_slice(), candidates.as_slice()) {
        (&[model], _) => {
            let network = candidates.iter().find(|net| model.arch == Architecture::BossNet((*net).clone()));
            let network = network.cloned().unwrap_or_else(|| candidates[0].clone());
            Ok(Known { network, notes, model: Some(model.name.clone()), assumed })
        }
        ([], [network]) => Ok(Known { network: network.clone(), notes, model: None, assumed }),
        _ => {
            let names: Vec<String> = if known.is_empty() {
                candidates.iter().map(ToString::to_string).collect()
            } else {
                known.iter().map(|model| model.name.clone()).collect()
            };
            let message = format!("the weights in `{}` fit {}", path.display(), names.join(" and "));
            let reasons: Vec<String> = assumed;
            Err(Failure::usage(message).detail(reasons.join("\n")).hint("--arch says which it is").into())
        }
    }
}

/// A state dict that is a file, or a part of the program.
pub(super) struct Stored {
    /// What the state dict is called.
    pub(super) name: String,
    /// Where it is, for people where it is part of the program.
    pub(super) path: PathBuf,
    /// Its weights.
    pub(super) checkpoint: Checkpoint,
}

impl Stored {
    /// A state dict in a file.
    pub(super) fn open(name: String, path: PathBuf) -> anyhow::Result<Self> {
        Ok(Self { checkpoint: Checkpoint::open(&path)?, name, path })
    }
}

/// The state dicts of a model that was fetched, or is part of the program.
pub(super) fn stored(model: &Model) -> anyhow::Result<Vec<Stored>> {
    if let Some(checkpoint) = model.checkpoint() {
        return fetched(model, checkpoint)?.into_iter().map(|(name, path)| Stored::open(name, path)).collect();
    }
    let Some(embedded) = model.embedded() else { return Ok(Vec::new()) };
    let path = PathBuf::from(format!("{}.safetensors", embedded.name));
    let source = SourceFile::from_bytes(path.display().to_string(), embedded.safetensors()?);
    Ok(vec![Stored { name: "model".to_owned(), path, checkpoint: Checkpoint::from_source(source)? }])
}

/// The files with the state dicts of a model that was fetched, by name.
fn fetched(model: &Model, checkpoint: &bossnas_hub::Checkpoint) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let cache = Cache::of_user()?;
    let fetched: Option<Fetched> = cache.fetched_checkpoint(&cache.lock()?, checkpoint);
    let fetched = fetched.ok_or_else(|| {
        Failure::failed(format!("the weights of `{}` were not fetched", model.name))
            .hint(format!("`bossnas-zoo fetch {}` brings them", model.name))
    })?;
    Ok(fetched.state_dicts.into_iter().map(|file| (file.name, file.path)).collect())
}

/// The file of weights that a text stands for: a file, the best weights of a run, or those of a model that was fetched.
pub(super) fn weights(text: &str) -> anyhow::Result<PathBuf> {
    let registry = registry()?;
    match find(&registry, text)? {
        Resolved::File(path) => Ok(path),
        Resolved::Registered(model) => {
            let Some(checkpoint) = model.checkpoint() else {
                let message = format!("the weights of `{}` are part of the program", model.name);
                let hint = format!("`bossnas-zoo export {} --safetensors` writes them to a file", model.name);
                return Err(Failure::usage(message).hint(hint).into());
            };
            let first = fetched(model, checkpoint)?.into_iter().next();
            first.map(|(_, path)| path).ok_or_else(|| Failure::failed(format!("`{text}` has no weights")).into())
        }
        Resolved::Run(_) | Resolved::Architecture(_) => {
            let message = format!("`{text}` has no weights to begin with");
            Err(Failure::usage(message).hint("--finetune takes a checkpoint: .pth, .pt or .safetensors").into())
        }
    }
}
