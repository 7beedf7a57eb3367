//! The central directory and the records at the end that lead to it.

use std::sync::atomic::AtomicBool;

use bossnas_files::SourceFile;
use bossnas_pickle::shown;

use super::fields::{Fields, widen};
use super::{
    CENTRAL, CENTRAL_LEN, ENCRYPTED, END, END_LEN, END64, END64_LEN, END64_LOCATOR, Entry, LOCATOR_LEN, MAX_DIRECTORY,
    UNDERSTOOD, ZipError,
};

/// Where the central directory lies.
pub(super) struct Directory {
    pub(super) at: u64,
    pub(super) len: u64,
    count: u64,
}

impl Directory {
    /// Reads the end records, which must be the last bytes of the file.
    pub(super) fn locate(file: &SourceFile) -> Result<Self, ZipError> {
        let end_at = file.len().checked_sub(END_LEN).ok_or(ZipError::NoEnd)?;
        let end = file.read_at(end_at, END_LEN)?;
        let mut fields = Fields(&end);
        let (signature, disk, directory_disk, count_here, count) =
            (fields.u32(), fields.u16(), fields.u16(), fields.u16(), fields.u16());
        let (len, at, comment_len) = (fields.u32(), fields.u32(), fields.u16());
        if signature != Some(END) || comment_len != Some(0) {
            return Err(ZipError::NoEnd);
        }
        let (Some(count), Some(len), Some(at)) = (count, len, at) else { return Err(ZipError::NoEnd) };
        if disk != Some(0) || directory_disk != Some(0) || count_here != Some(count) {
            return Err(ZipError::Unsupported("is split over several files"));
        }
        let (directory, ends_at) = match Self::locate64(file, end_at)? {
            Some((wide, wide_at)) => {
                let agree = (u64::from(count) == wide.count || count == u16::MAX)
                    && (u64::from(len) == wide.len || len == u32::MAX)
                    && (u64::from(at) == wide.at || at == u32::MAX);
                if !agree {
                    return Err(ZipError::End("each other"));
                }
                (wide, wide_at)
            }
            None => (Self { at: at.into(), len: len.into(), count: count.into() }, end_at),
        };
        if directory.at.checked_add(directory.len) != Some(ends_at) {
            return Err(ZipError::End("the position of the directory"));
        }
        if directory.len > MAX_DIRECTORY {
            return Err(ZipError::DirectoryTooLarge(directory.len));
        }
        Ok(directory)
    }

    /// The zip64 end record and its position, if there is one.
    fn locate64(file: &SourceFile, end_at: u64) -> Result<Option<(Self, u64)>, ZipError> {
        let Some(locator_at) = end_at.checked_sub(LOCATOR_LEN) else { return Ok(None) };
        let locator = file.read_at(locator_at, LOCATOR_LEN)?;
        let mut fields = Fields(&locator);
        if fields.u32() != Some(END64_LOCATOR) {
            return Ok(None);
        }
        let (disk, record_at, disks) = (fields.u32(), fields.u64(), fields.u32());
        if disk != Some(0) || disks != Some(1) {
            return Err(ZipError::Unsupported("is split over several files"));
        }
        let expected_at = locator_at.checked_sub(END64_LEN);
        if record_at.is_none() || record_at != expected_at {
            return Err(ZipError::End("their own positions"));
        }
        let record_at = expected_at.unwrap_or_default();
        let record = file.read_at(record_at, END64_LEN)?;
        let mut fields = Fields(&record);
        let (signature, rest_len) = (fields.u32(), fields.u64());
        if signature != Some(END64) || rest_len != Some(END64_LEN - 12) {
            return Err(ZipError::End("the zip64 format"));
        }
        let _versions = (fields.u16(), fields.u16());
        let (disk, directory_disk, count_here, count) = (fields.u32(), fields.u32(), fields.u64(), fields.u64());
        let (Some(count), Some(len), Some(at)) = (count, fields.u64(), fields.u64()) else {
            return Err(ZipError::NoEnd);
        };
        if disk != Some(0) || directory_disk != Some(0) || count_here != Some(count) {
            return Err(ZipError::Unsupported("is split over several files"));
        }
        Ok(Some((Self { at, len, count }, record_at)))
    }

    pub(super) fn entries(&self, bytes: &[u8]) -> Result<Vec<Entry>, ZipError> {
        // The stated number is only believed once so many entries were read.
        let mut entries = Vec::new();
        let mut fields = Fields(bytes);
        while !fields.0.is_empty() {
            let index = entries.len();
            let wrong = |what| ZipError::Directory { index, what };
            let entry = Entry::parse(&mut fields).map_err(wrong)?;
            let safe = !entry.name.is_empty()
                && !entry.name.starts_with('/')
                && !entry.name.contains(['\\', '\0', ':'])
                && entry.name.split('/').all(|part| part != "..");
            if !safe {
                return Err(ZipError::UnsafeName(shown(&entry.name)));
            }
            entry.check_sizes()?;
            entries.push(entry);
        }
        if entries.len() as u64 != self.count {
            return Err(ZipError::End("the number of entries"));
        }
        Ok(entries)
    }
}

impl Entry {
    /// One record of the central directory.
    fn parse(fields: &mut Fields<'_>) -> Result<Self, &'static str> {
        const CUT: &str = "is cut off";
        let mut fixed = Fields(fields.take(CENTRAL_LEN).ok_or(CUT)?);
        if fixed.u32() != Some(CENTRAL) {
            return Err("does not begin like one");
        }
        let _versions = fixed.u32();
        let (flags, method) = (fixed.u16().ok_or(CUT)?, fixed.u16().ok_or(CUT)?);
        let _time = fixed.u32();
        let (crc, packed, size) = (fixed.u32().ok_or(CUT)?, fixed.u32().ok_or(CUT)?, fixed.u32().ok_or(CUT)?);
        let (name_len, extra_len, comment_len) =
            (fixed.u16().ok_or(CUT)?, fixed.u16().ok_or(CUT)?, fixed.u16().ok_or(CUT)?);
        let disk = fixed.u16().ok_or(CUT)?;
        let _attributes = (fixed.u16(), fixed.u32());
        let local_at = fixed.u32().ok_or(CUT)?;
        let name = fields.take(name_len.into()).ok_or(CUT)?;
        let extra = fields.take(extra_len.into()).ok_or(CUT)?;
        fields.take(comment_len.into()).ok_or(CUT)?;

        let [packed, size, local_at] = widen([packed, size, local_at], extra, [1, 0, 2])?;
        if flags & ENCRYPTED != 0 {
            return Err("is encrypted");
        }
        if flags & !UNDERSTOOD != 0 || !matches!(method, 0 | 8) {
            return Err("is stored in a way that is not supported");
        }
        if disk != 0 {
            return Err("lies in another file");
        }
        let name = std::str::from_utf8(name).map_err(|_| "has a name that is not UTF-8")?.to_owned();
        Ok(Self {
            name,
            local_at,
            data_at: 0,
            packed,
            size,
            crc,
            flags,
            deflated: method == 8,
            verified: AtomicBool::new(false),
        })
    }
}
