use std::fmt::Write as _;
use std::io::Write as _;

use bossnas_files::Sha256;
use bossnas_native::Lock;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// A store, and wheels to install there: the lock that names them and the folder they lie in.
struct Shelf {
    folder: TempDir,
    lock: String,
}

impl Shelf {
    fn new(wheels: &[(&str, &[&str])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut lock = "schema = 1\n[[part]]\nname = 'p'\nversion = '1'\n".to_owned();
        for (name, files) in wheels {
            let bytes = wheel(files);
            fs::write(folder.path().join(name), &bytes).unwrap();
            let mut digest = Sha256::new();
            digest.update(&bytes);
            let (length, digest) = (bytes.len(), digest.finish());
            writeln!(lock, "[[part.package]]\nname = '{name}'\nversion = '1'").unwrap();
            writeln!(lock, "wheels.here = {{ file = '{name}', bytes = {length}, sha256 = '{digest}' }}").unwrap();
        }
        Self { folder, lock }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn place(&self) -> PathBuf {
        self.store().join("p-1")
    }

    fn install(&self) -> anyhow::Result<()> {
        let lock = Lock::parse(&self.lock).unwrap();
        let wheels = lock.part("p").unwrap().wheels("here").unwrap();
        install(&self.place(), &wheels, |_, wheel, folder| {
            let copy = folder.join(&wheel.file_name);
            fs::copy(self.folder.path().join(&wheel.file_name), &copy)?;
            Ok(copy)
        })
    }

    /// The names in the store.
    fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Insists that installing fails with this message and that nothing is left.
    fn refuses(&self, message: &str) {
        let error = format!("{:#}", self.install().unwrap_err());
        assert!(error.contains(message), "{error}");
        assert!(self.entries().is_empty(), "{:?}", self.entries());
    }
}

/// A wheel in which each file holds its own name.
fn wheel(files: &[&str]) -> Vec<u8> {
    let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
    for file in files {
        archive.start_file(*file, SimpleFileOptions::default()).unwrap();
        archive.write_all(file.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const A: (&str, &[&str]) = ("a", &["a/lib/liba.so.1", "a/LICENSE", "a/include/a.h", "a/a.cpython-311-linux.so"]);
const B: (&str, &[&str]) = ("b", &["b/lib/libb.so"]);

#[test]
fn a_part_holds_the_libraries_and_licences_of_its_wheels_and_nothing_else() {
    let shelf = Shelf::new(&[A, B]);
    shelf.install().unwrap();
    let contents = Contents::of(&shelf.place()).unwrap();
    let paths: Vec<&str> = contents.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a/LICENSE", "a/lib/liba.so.1", "b/lib/libb.so"]);
    assert_eq!(fs::read_to_string(shelf.place().join(paths[1])).unwrap(), paths[1]);
    assert!(!shelf.place().join("a/include").exists());
    assert_eq!(shelf.entries(), ["p-1"]);
}

#[test]
fn of_a_package_that_says_what_is_kept_that_and_the_licences_are() {
    let mut shelf = Shelf::new(&[A]);
    shelf.lock = shelf.lock.replace("wheels.here", "keep = ['a/include/', 'a/lib/liba.']\nwheels.here");
    shelf.install().unwrap();
    let contents = Contents::of(&shelf.place()).unwrap();
    let paths: Vec<&str> = contents.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a/LICENSE", "a/include/a.h", "a/lib/liba.so.1"]);
}

#[test]
fn a_wheel_with_another_digest_is_refused() {
    let shelf = Shelf::new(&[A, B]);
    fs::write(shelf.folder.path().join("b"), wheel(&["b/lib/libevil.so"])).unwrap();
    shelf.refuses("`b` has the digest ");
}

#[test]
fn names_that_lead_out_or_come_twice_and_wheels_without_libraries_are_refused() {
    Shelf::new(&[("a", &["../liba.so"])]).refuses("`a` holds `../liba.so`, which leads out");
    Shelf::new(&[("a", &["/elsewhere/liba.so"])]).refuses("leads out of its folder");
    Shelf::new(&[("a", &["x/lib.so"]), ("b", &["x/lib.so"])]).refuses("cannot unpack `x/lib.so`");
    Shelf::new(&[("a", &["x/LICENSE"])]).refuses("`a` holds no shared library");
}

#[test]
fn a_damaged_part_is_replaced() {
    let shelf = Shelf::new(&[A]);
    shelf.install().unwrap();
    fs::write(shelf.place().join("a/lib/liba.so.1"), "half").unwrap();
    assert!(Contents::of(&shelf.place()).is_err());
    shelf.install().unwrap();
    Contents::of(&shelf.place()).unwrap();
    assert_eq!(shelf.entries(), ["p-1"]);
}

#[test]
fn of_many_at_once_one_result_stays() {
    let shelf = Shelf::new(&[A, B]);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| shelf.install())).collect();
        for run in runs {
            run.join().unwrap().unwrap();
        }
    });
    Contents::of(&shelf.place()).unwrap();
    assert_eq!(shelf.entries(), ["p-1"]);
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_a_living_one_has_stays() {
    let shelf = Shelf::new(&[A]);
    let current = Owner::current().to_string();
    let gone = current.replace(&format!("~{}~", std::process::id()), "~4194305~");
    let (alive, gone) = (format!("{PREFIX}{current}~x"), format!("{PREFIX}{gone}~y"));
    for name in [&alive, &gone] {
        fs::create_dir_all(shelf.store().join(name).join("part")).unwrap();
    }
    shelf.install().unwrap();
    let mut entries = shelf.entries();
    entries.sort();
    assert_eq!(entries, [alive, "p-1".to_owned()]);
}
