//! Run folders of made-up searches, whole and damaged.

use std::fs;

use bossnas_model::arch::NatsData;
use bossnas_model::space::Side;
use bossnas_model::weights::Weights as _;
use bossnas_testkit::run::Run;
use serde_json::json;
use tempfile::TempDir;

use super::*;

fn nats() -> Space {
    Space::nats(NatsData::Cifar10).with_base(8).unwrap()
}

fn hytra() -> Space {
    Space::hytra().with_base(1).unwrap()
}

fn written(run: &Run) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    run.write(folder.path()).unwrap();
    folder
}

/// Changes a JSON file of a run.
fn edit(folder: &TempDir, file: &str, change: impl FnOnce(&mut Value)) {
    let path = folder.path().join(file);
    let mut document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut document);
    fs::write(path, document.to_string()).unwrap();
}

fn error(folder: &TempDir) -> String {
    RunFolder::open(folder.path()).unwrap_err().to_string()
}

#[test]
fn a_search_on_its_way_is_shown_as_far_as_it_is() {
    let run = Run::new(hytra(), 32, 2);
    let folder = written(&run);
    let read = RunFolder::open(folder.path()).unwrap();
    let states: Vec<State> = read.stages.iter().map(|stage| stage.state).collect();
    assert_eq!(states, [State::Decided, State::Decided, State::Rated, State::Waiting]);
    assert_eq!((read.found(), read.undecided()), (None, Some(2)));
    for (stage, expected) in read.stages.iter().zip(&run.ratings) {
        let scores = &stage.ratings.as_ref().unwrap().scores;
        assert!(scores.is_sorted_by_key(|scored| scored.score));
        assert_eq!(scores.len(), expected.len());
        assert!(expected.iter().all(|(path, score)| stage.ratings.as_ref().unwrap().score(path) == Some(*score)));
    }
    assert_eq!(read.stages[0].best(), Some(run.best_paths[0].as_slice()));
    assert_eq!(
        read.stages[2].best().map(<[u8]>::to_vec),
        read.stages[2].ratings.as_ref().map(|it| it.scores[0].path.clone())
    );
    assert_eq!(read.stages[3].best(), None);
}

#[test]
fn a_search_that_is_through_has_found_its_best_paths() {
    let run = Run::new(hytra().with_orientation(Orientation::Transposed), 64, 4);
    let folder = written(&run);
    let read = RunFolder::open(folder.path()).unwrap();
    let net = read.found().unwrap();
    assert_eq!(net.path.stages(), run.best_paths);
    assert_eq!((net.base, net.attention, net.supernet().unwrap()), (1, Orientation::Transposed, read.space()));
    let file = read.arch_file(net.clone());
    assert_eq!(file.scores.len(), 4);
    assert_eq!(file.scores.values().sum::<f64>(), read.scores(&net.path).unwrap().iter().sum::<f64>());
    assert_eq!(ArchFile::from_json(&file.to_json().unwrap()).unwrap(), file);
}

#[test]
fn weights_are_those_of_the_side() {
    let run = Run::new(nats(), 32, 3);
    let folder = written(&run);
    let read = RunFolder::open(folder.path()).unwrap();
    let net = read.parse("60/37/5").unwrap();
    let graph = read.space().features(&net.path);
    for side in Side::ALL {
        let weights = read.weights(side, &graph).unwrap();
        let all = run.weights(side);
        assert_eq!(weights.names().len(), graph.params().len());
        for name in weights.names() {
            assert_eq!(weights.bytes(name).unwrap(), all.bytes(name).unwrap(), "{name}");
        }
    }
}

#[test]
fn what_a_checkpoint_must_not_say_is_refused_by_name() {
    let run = Run::new(hytra(), 32, 2);
    let cases: Vec<(Value, &str, &[&str])> = vec![
        (json!("../../etc/passwd"), "file", &["`../../etc/passwd`", "checkpoint-NUMBER.safetensors"]),
        (json!("/checkpoint-1.safetensors"), "file", &["its `file` is"]),
        (json!("checkpoint-1/../x.safetensors"), "file", &["its `file` is"]),
        (json!("checkpoint-\u{1b}[31m.safetensors"), "file", &["\\u{1b}"]),
        (json!("abc"), "sha256", &["its `sha256` is `abc`"]),
        (json!("resnet"), "space", &["its space is `resnet`", "nats-c100"]),
        (json!(0), "base", &["base width of hytra"]),
        (json!(100_000), "base", &["base width of hytra"]),
        (json!(0), "image_size", &["`image_size` is 0, expected 1 to 4096"]),
        (json!(1_000_000), "image_size", &["`image_size` is 1000000"]),
        (json!(5), "stage", &["`stage` is 5, expected 0 to 4"]),
        (json!({"attention": "sideways"}), "rules", &["`attention` is", "sideways", "`transposed`"]),
        (json!(["5433", "9999"]), "best_paths", &["`9999` is no path there", "stage 2"]),
        (json!(["5433", "x"]), "best_paths", &["`x` is no path of stage 1"]),
        (json!(["1111", "1111"]), "best_paths", &["`1111`", "stage 1, layer 1"]),
        (json!(["5433", "3230", "0010", "0000", "0000"]), "best_paths", &["number of best_paths` is 5"]),
        (json!([4, 3]), "depths", &["number of depths` is 2, expected 4"]),
        (json!([4, 3, 2, 9]), "depths", &["a stage depth is 1 to 4, not 9"]),
        (
            json!("bossnas-train/checkpoint/2"),
            "schema",
            &["`bossnas-train/checkpoint/2`", "bossnas-train/checkpoint/1"],
        ),
        (json!(-1), "bytes", &["checkpoint.json", "-1"]),
        (Value::Null, "step", &["checkpoint.json", "u64"]),
    ];
    let folder = written(&run);
    let good = fs::read(folder.path().join("checkpoint.json")).unwrap();
    for (value, field, parts) in cases {
        fs::write(folder.path().join("checkpoint.json"), &good).unwrap();
        edit(&folder, "checkpoint.json", |document| document[field] = value.clone());
        let error = error(&folder);
        assert!(error.contains("checkpoint.json") && parts.iter().all(|part| error.contains(part)), "{field}: {error}");
    }
    fs::write(folder.path().join("checkpoint.json"), "[").unwrap();
    assert!(error(&folder).contains("checkpoint.json"));
    fs::write(folder.path().join("checkpoint.json"), " ".repeat(17 << 20)).unwrap();
    assert!(error(&folder).contains("it has 17825792 bytes"));
    fs::remove_file(folder.path().join("checkpoint.json")).unwrap();
    assert!(matches!(RunFolder::open(folder.path()), Err(RunError::NoCheckpoint(_))));
}

/// A change to a document.
type Change = Box<dyn Fn(&mut Value)>;

#[test]
fn ratings_that_are_not_those_of_the_search_are_refused_by_name() {
    let run = Run::new(hytra(), 32, 2);
    let first = run.ratings[1][0].0.iter().map(u8::to_string).collect::<String>();
    let best = run.best_paths[0].iter().map(u8::to_string).collect::<String>();
    let mut cases: Vec<(Change, Vec<String>)> = Vec::new();
    let mut case = |change: Change, parts: &[&str]| {
        cases.push((change, parts.iter().map(|&part| part.to_owned()).collect()));
    };
    let set =
        |field: &'static str, value: Value| -> Change { Box::new(move |document| document[field] = value.clone()) };
    case(set("schema", json!("x")), &["`x`", "bossnas-train/rate/1"]);
    case(set("space", json!("mbconv")), &["`space` is mbconv", "hytra"]);
    case(set("base", json!(2)), &["`base` is 2, in checkpoint.json it is 1"]);
    case(set("stage", json!(3)), &["`stage` is 3"]);
    case(set("best_paths", json!(["\u{1b}[2J"])), &["`best_paths` is", "\\u{1b}[2J", &best]);
    let score = |path: &str, score: Value| -> Change {
        let path = path.to_owned();
        Box::new(move |document| {
            document["scores"][&path] = score.clone();
            document["order"].take();
            document.as_object_mut().unwrap().remove("order");
        })
    };
    case(score("5555", json!(-1.0)), &["`5555` is no path there", "stage 2"]);
    case(score("12", json!(-1.0)), &["`12` is no path there", "4 layers"]);
    case(score("a\u{1b}", json!(-1.0)), &["is no path of stage 1", "\\u{1b}"]);
    case(score(&first, json!(1e300)), &[&first, "a loss is between -8 and 8"]);
    case(score(&first, json!("-1")), &["stage-1.json"]);
    let removed = first.clone();
    let without: Change = Box::new(move |document| {
        document["scores"].as_object_mut().unwrap().remove(&removed);
        document.as_object_mut().unwrap().remove("order");
    });
    case(without, &[&first, "has no score"]);
    let swapped: Change = Box::new(|document| {
        document["order"].as_array_mut().unwrap().reverse();
    });
    case(swapped, &["its field `order` is not the order of its scores"]);
    let folder = written(&run);
    let good = fs::read(folder.path().join("ratings/stage-1.json")).unwrap();
    for (number, (change, parts)) in cases.iter().enumerate() {
        fs::write(folder.path().join("ratings/stage-1.json"), &good).unwrap();
        edit(&folder, "ratings/stage-1.json", change);
        let error = error(&folder);
        assert!(error.contains("stage-1.json") && parts.iter().all(|part| error.contains(part)), "{number}: {error}");
    }
    let twice = String::from_utf8(good.clone()).unwrap();
    let twice = twice.replacen(&format!("\"{first}\":"), &format!("\"{first}\":-1.5,\"{first}\":"), 1);
    fs::write(folder.path().join("ratings/stage-1.json"), twice).unwrap();
    assert!(error(&folder).contains("stage-1.json"), "a path with two scores");
    let infinite =
        String::from_utf8(good).unwrap().replacen(&format!("\"{first}\":"), &format!("\"{first}\":-1e999,\"x\":"), 1);
    fs::write(folder.path().join("ratings/stage-1.json"), infinite).unwrap();
    assert!(error(&folder).contains("number out of range"), "{}", error(&folder));
}

#[test]
fn ratings_of_a_future_that_was_lost_are_left_out() {
    let folder = written(&Run::new(nats(), 32, 3));
    edit(&folder, "checkpoint.json", |document| {
        document["best_paths"].as_array_mut().unwrap().truncate(1);
        document["stage"] = 1.into();
    });
    let read = RunFolder::open(folder.path()).unwrap();
    assert_eq!(read.left_out, [2]);
    assert_eq!(read.stages.iter().map(|stage| stage.ratings.is_some()).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn weights_that_were_changed_are_refused() {
    let run = Run::new(nats(), 32, 3);
    let folder = written(&run);
    let read = RunFolder::open(folder.path()).unwrap();
    let graph = read.space().features(&read.found().unwrap().path);
    let error = |read: &RunFolder| read.weights(Side::Online, &graph).map(|_| ()).unwrap_err().to_string();
    let file = folder.path().join("checkpoint-00001200.safetensors");
    let good = fs::read(&file).unwrap();
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&file, &changed).unwrap();
    assert!(error(&read).contains("its SHA-256 is"), "{}", error(&read));
    fs::write(&file, &good[..good.len() - 1]).unwrap();
    assert!(error(&read).contains("checkpoint.json says"), "{}", error(&read));
    fs::remove_file(&file).unwrap();
    assert!(error(&read).contains("does not exist"), "{}", error(&read));
    // Whole, and of another supernet.
    let other = written(&Run::new(nats().with_base(16).unwrap(), 32, 3));
    edit(&other, "checkpoint.json", |document| document["base"] = 8.into());
    for stage in 0..3 {
        edit(&other, &format!("ratings/stage-{stage}.json"), |document| document["base"] = 8.into());
    }
    let text = error(&RunFolder::open(other.path()).unwrap());
    assert!(text.contains("do not fit the network") && text.contains("backbone.stem"), "{text}");
}
