//! Tuples, lists, sets and dictionaries, and what is put into them later.

use super::Machine;
use crate::error::PickleError;
use crate::tree::{Id, Value};

impl Machine<'_> {
    pub(super) fn tuple_of(&mut self, len: usize) -> Result<(), PickleError> {
        let start = self.stack.len().checked_sub(len).filter(|&start| start >= self.floor());
        let start = start.ok_or(PickleError::Underflow { at: self.at })?;
        let elements = self.stack.split_off(start);
        self.count_entries(len)?;
        self.push(Value::Tuple(elements))
    }

    pub(super) fn since_mark(&mut self, make: fn(Vec<Id>) -> Value) -> Result<(), PickleError> {
        let elements = self.pop_to_mark()?;
        self.push(make(elements))
    }

    pub(super) fn pairs(&self, flat: &[Id]) -> Result<Vec<(Id, Id)>, PickleError> {
        let (pairs, rest) = flat.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.malformed("a key without a value"));
        }
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    pub(super) fn append(&mut self, elements: &[Id]) -> Result<(), PickleError> {
        self.count_entries(elements.len())?;
        let target = self.top()?;
        let malformed = self.malformed("an element is appended to something that is no list");
        match &mut self.tree.nodes[target.0 as usize] {
            Value::List(list) => list.extend_from_slice(elements),
            Value::Call(call) => call.appended.extend_from_slice(elements),
            _ => return Err(malformed),
        }
        Ok(())
    }

    pub(super) fn add_to_set(&mut self, elements: &[Id]) -> Result<(), PickleError> {
        let target = self.top()?;
        let malformed = self.malformed("an element is added to something that is no set");
        match &mut self.tree.nodes[target.0 as usize] {
            Value::Set(set) => set.extend_from_slice(elements),
            _ => return Err(malformed),
        }
        Ok(())
    }

    pub(super) fn set_items(&mut self, flat: &[Id]) -> Result<(), PickleError> {
        self.count_entries(flat.len())?;
        let entries = self.pairs(flat)?;
        let target = self.top()?;
        let malformed = self.malformed("a key is set in something that is no dictionary");
        match &mut self.tree.nodes[target.0 as usize] {
            Value::Dict(dict) => dict.extend_from_slice(&entries),
            Value::Call(call) => call.items.extend_from_slice(&entries),
            _ => return Err(malformed),
        }
        Ok(())
    }
}
