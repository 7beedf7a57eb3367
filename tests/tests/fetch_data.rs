//! Data sets are fetched, unpacked and found again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use bossnas_tests::program::{scratch, zoo};
use bossnas_tests::server::Server;
use bossnas_tests::shelf::{NAME, Shelf, noise, sha256};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

/// An archive of these files; paths are written as they are.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, bytes) in files {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// A data set of the layout of CIFAR-10.
fn shelf(server: &Server, bytes: &[u8]) -> Shelf {
    let (url, digest) = (server.url("c.tar.gz"), sha256(bytes));
    Shelf::new(&format!(
        "schema = 1\n[[data_set]]\nname = \"{NAME}\"\naliases = [\"it\"]\nlayout = \"cifar10\"\nsource = \"tests\"\nlicence = \"none\"\n\
         files = [{{ url = \"{url}\", sha256 = \"{digest}\" }}]\n"
    ))
}

fn folder_of(outcome: &bossnas_tests::program::Outcome) -> PathBuf {
    outcome.json("fetch")["entries"][0]["folder"].as_str().unwrap().into()
}

#[test]
fn an_archive_is_unpacked_with_the_digests_of_its_files() {
    let batch = noise(200_000);
    let bytes = archive(&[("cifar-10-batches-py/data_batch_1", &batch), ("cifar-10-batches-py/readme.html", b"hello")]);
    let server = Server::start([("c.tar.gz", bytes.clone())]);
    let shelf = shelf(&server, &bytes);
    let folder = folder_of(&shelf.fetch(&[]).success());
    assert_eq!(fs::read(folder.join("cifar-10-batches-py/data_batch_1")).unwrap(), batch);
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    assert!(sums.contains(&format!("{}  cifar-10-batches-py/data_batch_1\n", sha256(&batch))), "{sums}");
    let listed = shelf.zoo(&["list", "--json"]).success().json("list");
    assert_eq!(listed["data_sets"][0]["folder"], folder.display().to_string());

    // What was unpacked and is gone is unpacked again, from the cache.
    fs::remove_dir_all(&folder).unwrap();
    let asked = server.requests().len();
    assert_eq!(folder_of(&shelf.zoo(&["fetch", "IT", "--json"]).success()), folder);
    assert!(folder.join("cifar-10-batches-py/readme.html").is_file());
    assert_eq!(server.requests().len(), asked);

    // And what was changed is noticed, and unpacked anew by force.
    let readme = folder.join("cifar-10-batches-py/readme.html");
    fs::write(&readme, b"changed").unwrap();
    let verified = shelf.zoo(&["cache", "verify"]);
    let _ = verified.failure(5, &["readme.html", "--force"]);
    let _ = shelf.fetch(&["--force"]).success();
    assert_eq!(fs::read(&readme).unwrap(), b"hello");
    let _ = shelf.zoo(&["cache", "verify"]).success();
    assert_eq!(fs::read_dir(shelf.home().join("data")).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn an_archive_that_would_write_elsewhere_is_refused() {
    let bytes = archive(&[("fine", b"x"), ("../../escaped", b"x")]);
    let server = Server::start([("c.tar.gz", bytes.clone())]);
    let shelf = shelf(&server, &bytes);
    let _ = shelf.fetch(&[]).failure(1, &["../../escaped", "leads out of the archive"]);
    assert_eq!(fs::read_dir(shelf.home().join("data")).unwrap().count(), 0, "nothing is left of it");
    assert!(!shelf.home().join("escaped").exists() && !shelf.path().join("escaped").exists());
}

/// The real files, from a folder, with the digests of the built-in registry.
#[test]
fn the_published_ratings_are_those_of_the_registry() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ranking");
    if !shared.is_dir() {
        eprintln!("SKIPPED: the published ratings are not beside this repository");
        return;
    }
    for (name, folder, count) in [("ranks-mbconv", "mbconv", 5), ("ranks-nats-c10", "nats-c10", 4)] {
        let home = scratch();
        let from = shared.join(folder).display().to_string();
        let outcome = zoo(home.path(), ["fetch", name, "--from-file", &from, "--offline", "--json"]).success();
        let files = outcome.json("fetch")["entries"][0]["files"].as_array().unwrap().clone();
        assert_eq!(files.len(), count);
        assert!(files.iter().all(|file| file["trust"] == "registry"));
        let best = fs::read_to_string(folder_of(&outcome).join("path_rank_0.yml")).unwrap();
        assert!(best.starts_with("- !!python/tuple"), "{best}");
    }
}
