//! The zip container of `torch.save`, read strictly.
//!
//! Zip files can be read in more than one way: from the central directory at the end or from the headers in between, with
//! bytes before, after or between the entries that one program sees and another does not. Here the file must be tiled
//! without a gap: entries in order of their position, central directory, end records, end of file; and what a local
//! header or a data descriptor says must be what the directory says. Then there is only one way to read it.
//!
//! Format: PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3. PyTorch writes stored entries, with the sizes in data
//! descriptors behind them and with zip64 end records always.

mod directory;
mod error;
mod fields;
mod tiling;

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use bossnas_files::{ReadError, SourceFile};

use self::directory::Directory;
pub use self::error::ZipError;
use self::tiling::check_tiling;

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
