//! The optimizer's state in a training checkpoint: what is kept of each parameter, by its number in the parameter groups.

use std::collections::{BTreeMap, HashSet};

use bossnas_model::weights::Weights as _;
use bossnas_pickle::{Id, Tree, Value, shown};

use super::error::Problem;
use super::state_dict::{StateDict, StateDictName, resolve};
use super::{Checkpoint, CheckpointError, torch};

/// More parameters than any network has.
const MAX_PARAMETERS: usize = 1 << 20;

/// What `optimizer.state_dict()` of PyTorch holds.
#[derive(Debug)]
pub struct OptimizerState {
    /// The tensors, as `<number>.<name>`: `0.exp_avg`. None is read before it is asked for.
    pub tensors: StateDict,
    /// The numbers, under names of the same form: `0.step`.
    pub numbers: BTreeMap<String, f64>,
    /// The numbers of the parameters of each group.
    pub groups: Vec<Vec<usize>>,
}

impl OptimizerState {
    /// How many parameters there are; their numbers are those below.
    pub fn parameters(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }

    /// A number of a parameter, whether it is kept as one or as a tensor of one element.
    pub fn number(&self, parameter: usize, name: &str) -> Option<f64> {
        let name = format!("{parameter}.{name}");
        let of_tensor = || {
            let elements = self.tensors.info(&name)?.elements()?;
            let values = (elements == 1).then(|| self.tensors.f64(&name))?;
            values.ok()?.first().copied()
        };
        self.numbers.get(&name).copied().or_else(of_tensor)
    }
}

impl Checkpoint {
    /// The state of the optimizer under `optimizer`; `None` where the file has none.
    pub fn optimizer(&self) -> Result<Option<OptimizerState>, CheckpointError> {
        let Some(tree) = self.container.tree() else { return Ok(None) };
        let Some(optimizer) = entry(tree, tree.root(), "optimizer") else { return Ok(None) };
        self.optimizer_at(tree, optimizer).map(Some).map_err(|problem| CheckpointError::new(&self.file, problem))
    }

    fn optimizer_at(&self, tree: &Tree, optimizer: Id) -> Result<OptimizerState, Problem> {
        let wrong = |what: &str| Problem::Optimizer(what.to_owned());
        let groups = entry(tree, optimizer, "param_groups").and_then(|groups| tree.sequence(groups));
        let groups = groups.ok_or_else(|| wrong("it has no `param_groups`"))?;
        let numbers = |&group: &Id| -> Option<Vec<usize>> {
            let params = tree.sequence(entry(tree, group, "params")?)?;
            params.iter().map(|&id| usize::try_from(tree.int(id)?).ok()).collect()
        };
        let groups: Option<Vec<Vec<usize>>> = groups.iter().map(numbers).collect();
        let groups = groups.ok_or_else(|| wrong("a group has no `params`"))?;
        let count: usize = groups.iter().map(Vec::len).sum();
        let all: HashSet<usize> = groups.iter().flatten().copied().collect();
        if count > MAX_PARAMETERS || all.len() != count || all.iter().any(|&number| number >= count) {
            return Err(wrong("its parameters are not numbered in a row"));
        }
        let state = entry(tree, optimizer, "state").and_then(|state| torch::dict(tree, state));
        let state = state.ok_or_else(|| wrong("it has no `state`"))?;
        let (mut tensors, mut scalars, mut seen) = (Vec::new(), BTreeMap::new(), HashSet::new());
        for &(number, kept) in state {
            let number = tree.int(number).and_then(|number| usize::try_from(number).ok());
            let number = number.filter(|number| *number < count && seen.insert(*number));
            let number = number.ok_or_else(|| wrong("its state is of other parameters than its groups"))?;
            for &(key, value) in torch::dict(tree, kept).ok_or_else(|| wrong("its state is no dictionary"))? {
                let key = tree.str(key).ok_or_else(|| wrong("a key of its state is not a text"))?;
                let name = format!("{number}.{key}");
                match tree.get(value) {
                    Value::Int(whole) => {
                        scalars.insert(name, *whole as f64);
                    }
                    Value::Float(real) => {
                        scalars.insert(name, *real);
                    }
                    _ if torch::is_tensor(tree, value) => {
                        let wrong = |error| Problem::Tensor { name: shown(&name), error };
                        tensors.push(resolve(&self.container, tree, &name, value).map_err(wrong)?);
                    }
                    // What is not known is not used.
                    _ => {}
                }
            }
        }
        let tensors = StateDict::of_tensors(&self.file, &self.container, StateDictName::Plain, tensors)?;
        Ok(OptimizerState { tensors, numbers: scalars, groups })
    }

    /// The last epoch that is done, from 0, as training scripts write it under `epoch`.
    pub fn epoch(&self) -> Option<u64> {
        let tree = self.container.tree()?;
        u64::try_from(tree.int(entry(tree, tree.root(), "epoch")?)?).ok()
    }
}

/// The last value under a key.
fn entry(tree: &Tree, dictionary: Id, key: &str) -> Option<Id> {
    let entries = torch::dict(tree, dictionary)?;
    entries.iter().rev().find(|(k, _)| tree.str(*k) == Some(key)).map(|&(_, value)| value)
}
