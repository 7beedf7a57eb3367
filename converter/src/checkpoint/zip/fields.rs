//! The numbers of a record, one after the other.

/// Little-endian numbers from the front of a slice; `None` when it is used up.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// Replaces the fields that are all ones by those of the zip64 extra field. `order` gives the order in which they stand
/// there.
pub(super) fn widen<const N: usize>(
    narrow: [u32; N],
    extra: &[u8],
    order: [usize; N],
) -> Result<[u64; N], &'static str> {
    let mut wide = narrow.map(u64::from);
    if narrow.iter().all(|&field| field != u32::MAX) {
        return Ok(wide);
    }
    let mut fields = Fields(extra);
    while let (Some(kind), Some(len)) = (fields.u16(), fields.u16()) {
        let mut content = Fields(fields.take(len.into()).ok_or("has a malformed extra field")?);
        if kind != 1 {
            continue;
        }
        for index in order {
            if narrow[index] == u32::MAX {
                wide[index] = content.u64().ok_or("lacks a zip64 size")?;
            }
        }
        return Ok(wide);
    }
    Err("lacks its zip64 sizes")
}
