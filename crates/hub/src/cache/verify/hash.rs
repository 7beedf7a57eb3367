//! Reading many files at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use bossnas_files::{Digest, ReadError, Sha256, SourceFile};

use super::checks::Check;
use super::{Damage, Problem};

/// Bytes that each thread has in memory.
const PIECE: u64 = 1 << 20;

/// What is wrong with the files, read by as many threads as there are cores; the largest come first, so that none is left
/// alone with one at the end.
pub(super) fn all(checks: &[Check], total: u64, progress: &(dyn Fn(u64, u64) + Sync)) -> Vec<Damage> {
    let mut order: Vec<&Check> = checks.iter().collect();
    order.sort_by_key(|check| std::cmp::Reverse(check.len));
    let (next, done, damages) = (AtomicUsize::new(0), AtomicU64::new(0), Mutex::new(Vec::new()));
    let read = |bytes: u64| progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
    let work = || {
        while let Some(check) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let problem = match digest(check, &read) {
                Ok(found) if found == check.sha256 => continue,
                Ok(found) => Problem::Digest { expected: check.sha256, found },
                Err(ReadError::Missing { .. }) => Problem::Missing,
                Err(error) => Problem::Unreadable(error.to_string()),
            };
            damages.lock().unwrap_or_else(PoisonError::into_inner).push(check.damage(problem));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(order.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    damages.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn digest(check: &Check, read: &dyn Fn(u64)) -> Result<Digest, ReadError> {
    let file = SourceFile::open(&check.path)?;
    let mut buffer = vec![0; PIECE.min(file.len()) as usize];
    let (mut digest, mut position) = (Sha256::new(), 0);
    while position < file.len() {
        let piece = &mut buffer[..PIECE.min(file.len() - position) as usize];
        file.read_exact_at(position, piece)?;
        digest.update(piece);
        position += piece.len() as u64;
        read(piece.len() as u64);
    }
    Ok(digest.finish())
}
