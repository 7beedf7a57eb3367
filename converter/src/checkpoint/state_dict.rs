//! A state dict in a file: a map from name to tensor of which nothing is read before it is asked for.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use bossnas_files::SourceFile;
use bossnas_model::weights::{Problem as WeightsProblem, TensorInfo, Weights, WeightsError};
use bossnas_pickle::{Id, Tree, Value, shown};

use super::container::{Container, Place};
use super::error::{CheckpointError, Problem};
use super::tensor::{Layout, MAX_EXPANDED_TOTAL, TensorError};
use super::torch;

/// The places where files keep a state dict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateDictName {
    /// The averaged weights of a training checkpoint, under `model_ema`.
    ModelEma,
    /// The trained weights of a training checkpoint, under `model`.
    Model,
    /// Under `state_dict`, as other training programs have it.
    StateDict,
    /// The file is the state dict.
    Plain,
}

impl StateDictName {
    /// How it is called in output: the key, or `plain`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ModelEma => "model_ema",
            Self::Model => "model",
            Self::StateDict => "state_dict",
            Self::Plain => "plain",
        }
    }

    /// Those that are keys, the preferred first.
    const KEYS: [Self; 3] = [Self::ModelEma, Self::Model, Self::StateDict];
}

impl fmt::Display for StateDictName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which state dict is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// `model_ema` where there is one, else `model`, else what there is.
    #[default]
    Auto,
    /// `model_ema` or nothing.
    ModelEma,
    /// `model`; in a file that has no such key, `state_dict` or the whole.
    Model,
}

impl Choice {
    pub(super) fn among(self, there: &[StateDictName]) -> Result<StateDictName, Problem> {
        let wanted: &[StateDictName] = match self {
            Self::Auto => {
                &[StateDictName::ModelEma, StateDictName::Model, StateDictName::StateDict, StateDictName::Plain]
            }
            Self::ModelEma => &[StateDictName::ModelEma],
            Self::Model => &[StateDictName::Model, StateDictName::StateDict, StateDictName::Plain],
        };
        let found = wanted.iter().copied().find(|name| there.contains(name));
        found.ok_or_else(|| Problem::NotThere { wanted: wanted[0].name(), there: there.to_vec() })
    }
}

/// The state dicts of a pickle, and where they are in it.
pub(super) fn find(tree: &Tree) -> Result<Vec<(StateDictName, Id)>, Problem> {
    const SHOWN: usize = 8;
    let root = tree.root();
    let Some(entries) = torch::dict(tree, root) else {
        return Err(Problem::NoStateDict(format!("it holds {}, not a dictionary", what(tree, root))));
    };
    let under = |key: &str| entries.iter().rev().find(|(k, _)| tree.str(*k) == Some(key)).map(|&(_, value)| value);
    let named = StateDictName::KEYS.into_iter().filter_map(|name| {
        let value = under(name.name())?;
        torch::dict(tree, value).map(|_| (name, value))
    });
    let found: Vec<_> = named.collect();
    if !found.is_empty() {
        return Ok(found);
    }
    if entries.iter().any(|&(_, value)| torch::is_tensor(tree, value)) {
        return Ok(vec![(StateDictName::Plain, root)]);
    }
    let keys: Vec<String> =
        entries.iter().take(SHOWN).map(|&(key, _)| tree.str(key).map_or("?".to_owned(), shown)).collect();
    let more = if entries.len() > SHOWN { ", ..." } else { "" };
    let held = if keys.is_empty() {
        "it is an empty dictionary".to_owned()
    } else {
        format!("it has {}{more}", keys.join(", "))
    };
    Err(Problem::NoStateDict(held))
}

fn what(tree: &Tree, id: Id) -> String {
    match tree.get(id) {
        Value::None => "nothing".to_owned(),
        Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) => "a number".to_owned(),
        Value::Str(_) | Value::Bytes(_) => "a text".to_owned(),
        Value::Tuple(_) | Value::List(_) | Value::Set(_) => "a list".to_owned(),
        Value::Dict(_) => "a dictionary".to_owned(),
        Value::Global(global) => format!("the name `{global}`"),
        Value::Call(_) if torch::is_tensor(tree, id) => "one tensor".to_owned(),
        Value::Call(_) => "an object".to_owned(),
        Value::Persistent(_) => "a storage".to_owned(),
    }
}

/// A tensor of a file, which was shown to have its bytes there.
#[derive(Debug)]
pub(super) struct Tensor {
    name: String,
    info: TensorInfo,
    layout: Layout,
    place: Place,
}

/// A state dict of a checkpoint that is open. Tensors come in the order of the file, under their names without
/// `module.`, the prefix that data-parallel training leaves; they are read when [`Weights::bytes`] is called.
#[derive(Debug)]
pub struct StateDict {
    file: Arc<SourceFile>,
    container: Arc<Container>,
    which: StateDictName,
    tensors: Vec<Tensor>,
    by_name: HashMap<String, usize>,
    stripped: bool,
}

impl StateDict {
    /// Which one it is.
    pub const fn name(&self) -> StateDictName {
        self.which
    }

    /// Whether all names had the prefix `module.` in the file.
    pub const fn had_module_prefix(&self) -> bool {
        self.stripped
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Resolves every tensor of the dictionary at `id`, without reading one.
    pub(super) fn of_tree(
        file: &Arc<SourceFile>,
        container: &Arc<Container>,
        tree: &Tree,
        which: StateDictName,
        id: Id,
    ) -> Result<Self, Problem> {
        let entries = torch::dict(tree, id).unwrap_or_default();
        let mut named = Vec::with_capacity(entries.len());
        let mut seen = HashSet::with_capacity(entries.len());
        for &(key, value) in entries {
            let name = tree.str(key).ok_or(Problem::Key(which))?;
            if !seen.insert(name) {
                return Err(Problem::Twice { dict: which, key: shown(name) });
            }
            named.push((name, value));
        }
        let mut tensors = Vec::with_capacity(named.len());
        for (name, value) in named {
            let wrong = |error| Problem::Tensor { name: shown(name), error };
            tensors.push(resolve(container, tree, name, value).map_err(wrong)?);
        }
        Self::of_tensors(file, container, which, tensors)
    }

    /// Resolved tensors. Views that repeat their storages are refused where they would fill the disk.
    pub(super) fn of_tensors(
        file: &Arc<SourceFile>,
        container: &Arc<Container>,
        which: StateDictName,
        tensors: Vec<Tensor>,
    ) -> Result<Self, Problem> {
        let repeats =
            |tensor: &&Tensor| tensor.layout.elements() as u64 > tensor.place.len() / tensor.info.dtype.size() as u64;
        let expanded: u128 = tensors.iter().filter(repeats).map(|tensor| tensor.layout.elements() as u128).sum();
        if expanded > MAX_EXPANDED_TOTAL as u128 {
            return Err(Problem::Expansion { elements: expanded, limit: MAX_EXPANDED_TOTAL });
        }
        Ok(Self::new(file, container, which, tensors))
    }

    /// All tensors of a safetensors file.
    pub(super) fn of_safetensors(
        file: &Arc<SourceFile>,
        container: &Arc<Container>,
        header: &super::safetensors::Safetensors,
    ) -> Self {
        let tensors = header.tensors.iter().map(|tensor| Tensor {
            name: tensor.name.clone(),
            info: tensor.info.clone(),
            layout: Layout::contiguous(tensor.info.shape.clone()),
            place: Place::File { at: tensor.at, len: tensor.len },
        });
        Self::new(file, container, StateDictName::Plain, tensors.collect())
    }

    fn new(file: &Arc<SourceFile>, container: &Arc<Container>, which: StateDictName, mut tensors: Vec<Tensor>) -> Self {
        const PREFIX: &str = "module.";
        let stripped = !tensors.is_empty() && tensors.iter().all(|tensor| tensor.name.starts_with(PREFIX));
        if stripped {
            for tensor in &mut tensors {
                tensor.name.drain(..PREFIX.len());
            }
        }
        let by_name = tensors.iter().enumerate().map(|(index, tensor)| (tensor.name.clone(), index)).collect();
        Self { file: Arc::clone(file), container: Arc::clone(container), which, tensors, by_name, stripped }
    }

    fn read(&self, tensor: &Tensor) -> Result<Vec<u8>, CheckpointError> {
        let element = tensor.info.dtype.size();
        let (start, len) = tensor.layout.span();
        let span = self
            .container
            .read(&self.file, tensor.place, (start * element) as u64, (len * element) as u64)
            .map_err(|problem| CheckpointError::new(&self.file, problem))?;
        Ok(tensor.layout.gather(span, element))
    }
}

/// Shows that a tensor's bytes exist, without reading one.
pub(super) fn resolve(container: &Container, tree: &Tree, name: &str, id: Id) -> Result<Tensor, TensorError> {
    let described = torch::tensor(tree, id)?;
    let place = container.storage(&described.storage)?;
    let there = usize::try_from(place.len()).unwrap_or(usize::MAX) / described.dtype.size();
    let layout = Layout::new(&described.sizes, &described.strides, described.offset, there)?;
    let info = TensorInfo { dtype: described.dtype, shape: layout.shape.clone() };
    Ok(Tensor { name: name.to_owned(), info, layout, place })
}

impl Weights for StateDict {
    fn names(&self) -> Vec<&str> {
        self.tensors.iter().map(|tensor| tensor.name.as_str()).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.by_name.get(name).map(|&index| &self.tensors[index].info)
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        let missing = || WeightsError::new(name, WeightsProblem::Missing);
        let &index = self.by_name.get(name).ok_or_else(missing)?;
        self.read(&self.tensors[index]).map(Cow::Owned).map_err(|error| WeightsError::source(name, error))
    }
}
