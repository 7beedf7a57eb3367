//! What would import and call, kept as names and descriptions.

use super::{Machine, op};
use crate::error::{Forbidden, PickleError};
use crate::tree::{Call, Global, Id, Value};

impl Machine<'_> {
    pub(super) fn import(&mut self, opcode: u8) -> Result<(), PickleError> {
        if opcode == op::GLOBAL {
            let id = self.global_lines()?;
            return self.push_id(id);
        }
        let name = self.pop()?;
        let module = self.pop()?;
        let (Some(module), Some(name)) = (self.tree.str(module), self.tree.str(name)) else {
            return Err(self.malformed("an import without a name"));
        };
        let global = Global { module: module.to_owned(), name: name.to_owned() };
        let id = self.add_global(global)?;
        self.push_id(id)
    }

    pub(super) fn global_lines(&mut self) -> Result<Id, PickleError> {
        let module = self.cursor.line()?;
        let name = self.cursor.line()?;
        // A name that is not UTF-8 is on no allow list; its replacement characters show in the message.
        let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
        self.add_global(Global { module: text(module), name: text(name) })
    }

    fn add_global(&mut self, global: Global) -> Result<Id, PickleError> {
        if !(self.allow)(&global.module, &global.name) && !self.forbidden.globals.contains(&global) {
            if self.forbidden.globals.len() < Forbidden::MOST {
                self.forbidden.globals.push(global.clone());
            } else {
                self.forbidden.more = true;
            }
        }
        self.add(Value::Global(Box::new(global)))
    }

    pub(super) fn call(&mut self, callable: Id, args: Id, kwargs: Option<Id>) -> Result<(), PickleError> {
        if self.tree.global(callable).is_none() {
            return Err(self.malformed("something is called that is no import"));
        }
        let call = Call { callable, args, kwargs, items: Vec::new(), appended: Vec::new(), state: None };
        self.push(Value::Call(Box::new(call)))
    }
}
