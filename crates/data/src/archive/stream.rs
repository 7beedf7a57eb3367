//! The unzipped stream of an archive, bounded.

use std::io::{self, BufRead, BufReader, Read};

use bossnas_files::{RangeReader, SourceFile};
use flate2::bufread::GzDecoder;

use super::error::Problem;
use super::{BLOCK, Limits};

const BUFFER: usize = 64 << 10;

/// Unzipped bytes that no ratio forbids.
const FREE: u64 = 1 << 20;

/// Reads one gzip member and counts.
pub(super) struct Unzipped<'a> {
    decoder: GzDecoder<BufReader<Counted<'a>>>,
    limits: &'a Limits,
    read: u64,
}

/// The archive itself, and who wants to know how much of it was read.
struct Counted<'a> {
    reader: RangeReader<'a>,
    read: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a> Unzipped<'a> {
    pub(super) fn new(
        archive: &'a SourceFile,
        limits: &'a Limits,
        progress: &'a mut dyn FnMut(u64),
    ) -> io::Result<Self> {
        let reader = archive.reader(0, archive.len()).map_err(io::Error::other)?;
        let counted = Counted { reader, read: 0, progress };
        Ok(Self { decoder: GzDecoder::new(BufReader::with_capacity(BUFFER, counted)), limits, read: 0 })
    }

    /// Reads on to the end, where the checksum is compared. There must be at least two blocks of zeros since `files`, the
    /// position after the last file, nothing but zeros, and no second member.
    pub(super) fn finish(mut self, files: u64) -> Result<(), Problem> {
        let mut buffer = vec![0; BUFFER];
        loop {
            match self.read(&mut buffer).map_err(Problem::read)? {
                0 => break,
                read if buffer[..read].iter().any(|&byte| byte != 0) => return Err(Problem::Trailing),
                _ => {}
            }
        }
        if self.read.saturating_sub(files) < 2 * BLOCK {
            return Err(Problem::End);
        }
        let mut rest = self.decoder.into_inner();
        if rest.fill_buf().map_err(Problem::read)?.is_empty() { Ok(()) } else { Err(Problem::Trailing) }
    }
}

impl Read for Unzipped<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer)?;
        self.read += read as u64;
        let packed = self.decoder.get_ref().get_ref().read;
        if self.read > self.limits.bytes {
            return Err(io::Error::other(Problem::Bytes(self.limits.bytes)));
        }
        if self.read > FREE.saturating_add(packed.saturating_mul(self.limits.ratio)) {
            return Err(io::Error::other(Problem::Ratio(self.limits.ratio)));
        }
        Ok(read)
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.read += read as u64;
        (self.progress)(self.read);
        Ok(read)
    }
}
