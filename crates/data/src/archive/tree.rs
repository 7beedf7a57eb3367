//! The files and folders that an archive has made so far, so that none is made twice.

use std::collections::HashMap;

use super::error::Problem;
use super::path::fold;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

#[derive(Debug)]
struct Place {
    path: String,
    kind: Kind,
    /// Whether it had an entry of its own; a folder may be there only because something is in it.
    named: bool,
}

/// What is there, by folded path.
#[derive(Debug)]
pub(super) struct Tree {
    most: usize,
    places: HashMap<String, Place>,
}

impl Tree {
    /// A tree of at most that many files and folders, those included that have no entry of their own.
    pub(super) fn new(most: usize) -> Self {
        Self { most, places: HashMap::new() }
    }

    /// Notes an entry, and the folders on its path, which may have an entry later or not at all.
    pub(super) fn add(&mut self, path: &str, kind: Kind) -> Result<(), Problem> {
        for (end, _) in path.match_indices('/') {
            self.place(&path[..end], Kind::Folder, false)?;
        }
        self.place(path, kind, true)
    }

    fn place(&mut self, path: &str, kind: Kind, named: bool) -> Result<(), Problem> {
        let folded = fold(path);
        if let Some(place) = self.places.get_mut(&folded) {
            let same = place.kind == Kind::Folder && kind == Kind::Folder && place.path == path;
            if !same || (named && place.named) {
                return Err(Problem::Twice { path: path.to_owned(), first: place.path.clone() });
            }
            place.named |= named;
            return Ok(());
        }
        if self.places.len() >= self.most {
            return Err(Problem::Entries(self.most));
        }
        self.places.insert(folded, Place { path: path.to_owned(), kind, named });
        Ok(())
    }
}
