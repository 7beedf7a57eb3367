//! Downloads that are killed, interrupted, or carried out by several processes at once.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bossnas_tests::patience::wait_for;
use bossnas_tests::server::{Fault, Server};
use bossnas_tests::shelf::{NAME, Shelf, noise, sha256};

/// A request may begin so many bytes before the end of what is there.
const SLACK: u64 = 64 << 10;

fn start(shelf: &Shelf) -> Child {
    let mut fetch = shelf.command(&["fetch", NAME, "--json"]);
    fetch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// Numbers that look random, the same each time; the moments that they lead to are random enough.
fn random() -> impl FnMut(u64) -> u64 {
    let mut state = 7_u64;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}

#[test]
fn a_download_that_is_killed_fifty_times_goes_on_each_time() {
    const KILLS: u64 = 50;
    let bytes = noise(64 << 20);
    let len = bytes.len() as u64;
    let server = Server::start([("x.bin", bytes.clone())]);
    server.plan("x.bin", [], Fault::Throttle(40 << 20));
    // As with the released checkpoints no digest is known: what was there must be the same file's.
    let shelf = Shelf::plain(&server.url("x.bin"), None);
    let mut random = random();
    let mut resumed = 0;
    for _ in 0..KILLS {
        let (there, asked) = (shelf.partial_len(), server.requests().len());
        let mut child = start(&shelf);
        // Sometimes before the first byte, sometimes after many.
        let (began, more) = (Instant::now(), random(len / KILLS));
        while shelf.partial_len() < there + more && began.elapsed() < Duration::from_millis(300) {
            sleep(Duration::from_micros(200));
        }
        sleep(Duration::from_micros(random(3000)));
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        for request in &server.requests()[asked..] {
            let start = request.range_start().unwrap_or(0);
            assert!(start <= there && start + SLACK >= there, "{there} bytes were there, {start} were asked for");
            resumed += u64::from(start > 0);
        }
        assert!(ended.is_none(), "it ended before it could be killed: {ended:?}");
    }
    server.plan("x.bin", [], None);
    let file = shelf.fetch(&[]).success().file();
    assert_eq!(file["sha256"], sha256(&bytes));
    assert_eq!(fs::read(file["path"].as_str().unwrap()).unwrap(), bytes, "byte for byte");
    assert!(resumed > KILLS / 2, "most requests went on from where the last one was: {resumed}");
    let sent: u64 = server.requests().iter().map(|request| request.sent).sum();
    // What was on its way when a process was killed came twice.
    assert!(sent < 2 * len, "{sent} bytes were sent for {len}");
    assert_eq!(fs::read_dir(shelf.home().join("partial")).unwrap().count(), 0, "nothing is left");
}

#[test]
fn eight_processes_that_fetch_the_same_file_download_it_once() {
    let bytes = noise(20 << 20);
    let server = Server::start([("x.bin", bytes.clone())]);
    server.plan("x.bin", [], Fault::Throttle(20 << 20));
    let shelf = Shelf::plain(&server.url("x.bin"), None);
    let children: Vec<Child> = (0..8).map(|_| start(&shelf)).collect();
    let mut waited = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        waited += usize::from(said.contains("is downloading it already"));
    }
    assert_eq!(shelf.blobs(), [format!("{}.bin", sha256(&bytes))]);
    shelf.assert_store_is_sound();
    assert_eq!(server.requests().len(), 1, "one of them downloaded");
    assert_eq!(waited, 7, "the others said that they wait");
}

#[test]
fn when_the_one_that_downloads_is_killed_another_goes_on() {
    let bytes = noise(20 << 20);
    let server = Server::start([("x.bin", bytes.clone())]);
    server.plan("x.bin", [], Fault::Throttle(10 << 20));
    let shelf = Shelf::plain(&server.url("x.bin"), None);
    let mut first = start(&shelf);
    wait_for("some bytes", || shelf.partial_len() > 2 << 20);
    let others: Vec<Child> = (0..3).map(|_| start(&shelf)).collect();
    wait_for("more bytes", || shelf.partial_len() > 6 << 20);
    first.kill().unwrap();
    first.wait().unwrap();
    for child in others {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let starts: Vec<u64> = server.requests().iter().map(|request| request.range_start().unwrap_or(0)).collect();
    assert!(matches!(starts.as_slice(), [0, start] if *start > 5 << 20), "{starts:?}");
    assert_eq!(shelf.blobs(), [format!("{}.bin", sha256(&bytes))]);
    shelf.assert_store_is_sound();
}

#[test]
fn a_signal_keeps_what_came_and_says_so() {
    let bytes = noise(8 << 20);
    let server = Server::start([("x.bin", bytes.clone())]);
    server.plan("x.bin", [Fault::Throttle(4 << 20)], None);
    let shelf = Shelf::plain(&server.url("x.bin"), None);
    for signal in ["-INT", "-TERM"] {
        server.plan("x.bin", [Fault::Throttle(4 << 20)], None);
        let before = shelf.partial_len();
        let child = start(&shelf);
        wait_for("some bytes", || shelf.partial_len() > before + (1 << 20));
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stderr).contains("the same command goes on from there"));
    }
    let there = shelf.partial_len();
    let planned = shelf.zoo(&["fetch", NAME, "--dry-run", "--json"]).success().json("fetch-plan");
    assert_eq!(
        (&planned["files"][0]["action"], &planned["files"][0]["partial_bytes"]),
        (&"resume".into(), &there.into())
    );
    let file = shelf.fetch(&[]).success().file();
    assert_eq!((&file["resumed_from"], &file["sha256"]), (&there.into(), &sha256(&bytes).into()));
}

/// A machine that went down may have lost what was not synced, and a file of zeros is no download.
#[test]
fn what_another_boot_left_counts_only_as_far_as_it_was_synced() {
    let bytes = noise(40 << 20);
    let server = Server::start([("x.bin", bytes.clone())]);
    server.plan("x.bin", [Fault::Stall(39 << 20)], None);
    let shelf = Shelf::plain(&server.url("x.bin"), None);
    let mut child = start(&shelf);
    wait_for("most bytes", || shelf.partial_len() >= 39 << 20);
    let folder = shelf.partial().unwrap().parent().unwrap().to_owned();
    wait_for("a sync", || folder.join("synced").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    // The end becomes what a machine that lost its power leaves.
    let synced: u64 = fs::read_to_string(folder.join("synced")).unwrap().parse().unwrap();
    assert!((1 << 20..=39 << 20).contains(&synced), "{synced}");
    let partial = shelf.partial().unwrap();
    let file = fs::File::options().write(true).open(&partial).unwrap();
    file.set_len(synced).unwrap();
    file.set_len(39 << 20).unwrap();
    let name = partial.file_name().unwrap().to_string_lossy().into_owned();
    let mut parts: Vec<&str> = name.split('~').collect();
    parts[1] = "0123456789ab";
    fs::rename(&partial, folder.join(parts.join("~"))).unwrap();
    let file = shelf.fetch(&[]).success().file();
    assert_eq!((&file["resumed_from"], &file["sha256"]), (&synced.into(), &sha256(&bytes).into()));
}

#[test]
fn what_is_whole_but_was_not_put_in_its_place_is_not_asked_for_again() {
    let bytes = noise(1 << 20);
    let server = Server::start([("x.bin", bytes.clone())]);
    let shelf = Shelf::plain(&server.url("x.bin"), None);
    // The connection stays open after the last byte: the process is killed in between.
    server.plan("x.bin", [Fault::Together(vec![Fault::Chunked, Fault::Stall(1 << 20)])], None);
    let mut child = start(&shelf);
    wait_for("all bytes", || shelf.partial_len() == 1 << 20);
    child.kill().unwrap();
    child.wait().unwrap();
    let file = shelf.fetch(&[]).success().file();
    assert_eq!(file["sha256"], sha256(&bytes));
    let last = server.requests().pop().unwrap();
    assert_eq!(
        (last.range_start(), last.status),
        (Some(1 << 20), Some(416)),
        "a range beyond the end says that all is there"
    );
}

#[test]
fn a_disk_that_is_too_small_is_told_before_or_when_it_is_full() {
    let bytes = noise(4 << 20);
    let server = Server::start([("x.bin", bytes.clone())]);
    let shelf = Shelf::plain(&server.url("x.bin"), Some(&sha256(&bytes)));
    // A limit on the size of files fails as a full disk does.
    let program = bossnas_tests::program::binary();
    let script = format!("ulimit -f 2048; exec {} fetch {NAME} --registry registry.toml", program.display());
    let mut limited = Command::new("sh");
    let prepared = shelf.command(&[]);
    limited.args(["-c", &script]).current_dir(shelf.path()).env_clear();
    for (name, value) in prepared.get_envs() {
        limited.env(name, value.unwrap());
    }
    let _ = bossnas_tests::program::finish(&mut limited).failure(1, &["cannot write what came"]);
    assert!(shelf.blobs().is_empty());
    // What came is gone on with.
    let file = shelf.fetch(&[]).success().file();
    assert!(file["resumed_from"].as_u64().unwrap() > 0, "{file}");
    shelf.assert_store_is_sound();

    let registry = fs::read_to_string(shelf.path().join("registry.toml")).unwrap();
    let huge = Shelf::new(&(registry + "bytes = 4_000_000_000_000_000_000\n"));
    server.plan("x.bin", [], Fault::Chunked);
    let _ = huge.fetch(&[]).failure(1, &["needs 4.00 EB", "are free", "BOSSNAS_HOME"]);
    assert_eq!(huge.partial_len(), 0);
}
