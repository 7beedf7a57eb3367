//! Whether the entries fill the file without a gap, and say of themselves what the directory says.

use bossnas_files::SourceFile;

use super::fields::{Fields, widen};
use super::{DESCRIPTOR, Entry, HAS_DESCRIPTOR, LOCAL, LOCAL_LEN, ZipError};

/// Compares every local header and data descriptor with the directory, and finds where the data of each entry begins.
/// Entries come in order of position; the first must begin the file and the last must reach the directory.
pub(super) fn check_tiling(file: &SourceFile, entries: &mut [Entry], directory_at: u64) -> Result<(), ZipError> {
    /// PyTorch pads the extra field so that data begins at multiples of 64 bytes.
    const USUAL_EXTRA: u64 = 128;
    let mut position = 0;
    for index in 0..entries.len() {
        let (before, rest) = entries.split_at_mut(index);
        let (previous, entry) = (before.last(), &mut rest[0]);
        let gap = gap(entry, position, entry.local_at)?;
        let wanted = gap as u64 + LOCAL_LEN as u64 + entry.name.len() as u64 + USUAL_EXTRA;
        let bytes = file.read_up_to(position, wanted)?;
        let (descriptor, header) = bytes.split_at_checked(gap).ok_or_else(|| entry.wrong("lies outside the file"))?;
        check_descriptor(previous, entry, descriptor)?;
        let extra_len = check_local(file, entry, header)?;
        entry.data_at = entry.local_at + LOCAL_LEN as u64 + entry.name.len() as u64 + u64::from(extra_len);
        position = entry
            .data_at
            .checked_add(entry.packed)
            .filter(|&end| end <= directory_at)
            .ok_or_else(|| entry.wrong("reaches beyond the directory"))?;
    }
    if let Some(last) = entries.last() {
        let gap = gap(last, position, directory_at)?;
        check_descriptor(Some(last), last, &file.read_at(position, gap as u64)?)?;
    } else if directory_at != 0 {
        return Err(ZipError::End("the number of entries"));
    }
    Ok(())
}

/// Number of bytes between the end of one entry and the beginning of the next: 0 or a data descriptor.
fn gap(at: &Entry, position: u64, next: u64) -> Result<usize, ZipError> {
    match next.checked_sub(position) {
        None => Err(at.wrong("overlaps another")),
        Some(gap @ 0..=24) => Ok(gap as usize),
        Some(_) => Err(at.wrong("has bytes beside it that belong to no entry")),
    }
}

fn check_descriptor(previous: Option<&Entry>, at: &Entry, bytes: &[u8]) -> Result<(), ZipError> {
    let stray = || at.wrong("has bytes beside it that belong to no entry");
    let Some(entry) = previous else {
        return if bytes.is_empty() { Ok(()) } else { Err(stray()) };
    };
    if entry.flags & HAS_DESCRIPTOR == 0 {
        return if bytes.is_empty() { Ok(()) } else { Err(stray()) };
    }
    let mut fields = Fields(bytes);
    if matches!(bytes.len(), 16 | 24) && fields.u32() != Some(DESCRIPTOR) {
        return Err(stray());
    }
    let crc = fields.u32();
    let (packed, size) = match bytes.len() {
        12 | 16 => (fields.u32().map(u64::from), fields.u32().map(u64::from)),
        20 | 24 => (fields.u64(), fields.u64()),
        _ => return Err(stray()),
    };
    if (crc, packed, size) != (Some(entry.crc), Some(entry.packed), Some(entry.size)) {
        return Err(entry.wrong("states other sizes behind its data than in the directory"));
    }
    Ok(())
}

/// Compares a local header with the directory and returns the length of its extra field.
fn check_local(file: &SourceFile, entry: &Entry, header: &[u8]) -> Result<u16, ZipError> {
    let cut = || entry.wrong("has a header that is cut off");
    let mut fields = Fields(header);
    let fixed = fields.take(LOCAL_LEN).ok_or_else(cut)?;
    let name = fields.take(entry.name.len());
    let mut fixed = Fields(fixed);
    if fixed.u32() != Some(LOCAL) {
        return Err(entry.wrong("has no header where the directory says"));
    }
    let _version = fixed.u16();
    let (flags, method, _time) = (fixed.u16(), fixed.u16(), fixed.u32());
    let (Some(crc), Some(packed), Some(size)) = (fixed.u32(), fixed.u32(), fixed.u32()) else { return Err(cut()) };
    let (Some(name_len), Some(extra_len)) = (fixed.u16(), fixed.u16()) else { return Err(cut()) };
    if usize::from(name_len) != entry.name.len() || name != Some(entry.name.as_bytes()) {
        return Err(entry.wrong("has another name in its header than in the directory"));
    }
    let method_expected = if entry.deflated { 8 } else { 0 };
    if flags != Some(entry.flags) || method != Some(method_expected) {
        return Err(entry.wrong("is stored otherwise in its header than in the directory"));
    }
    // Whoever writes a descriptor may leave zeros here.
    if entry.flags & HAS_DESCRIPTOR != 0 && (crc, packed, size) == (0, 0, 0) {
        return Ok(extra_len);
    }
    let extra_at = entry.local_at + LOCAL_LEN as u64 + u64::from(name_len);
    let extra =
        if packed == u32::MAX || size == u32::MAX { file.read_at(extra_at, extra_len.into())? } else { Vec::new() };
    let [packed, size] = widen([packed, size], &extra, [1, 0]).map_err(|what| entry.wrong(what))?;
    if (crc, packed, size) != (entry.crc, entry.packed, entry.size) {
        return Err(entry.wrong("states other sizes in its header than in the directory"));
    }
    Ok(extra_len)
}
