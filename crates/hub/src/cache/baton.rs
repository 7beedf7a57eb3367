//! One file that is handed from process to process by renaming it.
//!
//! A baton is a folder with exactly one file in it whose name begins with `@`: `@free`, or `@` and the [`Owner`] that has
//! it. Renaming is atomic, and the name that is renamed says from whom it is taken, so of all processes that find a free
//! or abandoned baton exactly one gets it. No file lock is involved.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::owner::{Owner, Presence};

const FREE: &str = "@free";

/// Other files of a baton's folder must not begin with this.
const MARK: char = '@';

/// A baton that this process has. Dropping it leaves it where it is: whoever comes next sees that the process is gone, or,
/// within this process, that it was not handed back.
#[derive(Debug)]
pub struct Baton {
    folder: PathBuf,
    previous: Option<Owner>,
}

/// What came of asking for a baton.
#[derive(Debug)]
pub enum Claim {
    /// It is ours.
    Held(Baton),
    /// Somebody has it.
    Busy(Owner),
}

impl Baton {
    /// Asks for the baton `folder`, which is made when it is not there. One that belongs to a process of this machine
    /// that ended is taken at once; one of another machine when its file has not changed for `patience`.
    pub fn claim(folder: &Path, patience: Duration) -> io::Result<Claim> {
        // Each turn ends in an answer unless another process was quicker.
        loop {
            let Some(token) = token_in(folder)? else {
                if Self::make(folder)? {
                    return Ok(Claim::Held(Self { folder: folder.to_owned(), previous: None }));
                }
                continue;
            };
            let previous = match token.strip_prefix(MARK).unwrap_or_default().parse::<Owner>() {
                Ok(owner) => Some(owner),
                Err(_) if token == FREE => None,
                // Not a name of ours.
                Err(_) => return Err(io::Error::new(ErrorKind::InvalidData, format!("`{token}` is no owner"))),
            };
            if let Some(owner) = &previous {
                let available = match owner.presence() {
                    Presence::Alive => false,
                    Presence::Gone => true,
                    Presence::Elsewhere => match unchanged_for(&folder.join(&token)) {
                        Ok(age) => age >= patience,
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        Err(error) => return Err(error),
                    },
                };
                if !available {
                    return Ok(Claim::Busy(owner.clone()));
                }
            }
            match fs::rename(folder.join(&token), folder.join(own_token())) {
                Ok(()) => return Ok(Claim::Held(Self { folder: folder.to_owned(), previous })),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts a new baton at `folder`, held by this process; `false` when another one was quicker. It is made beside its place
    /// and moved there, so that nobody ever sees a folder that is about to get its file.
    fn make(folder: &Path) -> io::Result<bool> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let parent = folder.parent().unwrap_or(Path::new("."));
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let scratch = parent.join(format!(".{name}.new{count}-{}", Owner::current()));
        fs::create_dir_all(&scratch)?;
        File::create(scratch.join(own_token()))?;
        // An empty folder is what a baton that ended leaves for a moment.
        let _ = fs::remove_dir(folder);
        let moved = fs::rename(&scratch, folder);
        if moved.is_err() {
            fs::remove_dir_all(&scratch)?;
        }
        match moved {
            Ok(()) => Ok(true),
            Err(_) if folder.is_dir() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.folder.join(own_token())
    }

    /// The folder, for files that go with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who left it behind.
    pub fn previous(&self) -> Option<&Owner> {
        self.previous.as_ref()
    }

    /// Hands it back, for whoever comes next.
    pub fn release(self) -> io::Result<()> {
        fs::rename(self.path(), self.folder.join(FREE))
    }

    /// Ends the baton: its file is moved by `take`, all else in its folder is removed, then the folder.
    pub fn end<E: From<io::Error>>(self, take: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
        // In this order a folder without its file is empty, and whoever finds it so may remove it.
        let own = own_token();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy() != own {
                fs::remove_file(entry.path())?;
            }
        }
        take(&self.path())?;
        match fs::remove_dir(&self.folder) {
            // Somebody else saw it empty: it is removed, or a new baton already.
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => {
                Err(error.into())
            }
            _ => Ok(()),
        }
    }

    /// The file of the baton `folder` and who has it, for looking only.
    pub fn look(folder: &Path) -> io::Result<Option<(PathBuf, Option<Owner>)>> {
        let token = token_in(folder)?;
        Ok(token.map(|token| (folder.join(&token), token.strip_prefix(MARK).and_then(|name| name.parse().ok()))))
    }
}

fn own_token() -> String {
    format!("{MARK}{}", Owner::current())
}

fn token_in(folder: &Path) -> io::Result<Option<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(MARK) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// How long ago a file was changed, by the clock of its file system, which may be another machine's.
fn unchanged_for(path: &Path) -> io::Result<Duration> {
    let changed = fs::metadata(path)?.modified()?;
    let folder = path.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let now = tempfile::Builder::new().prefix(".clock").tempfile_in(folder)?.as_file().metadata()?.modified()?;
    Ok(now.duration_since(changed).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(10);

    fn held(folder: &Path) -> Baton {
        match Baton::claim(folder, PATIENCE).unwrap() {
            Claim::Held(baton) => baton,
            Claim::Busy(owner) => panic!("held by {owner}"),
        }
    }

    /// A baton that belongs to `owner`.
    fn of(folder: &Path, owner: &str) {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join(format!("@{owner}")), b"begun").unwrap();
    }

    #[test]
    fn one_has_it_until_it_is_handed_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let baton = held(&path);
        fs::write(baton.path(), b"some").unwrap();
        assert!(matches!(Baton::claim(&path, PATIENCE).unwrap(), Claim::Busy(owner) if owner == *Owner::current()));
        baton.release().unwrap();
        let baton = held(&path);
        assert_eq!((fs::read(baton.path()).unwrap(), baton.previous()), (b"some".to_vec(), None));
        fs::write(baton.folder().join("notes"), b"n").unwrap();
        baton.end(|file| fs::rename(file, folder.path().join("done"))).unwrap();
        assert!(!path.exists());
        assert_eq!(fs::read(folder.path().join("done")).unwrap(), b"some");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_process_left_behind_is_taken_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let current = Owner::current().to_string();
        let parts: Vec<&str> = current.split('~').collect();
        of(&path, &format!("{}~{}~{}~1", parts[0], parts[1], child.id()));
        let baton = held(&path);
        assert_eq!(fs::read(baton.path()).unwrap(), b"begun");
        assert_eq!(baton.previous().unwrap().process(), child.id());
    }

    #[test]
    fn what_belongs_to_another_machine_is_left_until_it_stopped_growing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        of(&path, "elsewhere~0123~7~8");
        assert!(matches!(Baton::claim(&path, PATIENCE).unwrap(), Claim::Busy(owner) if owner.host() == "elsewhere"));
        let file = File::options().write(true).open(path.join("@elsewhere~0123~7~8")).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_mins(11)).unwrap();
        assert_eq!(fs::read(held(&path).path()).unwrap(), b"begun");
    }

    #[test]
    fn an_empty_folder_is_an_ended_baton_and_a_strange_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::create_dir(&path).unwrap();
        drop(held(&path));
        let strange = folder.path().join("y");
        of(&strange, "not an owner");
        assert_eq!(Baton::claim(&strange, PATIENCE).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn of_many_that_ask_at_once_one_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let path = folder.path().join(round.to_string());
            let won: usize = std::thread::scope(|scope| {
                let ask = || scope.spawn(|| matches!(Baton::claim(&path, PATIENCE).unwrap(), Claim::Held(_)));
                let threads: Vec<_> = (0..4).map(|_| ask()).collect();
                threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
            });
            assert_eq!(won, 1);
        }
    }
}
