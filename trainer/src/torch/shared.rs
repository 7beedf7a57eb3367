//! What several networks compute alike from the same input.

use std::collections::HashMap;

use tch::{TchError, Tensor};

use super::module::Module;

/// Values that networks which read the same input have in common: activations and pools of it, and convolutions with the same
/// weight. Each is computed by the first that needs it. A slimmable convolution is computed at its full width, of which each
/// network takes the first channels.
#[derive(Debug, Default)]
pub struct Shared {
    /// `None` until it is computed.
    values: HashMap<String, Option<Tensor>>,
}

impl Shared {
    /// What two or more of these networks have in common.
    pub fn among<'a>(modules: impl IntoIterator<Item = &'a Module>) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for key in modules.into_iter().flat_map(Module::keys) {
            *counts.entry(key).or_default() += 1;
        }
        let common = counts.into_iter().filter(|(_, count)| *count > 1);
        Self { values: common.map(|(key, _)| (key.to_owned(), None)).collect() }
    }

    /// The value of a key that is shared, computed where it is not there yet; `None` for any other.
    pub(super) fn value(
        &mut self,
        key: Option<&str>,
        compute: impl FnOnce() -> Result<Tensor, TchError>,
    ) -> Result<Option<Tensor>, TchError> {
        let Some(slot) = key.and_then(|key| self.values.get_mut(key)) else { return Ok(None) };
        let value = match slot.take() {
            Some(value) => value,
            None => compute()?,
        };
        *slot = Some(value.shallow_clone());
        Ok(Some(value))
    }
}
