//! The stack machine: instructions in, nodes out.

use crate::cursor::Cursor;
use crate::error::{Forbidden, PickleError};
use crate::opcode as op;
use crate::tree::{Id, Tree, Value};

mod atoms;
mod containers;
mod imports;
mod memo;

/// What a pickle may use up at most. The defaults hold the training checkpoint of a network of twenty times BossNet's
/// number of tensors, and keep a hostile file below 150 MB of memory (a described call, the dearest node, takes about
/// 200 bytes with its entries).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of pickle that are looked at.
    pub bytes: usize,
    /// Nodes of the tree.
    pub nodes: usize,
    /// Entries of all tuples, lists, dictionaries and sets together.
    pub entries: usize,
    /// Values and marks on the stack at one time.
    pub stack: usize,
    /// Values stored for later, and the highest number one is stored under.
    pub memo: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 20, nodes: 1 << 19, entries: 1 << 21, stack: 1 << 19, memo: 1 << 19 }
    }
}

/// A pickle that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Pickle {
    /// What it describes.
    pub tree: Tree,
    /// Its length: several pickles may follow each other in a file.
    pub consumed: usize,
}

/// Reads the pickle at the beginning of `bytes`. `allow(module, name)` says whether an import may occur.
///
/// A pickle that names a forbidden import is refused with [`PickleError::Forbidden`]; reading goes on until its end or
/// the next error, so that the error tells all such names that can be seen.
pub fn read(bytes: &[u8], limits: Limits, allow: &dyn Fn(&str, &str) -> bool) -> Result<Pickle, PickleError> {
    let seen = &bytes[..bytes.len().min(limits.bytes)];
    let mut machine = Machine {
        cursor: Cursor::new(seen),
        limits,
        allow,
        at: 0,
        tree: Tree::new(),
        entries: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        stored: 0,
        forbidden: Forbidden { globals: Vec::new(), more: false },
    };
    let result = machine.run();
    if !machine.forbidden.globals.is_empty() {
        return Err(PickleError::Forbidden(machine.forbidden));
    }
    match result {
        Ok(root) => {
            machine.tree.root = root;
            Ok(Pickle { tree: machine.tree, consumed: machine.cursor.position() })
        }
        Err(PickleError::Truncated { .. }) if seen.len() < bytes.len() => {
            Err(PickleError::Limit { what: "bytes", limit: limits.bytes })
        }
        Err(error) => Err(error),
    }
}

/// Marks a memo slot that holds nothing; no node has this index because nodes are limited to fewer.
const NOTHING: Id = Id(u32::MAX);

struct Machine<'a> {
    cursor: Cursor<'a>,
    limits: Limits,
    allow: &'a dyn Fn(&str, &str) -> bool,
    /// Position of the instruction being run.
    at: usize,
    tree: Tree,
    entries: usize,
    stack: Vec<Id>,
    /// Heights of the stack at which marks stand.
    marks: Vec<usize>,
    memo: Vec<Id>,
    /// Number of values stored: the number that `MEMOIZE` gives next.
    stored: usize,
    forbidden: Forbidden,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id, PickleError> {
        loop {
            self.at = self.cursor.position();
            let opcode = self.cursor.u8()?;
            if opcode == op::STOP {
                let root = self.pop()?;
                return if self.stack.is_empty() && self.marks.is_empty() {
                    Ok(root)
                } else {
                    Err(self.malformed("it ends with values left on the stack"))
                };
            }
            self.step(opcode)?;
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each instruction")]
    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            // The machine itself.
            op::PROTO => {
                if self.cursor.u8()? > 5 {
                    return Err(PickleError::Unsupported { at: self.at, what: "protocols above 5" });
                }
                Ok(())
            }
            op::FRAME => {
                let len = self.cursor.u64()?;
                let remaining = self.cursor.remaining() as u64;
                if len > remaining {
                    let at = self.cursor.position() + self.cursor.remaining();
                    return Err(PickleError::Truncated { at, wanted: len - remaining });
                }
                Ok(())
            }
            op::MARK => {
                if self.marks.len() >= self.limits.stack {
                    return Err(PickleError::Limit { what: "marks at one time", limit: self.limits.stack });
                }
                self.marks.push(self.stack.len());
                Ok(())
            }
            // Python pops the mark when nothing lies above it.
            op::POP => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                    return Ok(());
                }
                self.pop().map(drop)
            }
            op::POP_MARK => self.pop_to_mark().map(drop),
            op::DUP => {
                let top = self.top()?;
                self.push_id(top)
            }
            op::PUT | op::BINPUT | op::LONG_BINPUT | op::MEMOIZE => self.store(opcode),
            op::GET | op::BINGET | op::LONG_BINGET => self.recall(opcode),

            // Atoms.
            op::NONE => self.push(Value::None),
            op::NEWTRUE => self.push(Value::Bool(true)),
            op::NEWFALSE => self.push(Value::Bool(false)),
            op::BININT => self.cursor.i32().and_then(|v| self.push(Value::Int(v.into()))),
            op::BININT1 => self.cursor.u8().and_then(|v| self.push(Value::Int(v.into()))),
            op::BININT2 => self.cursor.u16().and_then(|v| self.push(Value::Int(v.into()))),
            op::BINFLOAT => self.cursor.f64().and_then(|v| self.push(Value::Float(v))),
            op::LONG1 | op::LONG4 => self.long(opcode),
            op::INT | op::LONG | op::FLOAT => self.number_line(opcode),
            op::STRING | op::UNICODE => self.text_line(opcode),
            op::BINSTRING | op::SHORT_BINSTRING => {
                let len = if opcode == op::BINSTRING { self.cursor.u32()?.into() } else { self.cursor.u8()?.into() };
                let bytes = self.cursor.take(len)?;
                self.push_python2_string(bytes)
            }
            op::BINUNICODE | op::SHORT_BINUNICODE | op::BINUNICODE8 => {
                let len = match opcode {
                    op::BINUNICODE => self.cursor.u32()?.into(),
                    op::SHORT_BINUNICODE => self.cursor.u8()?.into(),
                    _ => self.cursor.u64()?,
                };
                let bytes = self.cursor.take(len)?;
                self.push_str(bytes)
            }
            op::BINBYTES | op::SHORT_BINBYTES | op::BINBYTES8 | op::BYTEARRAY8 => {
                let len = match opcode {
                    op::BINBYTES => self.cursor.u32()?.into(),
                    op::SHORT_BINBYTES => self.cursor.u8()?.into(),
                    _ => self.cursor.u64()?,
                };
                let bytes = self.cursor.take(len)?;
                self.push_bytes(bytes)
            }

            // Containers.
            op::EMPTY_TUPLE => self.push(Value::Tuple(Vec::new())),
            op::TUPLE1 => self.tuple_of(1),
            op::TUPLE2 => self.tuple_of(2),
            op::TUPLE3 => self.tuple_of(3),
            op::TUPLE => self.since_mark(Value::Tuple),
            op::EMPTY_LIST => self.push(Value::List(Vec::new())),
            op::LIST => self.since_mark(Value::List),
            op::EMPTY_SET => self.push(Value::Set(Vec::new())),
            op::FROZENSET => self.since_mark(Value::Set),
            op::EMPTY_DICT => self.push(Value::Dict(Vec::new())),
            op::DICT => {
                let flat = self.pop_to_mark()?;
                let entries = self.pairs(&flat)?;
                self.push(Value::Dict(entries))
            }
            op::APPEND => {
                let element = self.pop()?;
                self.append(&[element])
            }
            op::APPENDS => {
                let elements = self.pop_to_mark()?;
                self.append(&elements)
            }
            op::ADDITEMS => {
                let elements = self.pop_to_mark()?;
                self.add_to_set(&elements)
            }
            op::SETITEM => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])
            }
            op::SETITEMS => {
                let flat = self.pop_to_mark()?;
                self.set_items(&flat)
            }

            // What would import and call.
            op::GLOBAL | op::STACK_GLOBAL => self.import(opcode),
            op::REDUCE | op::NEWOBJ => {
                let args = self.pop()?;
                let callable = self.pop()?;
                self.call(callable, args, None)
            }
            op::NEWOBJ_EX => {
                let kwargs = self.pop()?;
                let args = self.pop()?;
                let callable = self.pop()?;
                self.call(callable, args, Some(kwargs))
            }
            op::INST => {
                let callable = self.global_lines()?;
                let args = self.pop_to_mark()?;
                let args = self.add(Value::Tuple(args))?;
                self.call(callable, args, None)
            }
            op::OBJ => {
                let values = self.pop_to_mark()?;
                let Some((&callable, args)) = values.split_first() else {
                    return Err(PickleError::Underflow { at: self.at });
                };
                let args = self.add(Value::Tuple(args.to_vec()))?;
                self.call(callable, args, None)
            }
            op::BUILD => {
                let state = self.pop()?;
                let object = self.top()?;
                let malformed = self.malformed("a state is given to something that is no new object");
                match &mut self.tree.nodes[object.0 as usize] {
                    Value::Call(call) if call.state.is_none() => call.state = Some(state),
                    _ => return Err(malformed),
                }
                Ok(())
            }
            op::PERSID => {
                let line = self.cursor.line()?;
                let text = self.str_value(line)?;
                let id = self.add(text)?;
                self.push(Value::Persistent(id))
            }
            op::BINPERSID => {
                let id = self.pop()?;
                self.push(Value::Persistent(id))
            }

            op::EXT1 | op::EXT2 | op::EXT4 => Err(PickleError::Unsupported { at: self.at, what: "extension codes" }),
            op::NEXT_BUFFER | op::READONLY_BUFFER => {
                Err(PickleError::Unsupported { at: self.at, what: "out-of-band buffers" })
            }
            _ => Err(PickleError::UnknownOpcode { at: self.at, opcode }),
        }
    }

    const fn malformed(&self, what: &'static str) -> PickleError {
        PickleError::Malformed { at: self.at, what }
    }

    fn add(&mut self, value: Value) -> Result<Id, PickleError> {
        let limit = self.limits.nodes.min(NOTHING.0 as usize);
        if self.tree.nodes.len() >= limit {
            return Err(PickleError::Limit { what: "values", limit });
        }
        let id = Id(self.tree.nodes.len() as u32);
        self.tree.nodes.push(value);
        Ok(id)
    }

    fn push(&mut self, value: Value) -> Result<(), PickleError> {
        let id = self.add(value)?;
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<(), PickleError> {
        if self.stack.len() >= self.limits.stack {
            return Err(PickleError::Limit { what: "values on the stack", limit: self.limits.stack });
        }
        self.stack.push(id);
        Ok(())
    }

    /// The lowest height to which values may be taken without going past a mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        if self.stack.len() <= self.floor() {
            return Err(PickleError::Underflow { at: self.at });
        }
        self.stack.pop().ok_or(PickleError::Underflow { at: self.at })
    }

    fn top(&self) -> Result<Id, PickleError> {
        let above = &self.stack[self.floor()..];
        above.last().copied().ok_or(PickleError::Underflow { at: self.at })
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or(PickleError::NoMark { at: self.at })?;
        let values = self.stack.split_off(mark);
        self.count_entries(values.len())?;
        Ok(values)
    }

    fn count_entries(&mut self, more: usize) -> Result<(), PickleError> {
        self.entries = self.entries.saturating_add(more);
        if self.entries > self.limits.entries {
            return Err(PickleError::Limit { what: "entries", limit: self.limits.entries });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
