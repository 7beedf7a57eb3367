//! Retraining as people do it: begun, killed, resumed, refused, handed on. The network is a tiny one, the images are the digits.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bossnas_converter::checkpoint::{Checkpoint, Choice, StateDictName};
use bossnas_data::dataset::{DataSet, Split};
use bossnas_model::random::splitmix64;
use bossnas_model::weights::Weights as _;
use bossnas_testkit::deit;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const ARCH: &str = "bossnet:1/0/1/0+silu+se+base=2";

/// 5 batches an epoch, 3 epochs and one of cool-down, an update after every third batch, all that is random: 20 steps.
const RECIPE: &str = "recipe = \"small\"\n[training]\nbatch-size = 256\nepochs = 3\nwarmup-epochs = 1\ncooldown-epochs = 1\n\
                      accumulate = 3\nrepeats = 2\ndrop-path = 0.5\ndropout = 0.2\nclip-norm = 1.0\n\
                      [images.erasing]\nprobability = 0.25\n[mix]\nmixup-alpha = 0.4\ncutmix-alpha = 1.0\n";
const STEPS: u64 = 20;

fn train(arguments: &[&str]) -> Command {
    let program = std::env::var_os("BOSSNAS_TRAIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_bossnas-train").into());
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A folder with a recipe, for runs.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.file("recipe.toml"), RECIPE).unwrap();
        place
    }

    fn command(&self, run: &str, more: &[&str]) -> Command {
        let arguments = ["retrain", "--arch", ARCH, "--data-set", "digits", "--recipe", "recipe.toml"];
        let mut command = train(&arguments);
        command.args(["--threads", "1", "--out", run]).args(more).current_dir(self.0.path());
        command
    }

    fn retrain(&self, run: &str, more: &[&str]) -> Output {
        self.command(run, more).output().unwrap()
    }

    /// Runs any command of the program here.
    fn run(&self, arguments: &[&str]) -> Output {
        train(arguments).current_dir(self.0.path()).output().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.file(name)).unwrap()).unwrap()
    }

    /// The events of a run of a kind.
    fn events(&self, run: &str, kind: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.file(run).join("log.jsonl")).unwrap();
        let events = text.lines().map(|line| serde_json::from_str(line).unwrap());
        events.filter(|event: &Value| event["event"] == kind).collect()
    }

    /// What must not depend on interruptions: the digests of all tensors, the scores, and the losses.
    fn results(&self, run: &str) -> BTreeMap<String, String> {
        let checkpoint = self.json(&format!("{run}/checkpoint.json"));
        let mut results = BTreeMap::new();
        let mut files = vec![
            ("last-model.safetensors".to_owned(), "last-model.safetensors".to_owned()),
            ("last-model_ema.safetensors".to_owned(), "last-model_ema.safetensors".to_owned()),
            ("best.safetensors".to_owned(), "best.safetensors".to_owned()),
        ];
        for part in ["model", "model_ema", "optimizer"] {
            files.push((part.to_owned(), checkpoint[part]["file"].as_str().unwrap().to_owned()));
        }
        for (name, file) in files {
            let bytes = fs::read(self.file(run).join(file)).unwrap();
            results.insert(name, format!("{:?}", Sha256::digest(&bytes)));
        }
        results.insert("best".to_owned(), checkpoint["best"].to_string());
        for kind in ["step", "epoch"] {
            for event in self.events(run, kind) {
                let told = ["epoch", "step", "loss", "train_loss", "lr", "norm", "model", "model_ema"];
                let told: Vec<String> = told.iter().map(|key| event[*key].to_string()).collect();
                results.insert(format!("{kind} {}", event["step"]), told.join(" "));
            }
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
        std::thread::sleep(Duration::from_millis(3));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

fn same(whole: &BTreeMap<String, String>, other: &BTreeMap<String, String>) {
    assert_eq!(whole.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, content) in whole {
        assert_eq!(content, &other[name], "{name} differs");
    }
}

fn killed_again_and_again(kills: u64) {
    let place = Place::new();
    finished(&place.retrain("whole", &[]));
    // An update is logged after every third batch.
    let mut steps: Vec<u64> = (0..kills).map(|kill| 1 + splitmix64(13, kill) % (STEPS - 2)).collect();
    steps.sort_unstable();
    let log = place.file("killed/log.jsonl");
    let mut killed = 0;
    for (number, &step) in steps.iter().enumerate() {
        // Another number of loader threads each time; checkpoints in the middle of sums of gradients.
        let workers = (1 + number % 3).to_string();
        let mut command = place.command("killed", &["--save-steps", "1", "--workers", &workers]);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        killed += u64::from(kill_at(child, &log, step));
    }
    // The last ones may come too late.
    assert!(killed + 2 >= kills, "{killed} of {kills} were killed");
    finished(&place.retrain("killed", &[]));
    same(&place.results("whole"), &place.results("killed"));
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
fn a_run_that_ends_at_every_step_ends_in_the_same_bytes() {
    let place = Place::new();
    finished(&place.retrain("whole", &[]));
    for steps in [1, 4, 5, 9, 10, 14, STEPS] {
        finished(&place.retrain("parts", &["--max-steps", &steps.to_string()]));
        assert_eq!(place.json("parts/checkpoint.json")["step"], steps);
    }
    same(&place.results("whole"), &place.results("parts"));
    // Nothing is left to do, and that is fine.
    finished(&place.retrain("parts", &[]));
    same(&place.results("whole"), &place.results("parts"));
}

#[test]
fn a_run_leaves_all_that_people_and_programs_look_at() {
    let place = Place::new();
    let dry = place.retrain("run", &["--dry-run"]);
    finished(&dry);
    let said = String::from_utf8_lossy(&dry.stdout).into_owned();
    for part in ["1 438 of 10 classes", "359 to judge by", "+classes=10", "repeats = 2", "4 of 5 batches of 256"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!place.file("run").exists(), "a dry run writes nothing");

    finished(&place.retrain("run", &["--save-pth"]));
    let epochs = place.events("run", "epoch");
    assert_eq!(epochs.len(), 4);
    for epoch in &epochs {
        for scores in [&epoch["model"], &epoch["model_ema"]] {
            assert_eq!(scores["images"], 359);
            assert!(scores["top1"].as_f64().unwrap() <= scores["top5"].as_f64().unwrap());
        }
    }
    // An update after every third batch; the last two batches wait for one that does not come.
    assert_eq!(place.events("run", "step").len() as u64, STEPS / 3);
    assert_eq!(place.events("run", "end").len(), 1);
    let report = fs::read_to_string(place.file("run/report.html")).unwrap();
    assert!(report.contains("The training is finished.") && report.matches("data:image/svg+xml").count() >= 8);
    let events = fs::read_dir(place.file("run")).unwrap().filter_map(Result::ok);
    assert!(
        events.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with("events.out.tfevents"))
    );

    let checkpoint = place.json("run/checkpoint.json");
    assert_eq!(checkpoint["arch"], format!("{ARCH}+classes=10"));
    assert_eq!((checkpoint["epoch"].as_u64(), checkpoint["step"].as_u64()), (Some(4), Some(STEPS)));
    let checkpoints = fs::read_dir(place.file("run")).unwrap().filter_map(Result::ok);
    let checkpoints = checkpoints.filter(|entry| entry.file_name().to_string_lossy().starts_with("checkpoint-"));
    assert_eq!(checkpoints.count(), 3, "only the last ones are kept");
    let best = Checkpoint::open(place.file("run/best.safetensors")).unwrap();
    let notes = best.metadata().unwrap();
    assert_eq!(notes["architecture"], format!("{ARCH}+classes=10"));
    assert_eq!(notes["state_dict"], checkpoint["best"]["state_dict"].as_str().unwrap());
    assert!(notes["preprocessing"].contains("\"size\":[32,32]") && notes["preprocessing"].contains("0.3053"));
    assert_eq!(notes["labels"], r#"["0","1","2","3","4","5","6","7","8","9"]"#);
    the_other_layout_holds_the_same(&place);
}

/// `checkpoint.pth` holds what the safetensors files do, and the optimizer's state by the published numbers.
fn the_other_layout_holds_the_same(place: &Place) {
    let pth = Checkpoint::open(place.file("run/checkpoint.pth")).unwrap();
    assert_eq!(pth.state_dicts(), [StateDictName::ModelEma, StateDictName::Model]);
    for (which, file) in
        [(StateDictName::Model, "last-model.safetensors"), (StateDictName::ModelEma, "last-model_ema.safetensors")]
    {
        let theirs = pth.named_state_dict(which).unwrap();
        let ours = Checkpoint::open(place.file("run").join(file)).unwrap().state_dict(Choice::Auto).unwrap();
        assert_eq!(theirs.names(), ours.names());
        for name in ours.names() {
            assert_eq!(theirs.bytes(name).unwrap(), ours.bytes(name).unwrap(), "{name}");
        }
    }
    assert_eq!(pth.epoch(), Some(3));
    let scalars = pth.scalars();
    assert_eq!(scalars["args"]["drop_path"], 0.5);
    assert_eq!(scalars["lr_scheduler"]["t_initial"], 3);
    let optimizer = pth.optimizer().unwrap().unwrap();
    assert_eq!(optimizer.number(0, "step"), Some((STEPS / 3) as f64));
    let rest = place.json("run/checkpoint.json");
    let rest = Checkpoint::open(place.file("run").join(rest["optimizer"]["file"].as_str().unwrap())).unwrap();
    let rest = rest.state_dict(Choice::Auto).unwrap();
    // The first parameter without decay is the first norm's scale, the first with decay the stem.
    let first_decaying = optimizer.groups[0].len();
    for (number, parameter) in [(0, "bn1.weight"), (first_decaying, "conv1.weight")] {
        for (theirs, ours) in [("exp_avg", "mean"), ("exp_avg_sq", "square")] {
            let theirs = optimizer.tensors.bytes(&format!("{number}.{theirs}")).unwrap();
            assert_eq!(theirs, rest.bytes(&format!("optimizer.{ours}.{parameter}")).unwrap(), "{parameter}");
        }
    }
}

/// Names the interpreter of the environment that `cargo xtask setup --peers` makes; `cargo xtask test` sets it.
const PYTHON_VARIABLE: &str = "BOSSNAS_PEERS_PYTHON";

#[test]
fn pytorch_reads_a_checkpoint_in_deits_layout_and_goes_on() {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        eprintln!("SKIPPED: there is no Python with PyTorch (`cargo xtask setup --peers` makes one)");
        return;
    };
    for opt in ["adamw", "sgd"] {
        let place = Place::new();
        finished(&place.retrain("run", &["--opt", opt, "--lr", "0.01", "--max-steps", "10", "--save-pth"]));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/check_pth.py");
        let arch = format!("{ARCH}+classes=10");
        let output =
            Command::new(&python).arg(script).arg(place.file("run/checkpoint.pth")).arg(arch).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        let digest = |bytes: &[u8]| {
            let mut digest = bossnas_files::Sha256::new();
            digest.update(bytes);
            digest.finish().to_string()
        };
        for which in ["model", "model_ema"] {
            let file = place.file("run").join(format!("last-{which}.safetensors"));
            let ours = Checkpoint::open(file).unwrap().state_dict(Choice::Auto).unwrap();
            assert_eq!(read[which].as_object().unwrap().len(), ours.names().len());
            for name in ours.names() {
                assert_eq!(read[which][name], digest(&ours.bytes(name).unwrap()), "{opt}: {which} {name}");
            }
        }
        let rest = place.json("run/checkpoint.json")["optimizer"]["file"].as_str().unwrap().to_owned();
        let rest = Checkpoint::open(place.file("run").join(rest)).unwrap().state_dict(Choice::Auto).unwrap();
        let kept = match opt {
            "adamw" => &[("exp_avg", "mean"), ("exp_avg_sq", "square")][..],
            _ => &[("momentum_buffer", "momentum")],
        };
        for (theirs, ours) in kept {
            let ours = rest.bytes(&format!("optimizer.{ours}.conv1.weight")).unwrap();
            assert_eq!(read["state"][theirs], digest(&ours), "{opt}: {theirs}");
        }
        assert_eq!(read["steps"], if opt == "adamw" { Value::from(3.0) } else { Value::Null });
        assert_eq!(read["decays"], serde_json::json!([0.0, 0.05]));
        assert_eq!((read["epoch"].as_u64(), read["warmup"].as_u64()), (Some(1), Some(1)));
        assert_eq!((read["input_size"].as_u64(), read["data_set"].as_str()), (Some(32), Some("digits")));
        let rate = place.events("run", "epoch")[1]["lr"].as_f64().unwrap();
        assert_eq!(read["rates"], serde_json::json!([rate, rate]));
        assert_eq!(read["goes_on"], true);
    }
}

#[test]
fn a_training_goes_on_from_a_checkpoint_in_deits_layout() {
    let place = Place::new();
    // An update for each batch, so that no gradients wait at the end of an epoch: that layout has no place for them.
    let more = ["--accumulate", "1"];
    finished(&place.retrain("whole", &more));
    finished(&place.retrain("half", &[&more[..], &["--max-steps", "10", "--save-pth"]].concat()));
    let resumed = place.retrain("resumed", &[&more[..], &["--resume", "half/checkpoint.pth"]].concat());
    finished(&resumed);
    let (whole, resumed) = (place.results("whole"), place.results("resumed"));
    for name in ["model", "model_ema", "optimizer", "step 20", "epoch 20"] {
        assert_eq!(whole[name], resumed[name], "{name}");
    }
}

#[test]
#[cfg(unix)]
fn a_signal_saves_and_ends_with_six() {
    let place = Place::new();
    let child = place.command("run", &[]).stderr(Stdio::piped()).spawn().unwrap();
    let log = place.file("run/log.jsonl");
    while last_step(&log) < 3 {
        std::thread::sleep(Duration::from_millis(3));
    }
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", stderr(&output));
    assert!(stderr(&output).contains("the same command goes on"), "{}", stderr(&output));
    let saved = place.json("run/checkpoint.json")["step"].as_u64().unwrap();
    assert!(saved >= 3 && saved + 3 > last_step(&log), "saved at {saved}");
    finished(&place.retrain("run", &[]));
    finished(&place.retrain("whole", &[]));
    same(&place.results("whole"), &place.results("run"));
}

#[test]
fn one_process_at_a_time_works_on_a_run() {
    let place = Place::new();
    let mut first = place.command("run", &[]).stderr(Stdio::null()).spawn().unwrap();
    while last_step(&place.file("run/log.jsonl")) < 1 {
        std::thread::sleep(Duration::from_millis(3));
    }
    let second = place.retrain("run", &[]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("another process"), "{}", stderr(&second));
    first.kill().unwrap();
    first.wait().unwrap();
    finished(&place.retrain("run", &["--max-steps", "5"]));
}

#[test]
fn a_checkpoint_that_was_changed_is_not_gone_on_with() {
    for part in ["model", "model_ema", "optimizer"] {
        let place = Place::new();
        finished(&place.retrain("run", &["--max-steps", "3"]));
        let path = place.file("run").join(place.json("run/checkpoint.json")[part]["file"].as_str().unwrap());
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        // A link to the same bytes may have another name.
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let output = place.retrain("run", &[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("its SHA-256 is another"), "{}", stderr(&output));
    }
}

/// A limit on the size of files is to a program what a full disk is.
#[test]
#[cfg(unix)]
fn when_the_disk_is_full_the_last_checkpoint_survives() {
    let place = Place::new();
    finished(&place.retrain("run", &["--max-steps", "3"]));
    let before = place.json("run/checkpoint.json");
    let kilobytes =
        fs::metadata(place.file("run").join(before["optimizer"]["file"].as_str().unwrap())).unwrap().len() / 1024;
    let program = place.command("run", &["--max-steps", "7"]);
    let line = std::iter::once(program.get_program()).chain(program.get_args());
    let line: Vec<String> = line.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let limited = format!("ulimit -f {}; exec {}", kilobytes - 8, line.join(" "));
    let output = Command::new("bash").args(["-c", &limited]).current_dir(place.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(place.json("run/checkpoint.json"), before);
    finished(&place.retrain("run", &["--max-steps", "7"]));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_and_names_the_way_back() {
    let place = Place::new();
    let arguments = ["--lr", "1e30", "--accumulate", "1", "--save-steps", "1"];
    let output = place.retrain("run", &arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = stderr(&output);
    let step = place.json("run/checkpoint.json")["step"].as_u64().unwrap();
    for part in ["the loss is ", &format!("at step {}", step + 1), "the last good checkpoint is `run", "a lower --lr"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn released_weights_are_tuned_for_other_classes_and_other_sizes() {
    let place = Place::new();
    // A checkpoint of a network with 7 classes, in the layout of the released ones.
    let network: bossnas_model::arch::BossNet = format!("{ARCH}+classes=7").parse().unwrap();
    let graph = network.graph();
    let shapes: Vec<(&str, &[usize])> =
        graph.params().iter().map(|param| (param.name.as_str(), param.shape.as_slice())).collect();
    deit::write_recipe(&place.file("released.pth"), shapes.iter().copied(), 1.0).unwrap();
    let tuned = place.retrain("tuned", &["--finetune", "released.pth", "--input-size", "40", "--max-steps", "0"]);
    finished(&tuned);
    assert!(stderr(&tuned).contains("drawn anew: fc.weight, fc.bias"), "{}", stderr(&tuned));
    assert!(stderr(&tuned).contains("state dict model_ema"), "{}", stderr(&tuned));
    let begun = place.json("tuned/checkpoint.json");
    let begun = Checkpoint::open(place.file("tuned").join(begun["model"]["file"].as_str().unwrap())).unwrap();
    let begun = begun.state_dict(Choice::Auto).unwrap();
    let released = Checkpoint::open(place.file("released.pth")).unwrap().state_dict(Choice::Auto).unwrap();
    assert_eq!(begun.bytes("layer3.0.conv2.weight").unwrap(), released.bytes("layer3.0.conv2.weight").unwrap());
    assert_eq!(begun.info("fc.weight").unwrap().shape[0], 10);
    // The same weights, said again or not, go on; others do not.
    finished(&place.retrain("tuned", &["--input-size", "40", "--max-steps", "1"]));
    finished(&place.retrain("tuned", &["--finetune", "released.pth", "--input-size", "40", "--max-steps", "2"]));
    let twice = place.retrain("again", &["--finetune", "tuned", "--max-steps", "1"]);
    assert_eq!(twice.status.code(), Some(2), "no epoch of it is done: {}", stderr(&twice));
    finished(&place.retrain("tuned", &["--input-size", "40", "--max-steps", "5"]));
    finished(&place.retrain("again", &["--finetune", "tuned", "--max-steps", "1"]));
}

#[test]
fn inputs_are_as_large_as_the_network_takes_where_nobody_says_how_large() {
    let place = Place::new();
    let asked = |more: &[&str]| {
        let arguments = ["retrain", "--arch", "BossNet-Digits", "--data-set", "digits", "--out", "run", "--dry-run"];
        let output = place.run(&[&arguments, more].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), stderr(&output))
    };
    for more in [&[][..], &["--recipe", "small"]] {
        let (code, plan, notes) = asked(more);
        assert_eq!(code, Some(0), "{notes}");
        assert!(plan.contains("image of 64 x 64") && notes.contains("64 x 64"), "{plan}\n{notes}");
    }
    let (code, _, error) = asked(&["--input-size", "32"]);
    assert!(code == Some(1) && error.contains("--input-size 64"), "{error}");
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let place = Place::new();
    finished(&place.retrain("run", &["--max-steps", "1"]));
    let refused = |arguments: &[&str], code: i32, parts: &[&str]| {
        let output = place.run(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{arguments:?}: {part} in {text}");
        }
    };
    let with =
        |more: &[&'static str]| -> Vec<&'static str> { [&["retrain", "--arch", ARCH, "--out", "x"], more].concat() };
    refused(&["retrain", "--data-set", "digits", "--out", "x"], 2, &["no --arch"]);
    refused(&["retrain", "--arch", "BossNet-T9", "--data-set", "digits", "--out", "x"], 2, &["BossNet-T0"]);
    refused(&["retrain", "--arch", "nats-c10:74/64/5", "--data-set", "digits", "--out", "x"], 2, &["only HyTra"]);
    refused(&with(&[]), 2, &["--data names where it lies"]);
    refused(&with(&["--data", "nowhere"]), 1, &["nowhere"]);
    refused(&with(&["--data-set", "digits", "--data", "."]), 2, &["leave --data out"]);
    refused(&with(&["--data-set", "cifar10", "--data", "."]), 1, &["--data-set says"]);
    refused(&with(&["--data-set", "digits", "--input-size", "16"]), 1, &["too small", "--input-size 32"]);
    refused(&with(&["--data-set", "digits", "--batch-size", "5000"]), 1, &["5000 images", "--batch-size"]);
    refused(&with(&["--data-set", "digits", "--batch-size", "1"]), 2, &["`training.batch-size`"]);
    refused(&with(&["--data-set", "digits", "--recipe", "none.toml"]), 2, &["no recipe and no file", "deit, small"]);
    refused(&with(&["--data-set", "digits", "--finetune", "recipe.toml"]), 1, &["recipe.toml"]);
    refused(&with(&["--data-set", "digits", "--resume", "maybe"]), 2, &["neither auto nor no nor a file"]);
    refused(&with(&["--data-set", "digits", "--resume", "recipe.toml"]), 1, &["recipe.toml"]);
    let arch = format!("{ARCH}+classes=7");
    refused(
        &["retrain", "--arch", &arch, "--data-set", "digits", "--out", "x"],
        1,
        &["7 classes", "of 10", "without +classes"],
    );
    fs::write(place.file("bad.toml"), "recipe = \"small\"\nspeed = 1\n[training]\nepochs = 0\nbatch-size = \"many\"\n")
        .unwrap();
    refused(
        &with(&["--data-set", "digits", "--recipe", "bad.toml"]),
        1,
        &["line 2: there is no `speed`", "line 4: `training.epochs`", "line 5: `training.batch-size`"],
    );
    // The run in the folder.
    refused(&with_run(&["--epochs", "9"]), 1, &["another configuration", "training.epochs: 3 in the run, 9 asked"]);
    refused(&with_run(&["--seed", "7"]), 1, &["seed: 0 in the run, 7 asked"]);
    refused(&with_run(&["--resume", "no"]), 1, &["holds a run already"]);
    refused(&["retrain", "--arch", ARCH, "--data-set", "digits", "--out", "."], 1, &["holds other files"]);
    refused(&["search", "--out", "run"], 1, &["not a search"]);
    if !tch::Cuda::is_available() {
        refused(&with(&["--data-set", "digits", "--device", "cuda"]), 4, &["cuda:0"]);
    }
    // Weights of another network.
    let other = ["retrain", "--arch", "bossnet:1/1/1/1+relu+base=2", "--data-set", "digits", "--recipe", "recipe.toml"];
    finished(&place.run(&[&other[..], &["--out", "other", "--max-steps", "5"]].concat()));
    refused(
        &with(&["--data-set", "digits", "--finetune", "other/last-model.safetensors"]),
        1,
        &["is not for bossnet:1/0/1/0", "missing", "--arch names the network"],
    );
    refused(
        &["evaluate", "--model", "other", "--arch", ARCH, "--data-set", "digits"],
        1,
        &["is not for bossnet:1/0/1/0"],
    );
    refused(&["evaluate", "--model", "nothing.pth", "--data-set", "digits"], 2, &["nothing.pth"]);
    refused(&["evaluate", "--model", ARCH, "--data-set", "digits"], 2, &["no weights to judge"]);
    refused(&["evaluate", "--model", "other", "--data-set", "digits", "--input-size", "8"], 2, &["too small"]);
}

fn with_run(more: &[&'static str]) -> Vec<&'static str> {
    let arguments = ["retrain", "--arch", ARCH, "--data-set", "digits", "--recipe", "recipe.toml", "--out", "run"];
    [&arguments[..], more].concat()
}

/// `bossnas-zoo`, where a test is told of it.
fn zoo() -> Option<std::ffi::OsString> {
    let zoo = std::env::var_os("BOSSNAS_ZOO");
    if zoo.is_none() {
        assert!(std::env::var_os("BOSSNAS_STRICT").is_none(), "$BOSSNAS_ZOO names no program");
        eprintln!("SKIPPED: $BOSSNAS_ZOO names no program");
    }
    zoo
}

#[test]
fn what_is_counted_here_is_what_the_zoo_counts_of_the_exported_file() {
    let Some(zoo) = zoo() else { return };
    let place = Place::new();
    finished(&place.retrain("run", &[]));
    // The same images as files, since that is what the zoo reads.
    let digits = DataSet::digits_of(Split::Test);
    for index in 0..digits.len() {
        let sample = digits.sample(index).unwrap();
        let folder = place.file(&format!("images/val/{}", sample.label));
        fs::create_dir_all(&folder).unwrap();
        let image = digits.load(index).unwrap();
        let (width, height) = (image.width(), image.height());
        let path = folder.join(format!("{index}.png"));
        image::save_buffer(path, image.pixels(), width, height, image::ColorType::Rgb8).unwrap();
    }
    let judge = |arguments: &[&str]| -> Value {
        let output = place.run(&[&["evaluate", "--json"], arguments].concat());
        finished(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let of_digits = judge(&["--model", "run", "--data-set", "digits"]);
    let of_files = judge(&["--model", "run", "--data", "images"]);
    let names: Vec<&str> =
        of_files["results"].as_array().unwrap().iter().map(|row| row["state_dict"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["model", "model_ema"]);
    assert!(names[2].ends_with(", best"));
    let epoch = place.events("run", "epoch").pop().unwrap();
    for (row, which) in ["model", "model_ema"].into_iter().enumerate() {
        for key in ["top1", "top5", "images"] {
            assert_eq!(of_digits["results"][row][key], of_files["results"][row][key], "{which} {key}");
            assert_eq!(of_digits["results"][row][key], epoch[which][key], "{which} {key} after the last epoch");
        }
        let losses = [&of_digits["results"][row]["loss"], &epoch[which]["loss"]].map(|loss| loss.as_f64().unwrap());
        assert!((losses[0] - losses[1]).abs() < 1e-6 * losses[1], "{losses:?}");
        let file = format!("run/last-{which}.safetensors");
        let run = |arguments: &[&str]| {
            let output = Command::new(&zoo).args(arguments).current_dir(place.0.path()).output().unwrap();
            finished(&output);
            output.stdout
        };
        run(&["export", &file, "-o", "network.onnx"]);
        let counted: Value =
            serde_json::from_slice(&run(&["eval", "network.onnx", "--data", "images/val", "--json"])).unwrap();
        for key in ["top1", "top5"] {
            assert_eq!(counted[key]["share"], of_files["results"][row][key], "{which} {key}");
        }
        assert_eq!(counted["images"], of_files["results"][row]["images"]);
    }
    // A folder of a run is its best weights.
    let output =
        Command::new(&zoo).args(["export", "run", "-o", "best.onnx"]).current_dir(place.0.path()).output().unwrap();
    finished(&output);
}

#[test]
fn a_run_goes_on_without_being_told_again_what_it_is() {
    let place = Place::new();
    finished(&place.retrain("run", &["--max-steps", "4"]));
    finished(&place.run(&["retrain", "--threads", "1", "--out", "run"]));
    finished(&place.retrain("whole", &[]));
    same(&place.results("whole"), &place.results("run"));
}
