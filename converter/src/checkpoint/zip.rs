//! The zip container of `torch.save`, read strictly.
//!
//! Zip files can be read in more than one way: from the central directory at the end or from the headers in between, with
//! bytes before, after or between the entries that one program sees and another does not. Here the file must be tiled
//! without a gap: entries in order of their position, central directory, end records, end of file; and what a local
//! header or a data descriptor says must be what the directory says. Then there is only one way to read it.
//!
//! Format: PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3. PyTorch writes stored entries, with the sizes in data
//! descriptors behind them and with zip64 end records always.

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use bossnas_files::{ReadError, SourceFile};

/// Largest central directory that is looked at; PyTorch needs about 80 bytes for a tensor.
const MAX_DIRECTORY: u64 = 8 << 20;

/// Largest entry that is unpacked: unlike a stored one, it must be held in memory whole.
const MAX_UNPACKED: u64 = 64 << 20;

/// Packed entries above [`RATIO_FREE`] bytes may unpack to so many times their size. Weights hardly pack at all.
const MAX_RATIO: u64 = 100;
const RATIO_FREE: u64 = 64 << 10;

/// A checksum is computed over so many bytes at a time.
const PIECE: usize = 1 << 20;

const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const END64_LOCATOR: u32 = 0x0706_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;

const END_LEN: u64 = 22;
const END64_LEN: u64 = 56;
const LOCATOR_LEN: u64 = 20;
const CENTRAL_LEN: usize = 46;
const LOCAL_LEN: usize = 30;

/// General purpose flags: encryption, sizes in a descriptor behind the data, name in UTF-8, and the level of deflate.
const ENCRYPTED: u16 = 1;
const HAS_DESCRIPTOR: u16 = 1 << 3;
const UNDERSTOOD: u16 = HAS_DESCRIPTOR | 1 << 11 | 0b110;

/// How a zip container can be wrong.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The last bytes of the file are not the end record of an archive.
    #[error("the archive does not end where the file ends: it was cut short, or something was appended")]
    NoEnd,
    /// A kind of archive that checkpoints never are.
    #[error("the archive {0}")]
    Unsupported(&'static str),
    /// The end records contradict each other or the file.
    #[error("the end records of the archive contradict {0}")]
    End(&'static str),
    /// The central directory is larger than any checkpoint needs.
    #[error("the directory of the archive has {0} bytes, more than {MAX_DIRECTORY}")]
    DirectoryTooLarge(u64),
    /// The central directory is malformed.
    #[error("entry {index} in the directory of the archive {what}")]
    Directory {
        /// Number of the entry.
        index: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Two entries have one name.
    #[error("two entries of the archive have the name `{0}`")]
    Twice(String),
    /// A name that would lead out of a folder.
    #[error("an entry of the archive has the unsafe name `{0}`")]
    UnsafeName(String),
    /// An entry contradicts the directory, or its neighbours.
    #[error("entry `{name}` of the archive {what}")]
    Entry {
        /// Its name in the directory.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// An entry unpacks to implausibly much.
    #[error("entry `{name}` of the archive claims to unpack from {packed} to {size} bytes")]
    Bomb {
        /// Its name.
        name: String,
        /// Bytes in the file.
        packed: u64,
        /// Bytes it claims to hold.
        size: u64,
    },
    /// The data of an entry is not what was written.
    #[error("entry `{0}` of the archive is damaged: its checksum is wrong")]
    Checksum(String),
    /// There is no entry of that name.
    #[error("the archive has no entry `{0}`")]
    Missing(String),
    /// An entry is larger than what it is read for allows.
    #[error("entry `{name}` of the archive has {size} bytes, more than {limit}")]
    TooLarge {
        /// Its name.
        name: String,
        /// Bytes it holds.
        size: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
}

/// One entry.
#[derive(Debug)]
pub(super) struct Entry {
    name: String,
    local_at: u64,
    data_at: u64,
    packed: u64,
    size: u64,
    crc: u32,
    flags: u16,
    deflated: bool,
    /// The checksum was compared once; parts of the entry may be read alone from then on.
    verified: AtomicBool,
}

/// The directory of an archive.
#[derive(Debug)]
pub(super) struct Archive {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
}

impl Archive {
    /// Reads and checks the directory and every local header.
    pub(super) fn open(file: &SourceFile) -> Result<Self, ZipError> {
        let directory = Directory::locate(file)?;
        let mut entries = directory.entries(&file.read_at(directory.at, directory.len)?)?;
        entries.sort_by_key(|entry| entry.local_at);
        check_tiling(file, &mut entries, directory.at)?;
        let mut by_name = HashMap::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            if by_name.insert(entry.name.clone(), index).is_some() {
                return Err(ZipError::Twice(entry.name.clone()));
            }
        }
        Ok(Self { entries, by_name })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Index of the entry `name`.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Bytes that an entry holds.
    pub(super) fn size(&self, index: usize) -> u64 {
        self.entries[index].size
    }

    /// A whole small entry, its checksum compared.
    pub(super) fn read(&self, file: &SourceFile, index: usize, limit: u64) -> Result<Vec<u8>, ZipError> {
        let entry = &self.entries[index];
        if entry.size > limit {
            return Err(ZipError::TooLarge { name: entry.name.clone(), size: entry.size, limit });
        }
        self.read_range(file, index, 0, entry.size)
    }

    /// A range of what an entry holds. The caller has compared it with [`Archive::size`]. The checksum of the whole
    /// entry is compared the first time anything of it is read.
    pub(super) fn read_range(
        &self,
        file: &SourceFile,
        index: usize,
        start: u64,
        len: u64,
    ) -> Result<Vec<u8>, ZipError> {
        let entry = &self.entries[index];
        if entry.deflated {
            let mut bytes = entry.inflate(file)?;
            bytes.truncate((start + len) as usize);
            bytes.drain(..start as usize);
            return Ok(bytes);
        }
        if len == entry.size {
            let bytes = file.read_at(entry.data_at, len)?;
            if !entry.verified.load(Ordering::Relaxed) {
                entry.verify(crc32fast::hash(&bytes))?;
            }
            return Ok(bytes);
        }
        if !entry.verified.load(Ordering::Relaxed) {
            entry.verify(checksum(file, entry.data_at, entry.size)?)?;
        }
        Ok(file.read_at(entry.data_at + start, len)?)
    }
}

impl Entry {
    fn wrong(&self, what: &'static str) -> ZipError {
        ZipError::Entry { name: self.name.clone(), what }
    }

    fn verify(&self, crc: u32) -> Result<(), ZipError> {
        if crc != self.crc {
            return Err(ZipError::Checksum(self.name.clone()));
        }
        self.verified.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn inflate(&self, file: &SourceFile) -> Result<Vec<u8>, ZipError> {
        let packed = file.read_at(self.data_at, self.packed)?;
        let mut bytes = Vec::with_capacity(self.size as usize);
        // One byte more than promised tells a stream that goes on.
        let mut stream = flate2::read::DeflateDecoder::new(&*packed).take(self.size + 1);
        stream.read_to_end(&mut bytes).map_err(|_| self.wrong("is damaged: its data cannot be unpacked"))?;
        if bytes.len() as u64 != self.size {
            return Err(self.wrong("does not unpack to the size it states"));
        }
        self.verify(crc32fast::hash(&bytes))?;
        Ok(bytes)
    }

    /// Whether an entry of these sizes may be read.
    fn check_sizes(&self) -> Result<(), ZipError> {
        if !self.deflated {
            return if self.packed == self.size {
                Ok(())
            } else {
                Err(self.wrong("is not packed but states two sizes"))
            };
        }
        let plausible = self.size <= RATIO_FREE || self.size / MAX_RATIO <= self.packed;
        if self.size > MAX_UNPACKED || !plausible {
            return Err(ZipError::Bomb { name: self.name.clone(), packed: self.packed, size: self.size });
        }
        Ok(())
    }
}

fn checksum(file: &SourceFile, start: u64, len: u64) -> Result<u32, ReadError> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; PIECE.min(len as usize)];
    let mut done = 0;
    while done < len {
        let piece = &mut buffer[..(PIECE as u64).min(len - done) as usize];
        file.read_exact_at(start + done, piece)?;
        hasher.update(piece);
        done += piece.len() as u64;
    }
    Ok(hasher.finalize())
}

/// Where the central directory lies.
struct Directory {
    at: u64,
    len: u64,
    count: u64,
}

impl Directory {
    /// Reads the end records, which must be the last bytes of the file.
    fn locate(file: &SourceFile) -> Result<Self, ZipError> {
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

    fn entries(&self, bytes: &[u8]) -> Result<Vec<Entry>, ZipError> {
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
                return Err(ZipError::UnsafeName(super::error::shown(&entry.name)));
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

/// Replaces the fields that are all ones by those of the zip64 extra field. `order` gives the order in which they stand
/// there.
fn widen<const N: usize>(narrow: [u32; N], extra: &[u8], order: [usize; N]) -> Result<[u64; N], &'static str> {
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

/// Compares every local header and data descriptor with the directory, and finds where the data of each entry begins.
/// Entries come in order of position; the first must begin the file and the last must reach the directory.
fn check_tiling(file: &SourceFile, entries: &mut [Entry], directory_at: u64) -> Result<(), ZipError> {
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

/// Little-endian numbers from the front of a slice; `None` when it is used up.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
