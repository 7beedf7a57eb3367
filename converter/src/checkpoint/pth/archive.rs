//! Writes zip archives as PyTorch does: nothing compressed, every entry's data at a multiple of 64 bytes, checksums and
//! sizes behind the data, so that the file is written from front to back.

use std::io::{Error, Write};

/// The data of every entry starts at a multiple of this.
const ALIGNMENT: u64 = 64;
/// Sizes follow the data (bit 3), names are UTF-8 (bit 11).
const FLAGS: u16 = 1 << 3 | 1 << 11;
/// The extra field that pads a local header.
const PADDING_ID: &[u8; 2] = b"FB";

/// An archive being written. All entries lie in one folder.
#[derive(Debug)]
pub struct Archive<W> {
    folder: String,
    out: W,
    position: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    header: u32,
    size: u32,
    crc: u32,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub fn new(folder: &str, out: W) -> Self {
        Self { folder: folder.to_owned(), out, position: 0, entries: Vec::new() }
    }

    /// Adds an entry. Offsets and sizes beyond 4 GB, which would need zip64 entries, are an error.
    pub fn entry(&mut self, name: &str, data: &[u8]) -> Result<(), Error> {
        let name = format!("{}/{name}", self.folder);
        let too_large = |_| Error::other("a checkpoint of more than 4 GB");
        let entry = Entry {
            header: u32::try_from(self.position).map_err(too_large)?,
            size: u32::try_from(data.len()).map_err(too_large)?,
            crc: crc32fast::hash(data),
            name,
        };
        let unpadded = self.position + 30 + entry.name.len() as u64 + 4;
        let padding = (unpadded.next_multiple_of(ALIGNMENT) - unpadded) as u16;

        let mut header = Vec::with_capacity(128);
        header.extend(b"PK\x03\x04");
        put_16(&mut header, &[0, FLAGS, 0, 0, 0]);
        put_32(&mut header, &[0, 0, 0]);
        put_16(&mut header, &[entry.name.len() as u16, 4 + padding]);
        header.extend(entry.name.as_bytes());
        header.extend(PADDING_ID);
        put_16(&mut header, &[padding]);
        header.extend(std::iter::repeat_n(b'Z', padding.into()));
        self.put(&header)?;

        self.put(data)?;

        let mut descriptor = b"PK\x07\x08".to_vec();
        put_32(&mut descriptor, &[entry.crc, entry.size, entry.size]);
        self.put(&descriptor)?;
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the directory and returns the size of the file.
    pub fn finish(mut self) -> Result<u64, Error> {
        let mut directory = Vec::new();
        for entry in &self.entries {
            directory.extend(b"PK\x01\x02");
            put_16(&mut directory, &[0, 0, FLAGS, 0, 0, 0]);
            put_32(&mut directory, &[entry.crc, entry.size, entry.size]);
            put_16(&mut directory, &[entry.name.len() as u16, 0, 0, 0, 0]);
            put_32(&mut directory, &[0, entry.header]);
            directory.extend(entry.name.as_bytes());
        }
        let (start, size, count) = (self.position, directory.len() as u64, self.entries.len() as u64);
        self.put(&directory)?;

        // PyTorch always writes the zip64 form of the end as well.
        let mut end = b"PK\x06\x06".to_vec();
        end.extend(44_u64.to_le_bytes());
        put_16(&mut end, &[0x031e, 45]);
        put_32(&mut end, &[0, 0]);
        for number in [count, count, size, start] {
            end.extend(number.to_le_bytes());
        }
        end.extend(b"PK\x06\x07");
        put_32(&mut end, &[0]);
        end.extend((start + size).to_le_bytes());
        put_32(&mut end, &[1]);
        end.extend(b"PK\x05\x06");
        put_16(&mut end, &[0, 0, count as u16, count as u16]);
        put_32(&mut end, &[size as u32, start as u32]);
        put_16(&mut end, &[0]);
        self.put(&end)?;
        self.out.flush()?;
        Ok(self.position)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

fn put_16(out: &mut Vec<u8>, numbers: &[u16]) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn put_32(out: &mut Vec<u8>, numbers: &[u32]) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}
