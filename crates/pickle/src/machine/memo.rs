//! The memo: values stored under numbers and recalled by them.

use super::{Machine, NOTHING, op};
use crate::error::PickleError;

impl Machine<'_> {
    pub(super) fn store(&mut self, opcode: u8) -> Result<(), PickleError> {
        let key = match opcode {
            op::MEMOIZE => self.stored as u64,
            op::BINPUT => self.cursor.u8()?.into(),
            op::LONG_BINPUT => self.cursor.u32()?.into(),
            _ => self.key_line()?,
        };
        let value = self.top()?;
        let limit = self.limits.memo;
        let key = usize::try_from(key)
            .ok()
            .filter(|&key| key < limit)
            .ok_or(PickleError::Limit { what: "stored values", limit })?;
        if key >= self.memo.len() {
            self.memo.resize(key + 1, NOTHING);
        }
        self.stored += usize::from(self.memo[key] == NOTHING);
        self.memo[key] = value;
        Ok(())
    }

    pub(super) fn recall(&mut self, opcode: u8) -> Result<(), PickleError> {
        let key = match opcode {
            op::BINGET => self.cursor.u8()?.into(),
            op::LONG_BINGET => self.cursor.u32()?.into(),
            _ => self.key_line()?,
        };
        let stored = usize::try_from(key).ok().and_then(|key| self.memo.get(key)).copied();
        match stored {
            Some(id) if id != NOTHING => self.push_id(id),
            _ => Err(PickleError::NotStored { at: self.at, key }),
        }
    }

    fn key_line(&mut self) -> Result<u64, PickleError> {
        let line = self.cursor.line()?;
        let number = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.malformed("the number of a stored value is expected"))
    }
}
