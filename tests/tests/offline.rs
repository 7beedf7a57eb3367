//! No command but `fetch` ever opens a network connection: each runs where the kernel kills a process that opens a socket.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use bossnas_tests::offline::{AVAILABLE, SIGSYS, command};
use bossnas_tests::program::zoo;
use bossnas_tests::server::Server;
use bossnas_tests::shelf::{NAME, Shelf};
use bossnas_tests::small;

/// What each command is tried with; those that need what others make come after them.
fn tried() -> Vec<Vec<&'static str>> {
    let lines = "list --json
list --data-sets
info Thing
info BossNet-T0
arch bossnet:1/0/1/0
inspect w.pth
export --onnx
export Thing -o thing.onnx
export BossNet-T0 --no-verify -o t0.onnx
run Thing --input input.npy
run thing.onnx --input input.npy
demo -o demo
preprocess flower.jpg -o flower.npy
classify Thing flower.jpg
classify BossNet-Digits demo/digit.png
validate Thing
validate BossNet-Digits --against reference,tract
eval Thing --data list.txt
eval BossNet-Digits --data digits
bench Thing --seconds 0.1 --warm-up 0.1
tune Thing --provider tract --seconds 0.1 --batch 1
search --help
rate --help
retrain --help
evaluate --help
rank --ratings whole.json --accuracy accuracy.csv --space nats-c10
completions bash
man .
cache ls
cache path Thing
cache verify
cache gc
cache rm Thing --dry-run
doctor
list --registry https://example.org/registry.toml
fetch Thing --offline
fetch Thing BossNet-T0 CIFAR-10 --dry-run
fetch BossNet-T0 --offline
fetch BossNet-Digits --offline
fetch Thing --from-file w.pth --force";
    lines.lines().map(|line| line.split(' ').collect()).collect()
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, Option<i32>, String) {
    let mut command = command(folder, arguments.iter().copied());
    if !arguments.contains(&"--registry") {
        command.env("BOSSNAS_REGISTRY", "both.toml");
    }
    let output = command.output().unwrap();
    (output.status.code(), output.status.signal(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn no_command_but_fetch_opens_a_connection() {
    if !AVAILABLE {
        return;
    }
    let bytes = small::checkpoint();
    let server = Server::start([("w.pth", bytes.clone())]);
    let shelf = Shelf::checkpoint(&server.url("w.pth"));
    let folder = shelf.path();
    // The built-in registry and the small network's.
    let built_in = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../registry.toml")).unwrap();
    let small = fs::read_to_string(folder.join("registry.toml")).unwrap();
    fs::write(folder.join("both.toml"), built_in + small.strip_prefix("schema = 1\n").unwrap()).unwrap();
    fs::write(folder.join("w.pth"), &bytes).unwrap();
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo/assets/flower.jpg"), folder.join("flower.jpg"))
        .unwrap();
    fs::write(folder.join("list.txt"), "flower.jpg 0\n").unwrap();
    let side = small::SIDE;
    let input: Vec<f32> = (0..3 * side * side).map(|i| i as f32 / 3000.0).collect();
    fs::write(folder.join("whole.json"), "{\"ratings\": {\"74/62/6\": -8.7, \"74/62/0\": -8.5}}").unwrap();
    fs::write(folder.join("accuracy.csv"), "74/62/6,93.5\n74/62/0,93\n").unwrap();
    bossnas_tests::npy::write(&folder.join("input.npy"), &[1, 3, side, side], &input);

    // The trap works: fetching runs into it, and without it succeeds.
    let (code, signal, said) = run(folder, &["fetch", NAME]);
    assert_eq!((code, signal), (None, Some(SIGSYS)), "{said}");
    assert_eq!(server.requests().len(), 0);
    let _ = shelf.fetch(&[]).success();
    let asked = server.requests().len();

    for arguments in tried() {
        let (code, signal, said) = run(folder, &arguments);
        assert_eq!(signal, None, "{arguments:?} opened a socket\n{said}");
        let expected = match arguments.as_slice() {
            [.., "https://example.org/registry.toml"] => 1,
            ["fetch", "BossNet-T0", "--offline"] => 5,
            _ => 0,
        };
        assert_eq!(code, Some(expected), "{arguments:?}\n{said}");
    }
    assert_eq!(server.requests().len(), asked);
}

#[test]
fn every_command_is_tried() {
    let help = zoo(Path::new("."), ["--help"]).success().stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| line.starts_with("  "));
    // A description that goes on in the next line is further in.
    let names = commands.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let commands: BTreeSet<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    let tried: BTreeSet<&str> = tried().into_iter().map(|arguments| arguments[0]).chain(["help"]).collect();
    assert_eq!(tried, commands);
}
