//! Removing what a plan says, each thing in the way that no other process is harmed.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use super::plan::{How, Plan, Step, is_state_dict};
use super::{Kept, Removal, Swept};
use crate::cache::inventory::Links;
use crate::cache::{Baton, Cache, CacheError, Claim, Owner, PATIENCE};

/// Between a state dict's appearance and that of its record are a few writes.
const RECORDED_WITHIN: Duration = Duration::from_secs(2);

enum Done {
    Removed,
    Kept(String),
}

/// The time by the clock of the cache's file system, which may be another machine's.
pub(super) fn clock(root: &Path) -> SystemTime {
    let file = tempfile::Builder::new().prefix(".clock").tempfile_in(root);
    let time = file.and_then(|file| file.as_file().metadata()).and_then(|meta| meta.modified());
    time.unwrap_or_else(|_| SystemTime::now())
}

pub(super) fn run(cache: &Cache, plan: Plan, dry_run: bool) -> Swept {
    let mut swept = Swept { kept: plan.kept, ..Swept::default() };
    let mut gone = Links::default();
    for step in plan.steps {
        let mut links = Links::default();
        links.add_tree(&step.path);
        let outcome = if dry_run { Ok(Done::Removed) } else { carry_out(cache, &step) };
        let Step { path, bytes, reason, .. } = step;
        match outcome {
            Ok(Done::Removed) => {
                gone.merge(links);
                swept.removed.push(Removal { path, bytes, reason });
            }
            Ok(Done::Kept(why)) => swept.kept.push(Kept { path, bytes, why, failed: false }),
            Err(error) => swept.kept.push(Kept { path, bytes, why: error.to_string(), failed: true }),
        }
    }
    swept.freed = gone.freed();
    swept
}

fn carry_out(cache: &Cache, step: &Step) -> Result<Done, CacheError> {
    let path = step.path.as_path();
    let removed = match step.how {
        How::Plain => remove(path),
        How::Folder => remove_folder(path),
        How::Orphan => return remove_orphan(cache, path),
        How::Claimed => match Baton::claim(path, PATIENCE).map_err(CacheError::io(path))? {
            Claim::Held(baton) => baton.end(|file| fs::remove_file(file)),
            Claim::Busy(owner) => {
                let (process, host) = (owner.process(), owner.host());
                return Ok(Done::Kept(format!("process {process} on {host} has taken it up")));
            }
        },
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Done::Kept("another process removed it".to_owned())),
        removed => removed.map(|()| Done::Removed).map_err(CacheError::io(path)),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Where a folder is in its place it is whole: it leaves its place before the first file is removed.
fn remove_folder(path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let scratch = path.with_file_name(format!(".{name}.removed.new-{}", Owner::current()));
    fs::rename(path, &scratch)?;
    fs::remove_dir_all(&scratch)
}

/// While the lock is held nobody records anything. A state dict that appeared a moment ago is given the time to be recorded.
fn remove_orphan(cache: &Cache, path: &Path) -> Result<Done, CacheError> {
    let changed = || path.symlink_metadata().and_then(|meta| meta.modified()).ok();
    let before = changed();
    let age = before.and_then(|changed| clock(cache.root()).duration_since(changed).ok()).unwrap_or_default();
    if is_state_dict(path) && age < RECORDED_WITHIN {
        sleep(RECORDED_WITHIN);
    }
    cache.change_lock(|lock| {
        if cache.recorded_blobs(lock).contains(path) {
            return Ok(Done::Kept("it has been recorded by now".to_owned()));
        }
        if changed() != before {
            return Ok(Done::Kept("another process has just made it anew".to_owned()));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Done::Kept("another process removed it".to_owned()))
            }
            removed => removed.map(|()| Done::Removed).map_err(CacheError::io(path)),
        }
    })?
}
