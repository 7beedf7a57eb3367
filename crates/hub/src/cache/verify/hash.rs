//! Reading many files at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use bossnas_files::{ReadError, SourceFile, sha256_with};

use super::checks::Check;
use super::{Damage, Problem};

/// What is wrong with the files, read by as many threads as there are cores; the largest come first, so that none is left
/// alone with one at the end.
pub(super) fn all(checks: &[Check], total: u64, progress: &(dyn Fn(u64, u64) + Sync)) -> Vec<Damage> {
    let mut order: Vec<&Check> = checks.iter().collect();
    order.sort_by_key(|check| std::cmp::Reverse(check.len));
    let (next, done, damages) = (AtomicUsize::new(0), AtomicU64::new(0), Mutex::new(Vec::new()));
    let read = |bytes: u64| progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
    let work = || {
        while let Some(check) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let digest = SourceFile::open(&check.path).and_then(|file| sha256_with(&file, read));
            let problem = match digest {
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
