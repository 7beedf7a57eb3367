//! A search as people run it: begun, killed, resumed, refused. The search is a tiny one of the handwritten digits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bossnas_model::random::splitmix64;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// 5 batches an epoch, 2 epochs a stage, an update after every third batch: 40 steps.
const CONFIG: &str = "preset = \"digits\"\nbase = 2\n[training]\nbatch-size = 256\nepochs = 2\naccumulate = 3\n\
                      [rating]\nevery = 1\nimages = 24\nbatch-size = 16\nbn-images = 16\n";
const STEPS: u64 = 40;

fn program(arguments: &[&str]) -> Command {
    let program = std::env::var_os("BOSSNAS_TRAIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_bossnas-train").into());
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A folder with a configuration, for runs.
struct Place(tempfile::TempDir);

impl Place {
    fn new(config: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.0.path().join("config.toml"), config).unwrap();
        place
    }

    fn command(&self, run: &str, more: &[&str]) -> Command {
        let mut command = program(&["search", "--config", "config.toml", "--threads", "1", "--out", run]);
        command.args(more).current_dir(self.0.path());
        command
    }

    fn search(&self, run: &str, more: &[&str]) -> Output {
        self.command(run, more).output().unwrap()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.file(name)).unwrap()).unwrap()
    }

    /// What must not depend on interruptions: the digests of the weights, all ratings, and the architecture.
    fn results(&self, run: &str) -> BTreeMap<String, Vec<u8>> {
        let checkpoint = self.json(&format!("{run}/checkpoint.json"));
        let weights = fs::read(self.file(run).join(checkpoint["file"].as_str().unwrap())).unwrap();
        let mut results = BTreeMap::from([
            ("weights".to_owned(), Sha256::digest(&weights).to_vec()),
            ("arch.json".to_owned(), fs::read(self.file(run).join("arch.json")).unwrap()),
        ]);
        for entry in fs::read_dir(self.file(run).join("ratings")).unwrap() {
            let entry = entry.unwrap();
            results.insert(entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
        }
        results
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn finished(output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
}

/// The last step that a log tells of.
fn last_step(log: &Path) -> u64 {
    let text = fs::read_to_string(log).unwrap_or_default();
    let steps = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    steps.filter_map(|event| event["step"].as_u64()).max().unwrap_or(0)
}

/// Kills a run when its log has reached a step; says whether it was still running.
fn kill_at(mut child: Child, log: &Path, step: u64) -> bool {
    let begun = Instant::now();
    while last_step(log) < step {
        assert!(begun.elapsed() < Duration::from_mins(5), "the run does not get to step {step}");
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

fn killed_again_and_again(kills: u64) {
    let place = Place::new(CONFIG);
    finished(&place.search("whole", &[]));
    let mut steps: Vec<u64> = (0..kills).map(|kill| 1 + splitmix64(11, kill) % (STEPS - 1)).collect();
    steps.sort_unstable();
    let log = place.file("killed/log.jsonl");
    let mut killed = 0;
    for (number, &step) in steps.iter().enumerate() {
        // Another number of loader threads each time; checkpoints in the middle of sums of gradients.
        let workers = (1 + number % 3).to_string();
        let mut command = place.command("killed", &["--save-steps", "2", "--workers", &workers]);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        killed += u64::from(kill_at(child, &log, step));
    }
    // The last ones may come too late.
    assert!(killed + 2 >= kills, "{killed} of {kills} were killed");
    finished(&place.search("killed", &[]));
    let (whole, killed) = (place.results("whole"), place.results("killed"));
    assert_eq!(whole.keys().collect::<Vec<_>>(), killed.keys().collect::<Vec<_>>());
    for (name, content) in &whole {
        assert!(*content == killed[name], "{name} differs");
    }
}

#[test]
fn a_run_that_was_killed_ends_in_the_same_bytes() {
    killed_again_and_again(5);
}

#[test]
#[ignore = "minutes: `cargo xtask experiment kills`"]
fn a_run_that_was_killed_twenty_times_ends_in_the_same_bytes() {
    killed_again_and_again(20);
}

#[test]
fn a_run_leaves_all_that_people_look_at() {
    let place = Place::new(CONFIG);
    let dry = place.search("run", &["--dry-run"]);
    finished(&dry);
    assert!(String::from_utf8_lossy(&dry.stdout).contains("steps"), "{}", String::from_utf8_lossy(&dry.stdout));
    assert!(!place.file("run").exists(), "a dry run writes nothing");

    // Two stages, then a few steps, then the rest.
    finished(&place.search("run", &["--stages", "0..2"]));
    assert_eq!(place.json("run/checkpoint.json")["stage"], 2);
    assert_eq!(place.json("run/arch.json")["best_paths"].as_array().unwrap().len(), 2);
    finished(&place.search("run", &["--max-steps", "23"]));
    assert_eq!(place.json("run/checkpoint.json")["step"], 23);
    let only_later = place.search("run", &["--stages", "3.."]);
    assert_eq!(only_later.status.code(), Some(1), "{}", stderr(&only_later));
    assert!(stderr(&only_later).contains("the run stands at stage 2"), "{}", stderr(&only_later));
    finished(&place.search("run", &[]));

    let arch = place.json("run/arch.json");
    assert_eq!(arch["schema"], "bossnas-zoo/arch/1");
    assert!(
        arch["arch"].as_str().unwrap().starts_with("hytra:") && arch["arch"].as_str().unwrap().ends_with("+base=2")
    );
    for (stage, scores) in [(0, 51), (1, 16)] {
        let rating = place.json(&format!("run/ratings/stage-{stage}.json"));
        assert!(rating["scores"].as_object().unwrap().len() >= scores, "stage {stage}");
        assert_eq!(rating["order"].as_array().unwrap().len(), rating["scores"].as_object().unwrap().len());
        assert_eq!(rating["best_paths"].as_array().unwrap().len(), stage);
    }
    let history = place.json("run/ratings/history.json");
    assert_eq!(history.as_array().unwrap().len(), 8, "a rating after each epoch of each stage");
    assert!(fs::read_to_string(place.file("run/ratings/path_rank_0.yml")).unwrap().starts_with("- !!python/tuple"));
    assert!(place.file("run/ratings/bestpath_3.yml").exists());
    let report = fs::read_to_string(place.file("run/report.html")).unwrap();
    assert!(report.contains("data:image/svg+xml") && report.contains("<dd>finished</dd>"));
    let checkpoints = fs::read_dir(place.file("run")).unwrap().filter_map(Result::ok);
    let checkpoints = checkpoints.filter(|entry| entry.file_name().to_string_lossy().ends_with(".safetensors"));
    assert_eq!(checkpoints.count(), 1, "only the last one is kept");

    // The weights are still those that the last stage was rated with; of stages before, targets go on following.
    let again = |more: &[&str]| {
        let arguments = ["rate", "--run", "run", "--stage", "3", "--threads", "1", "--json"];
        let output = program(&[&arguments, more].concat()).current_dir(place.0.path()).output().unwrap();
        finished(&output);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (same, other) = (again(&[]), again(&["--seed", "7"]));
    let rating = place.json("run/ratings/stage-3.json");
    assert_eq!((&same["order"], &same["best_paths"]), (&rating["order"], &rating["best_paths"]));
    let far = |document: &Value| {
        let scores = document["scores"].as_object().unwrap();
        let off = |(path, score): (&String, &Value)| {
            (score.as_f64().unwrap() - rating["scores"][path].as_f64().unwrap()).abs()
        };
        scores.iter().map(off).fold(0.0, f64::max)
    };
    assert!(far(&same) == 0.0 && far(&other) > 1e-4, "{} {}", far(&same), far(&other));

    // Nothing is left to do, and that is fine.
    let before = place.results("run");
    finished(&place.search("run", &[]));
    assert!(before == place.results("run"));
}

#[test]
#[cfg(unix)]
fn a_signal_saves_and_ends_with_six() {
    let place = Place::new(CONFIG);
    let child = place.command("run", &[]).stderr(Stdio::piped()).spawn().unwrap();
    let log = place.file("run/log.jsonl");
    while last_step(&log) < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(stderr(&output).contains("the same command goes on"), "{}", stderr(&output));
    let saved = place.json("run/checkpoint.json")["step"].as_u64().unwrap();
    assert!(saved >= 3 && saved >= last_step(&log) - 1, "saved at {saved}");
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let place = Place::new(CONFIG);
    finished(&place.search("run", &["--max-steps", "1"]));
    let refused = |arguments: &[&str], code: i32, parts: &[&str]| {
        let output = program(arguments).current_dir(place.0.path()).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{arguments:?}: {part} in {text}");
        }
    };
    refused(&["search", "--config", "nats", "--out", "x"], 2, &["no preset and no file `nats`", "nats-c10"]);
    refused(&["search", "--out", "x"], 2, &["holds no run"]);
    refused(&["search", "--config", "nats-c10", "--out", "x"], 2, &["needs --data"]);
    refused(&["search", "--config", "nats-c10", "--data", "nowhere", "--out", "x"], 1, &["nowhere"]);
    refused(&["search", "--config", "digits", "--data", ".", "--out", "x"], 2, &["come with the program"]);
    refused(
        &["search", "--config", "digits", "--out", "run"],
        1,
        &["another configuration", "base: 2", "training.epochs"],
    );
    refused(&["search", "--config", "config.toml", "--out", "run", "--seed", "7"], 1, &["seed: 0 in the run, 7 asked"]);
    refused(&["search", "--config", "config.toml", "--out", "run", "--resume", "no"], 1, &["holds a run already"]);
    refused(&["search", "--config", "digits", "--out", "."], 1, &["holds other files"]);
    refused(&["search", "--config", "digits", "--out", "x", "--stages", "2..1"], 2, &["A..B"]);
    refused(&["search", "--config", "digits", "--out", "x", "--stages", "9.."], 2, &["no stage 9"]);
    fs::write(
        place.file("bad.toml"),
        "preset = \"digits\"\nspeed = 1\n[training]\nepochs = 0\nbatch-size = \"many\"\n",
    )
    .unwrap();
    refused(
        &["search", "--config", "bad.toml", "--out", "x"],
        1,
        &["3 mistakes", "line 2: there is no `speed`", "line 4: `training.epochs`", "line 5: `training.batch-size`"],
    );
    fs::write(place.file("large.toml"), "preset = \"digits\"\n[training]\nbatch-size = 5000\n").unwrap();
    refused(&["search", "--config", "large.toml", "--out", "x"], 1, &["5000 images", "training.batch-size"]);
    if !tch::Cuda::is_available() {
        refused(&["search", "--config", "digits", "--out", "x", "--device", "cuda"], 4, &["cuda:0"]);
    }
}

#[test]
fn one_process_at_a_time_works_on_a_run() {
    let place = Place::new(CONFIG);
    let mut first = place.command("run", &[]).stderr(Stdio::null()).spawn().unwrap();
    while last_step(&place.file("run/log.jsonl")) < 1 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = place.search("run", &[]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("another process"), "{}", stderr(&second));
    first.kill().unwrap();
    first.wait().unwrap();
    finished(&place.search("run", &["--max-steps", "5"]));
}

#[test]
fn a_checkpoint_that_was_changed_is_not_gone_on_with() {
    let place = Place::new(CONFIG);
    finished(&place.search("run", &["--max-steps", "2"]));
    let path = place.file("run").join(place.json("run/checkpoint.json")["file"].as_str().unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let output = place.search("run", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("its SHA-256 is another"), "{}", stderr(&output));
}

/// A limit on the size of files is to a program what a full disk is.
#[test]
#[cfg(unix)]
fn when_the_disk_is_full_the_last_checkpoint_survives() {
    let place = Place::new(CONFIG);
    finished(&place.search("run", &["--max-steps", "2"]));
    let before = place.json("run/checkpoint.json");
    let file = place.file("run").join(before["file"].as_str().unwrap());
    let kilobytes = fs::metadata(&file).unwrap().len() / 1024 - 8;
    let program = place.command("run", &["--max-steps", "4"]);
    let line = std::iter::once(program.get_program()).chain(program.get_args());
    let line: Vec<String> = line.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let limited = format!("ulimit -f {kilobytes}; exec {}", line.join(" "));
    let output = Command::new("bash").args(["-c", &limited]).current_dir(place.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(place.json("run/checkpoint.json"), before);
    finished(&place.search("run", &["--max-steps", "4"]));
}
