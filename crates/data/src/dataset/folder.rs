//! A folder for each class, as torchvision's `ImageFolder` reads it: the same classes, the same samples, the same order.
//!
//! A class's number is the place of its folder's name in sorted order. Its images are all files below with the extension
//! of an image, folder by folder. Links are followed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::{DataSetError, ImageFile, Split};

/// The extensions that torchvision takes for images. Those that cannot be decoded here count as images that are broken:
/// passing them over would be another data set.
const EXTENSIONS: [&str; 9] = ["jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp"];

/// Names of folders that hold parts of a data set.
const PARTS: [&str; 3] = ["train", "val", "test"];

/// The folder of the part that is meant: `path` itself unless it is a folder of parts.
pub(super) fn of_split(path: &Path, split: Split) -> Result<PathBuf, DataSetError> {
    let folders = Listing::of(path)?.folders;
    let has = |part: &str| folders.iter().any(|(folder, _)| folder.file_name() == Some(OsStr::new(part)));
    let known = PARTS.iter().filter(|part| has(part)).count();
    if known == 0 || known != folders.len() {
        return Ok(path.to_owned());
    }
    let (parts, wanted) = match split {
        Split::Test => (&PARTS[1..], "`val` or `test`"),
        Split::Train => (&PARTS[..1], "`train`"),
    };
    let part = parts.iter().find(|part| has(part));
    part.map(|part| path.join(part)).ok_or_else(|| DataSetError::NoSplit { path: path.to_owned(), wanted })
}

/// The folder of the part that is meant, of a data set to train on: `train` must be there to be trained on, while scores may be
/// measured on a folder without parts. Where there is a training part, the other one must have the same classes.
pub(super) fn of_training(path: &Path, split: Split) -> Result<PathBuf, DataSetError> {
    let has = |part: &&&str| path.join(part).is_dir();
    let (parts, wanted) = match split {
        Split::Test => (&PARTS[1..], "`val` or `test`"),
        Split::Train => (&PARTS[..1], "`train`"),
    };
    let missing = || DataSetError::NoSplit { path: path.to_owned(), wanted };
    let training = PARTS[..1].iter().find(has).map(|part| path.join(part));
    match (parts.iter().find(has).map(|part| path.join(part)), training) {
        (None, None) if split == Split::Test => Ok(path.to_owned()),
        (None, _) => Err(missing()),
        (Some(part), Some(training)) if part != training => {
            let names = |folder: &Path| -> Result<Vec<OsString>, DataSetError> {
                let folders = Listing::of(folder)?.folders;
                Ok(folders.iter().filter_map(|(folder, _)| folder.file_name().map(OsStr::to_owned)).collect())
            };
            let (trained, tested) = (names(&training)?, names(&part)?);
            let only = |some: &[OsString], others: &[OsString]| {
                some.iter().find(|name| !others.contains(name)).map(|name| name.to_string_lossy().into_owned())
            };
            let problem = match (only(&trained, &tested), only(&tested, &trained)) {
                (Some(name), _) | (None, Some(name)) => format!("only one of them has `{name}`"),
                (None, None) => return Ok(part),
            };
            Err(DataSetError::Classes { path: training, other: part, problem })
        }
        (Some(part), _) => Ok(part),
    }
}

/// The names of the classes, and all images of all of them, their paths from `root`.
pub(super) fn read(root: &Path) -> Result<(Vec<String>, Vec<ImageFile>), DataSetError> {
    let classes = Listing::of(root)?.folders;
    if classes.is_empty() {
        return Err(DataSetError::NoClasses { path: root.to_owned() });
    }
    let mut names = Vec::with_capacity(classes.len());
    let mut images = Vec::new();
    for (label, (folder, _)) in (0..).zip(&classes) {
        let before = images.len();
        for path in images_below(folder)? {
            // Every path begins with `root`, since it was joined from it.
            let path = path.strip_prefix(root).unwrap_or(&path).into();
            images.push(ImageFile { path, label });
        }
        if images.len() == before {
            return Err(DataSetError::EmptyClass { path: folder.clone() });
        }
        names.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }
    Ok((names, images))
}

/// A folder's content, each in the order of names.
struct Listing {
    /// Folders and links to folders; whether it is a link.
    folders: Vec<(PathBuf, bool)>,
    files: Vec<PathBuf>,
}

impl Listing {
    fn of(folder: &Path) -> Result<Self, DataSetError> {
        let failed = |source| DataSetError::unreadable(folder, source);
        let mut listing = Self { folders: Vec::new(), files: Vec::new() };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            // A link that leads nowhere is a file that cannot be read: a broken image, if it has the name of one.
            let leads_to_folder = || fs::metadata(&path).is_ok_and(|about| about.is_dir());
            if kind.is_dir() || (kind.is_symlink() && leads_to_folder()) {
                listing.folders.push((path, kind.is_symlink()));
            } else {
                listing.files.push(path);
            }
        }
        listing.folders.sort_unstable();
        listing.files.sort_unstable_by(|a, b| a.file_name().cmp(&b.file_name()));
        Ok(listing)
    }
}

/// A folder still to be listed, and the real paths of the folders whose links led to it.
struct Pending {
    folder: PathBuf,
    through: Vec<PathBuf>,
}

/// The images in a folder and all folders below it.
fn images_below(folder: &Path) -> Result<Vec<PathBuf>, DataSetError> {
    let mut found: Vec<(PathBuf, Vec<PathBuf>)> = Vec::new();
    let mut pending = vec![Pending { folder: folder.to_owned(), through: Vec::new() }];
    while let Some(Pending { folder, through }) = pending.pop() {
        let listing = Listing::of(&folder)?;
        for (path, is_link) in listing.folders {
            let mut through = through.clone();
            if is_link {
                let real = |path: &Path| fs::canonicalize(path).map_err(|e| DataSetError::unreadable(path, e));
                through.push(real(&folder)?);
                let target = real(&path)?;
                if through.iter().any(|folder| folder.starts_with(&target)) {
                    return Err(DataSetError::Loop { path });
                }
            }
            pending.push(Pending { folder: path, through });
        }
        found.push((folder, listing.files.into_iter().filter(|path| is_image(path)).collect()));
    }
    // As Python sorts paths: as texts, in which the separator is a character like others.
    found.sort_unstable_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
    Ok(found.into_iter().flat_map(|(_, images)| images).collect())
}

fn is_image(path: &Path) -> bool {
    // By the end of the name, as torchvision does it: `.jpg` is an image there, too.
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}
