//! `rank`: how well ratings of a search agree with accuracies.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use bossnas_tests::program::{Outcome, scratch, zoo};
use serde_json::{Value, json};

/// Scores of eight architectures of NATS-Bench's sizes, `ab/cd/e` with each stage one of two.
const STAGES: [[(&str, f64); 2]; 3] =
    [[("74", -3.25), ("07", -3.125)], [("62", -3.0), ("01", -2.75)], [("6", -2.5), ("0", -2.4375)]];

/// Their accuracies, in the order of a count in binary: the last but one and the last are the wrong way round.
const ACCURACIES: [f64; 8] = [93.5, 93.0, 91.0, 90.0, 92.0, 91.5, 88.0, 89.0];

/// The architectures, `74/62/6` first.
fn architectures() -> Vec<String> {
    (0..8).map(|i| format!("{}/{}/{}", STAGES[0][i >> 2].0, STAGES[1][i >> 1 & 1].0, STAGES[2][i & 1].0)).collect()
}

/// A stage as Python's yaml writes a list of tuples.
fn rank_file(scores: &[(&str, f64)]) -> String {
    let pairs: Vec<String> =
        scores.iter().map(|(path, score)| format!("- !!python/tuple\n  - '{path}'\n  - {score}\n")).collect();
    pairs.concat()
}

/// Writes `search/path_rank_K.yml` and `accuracy.csv`.
fn prepare(folder: &Path) {
    fs::create_dir(folder.join("search")).unwrap();
    for (number, scores) in STAGES.iter().enumerate() {
        fs::write(folder.join(format!("search/path_rank_{number}.yml")), rank_file(scores)).unwrap();
    }
    // Searches leave these beside them.
    fs::write(folder.join("search/bestpath_0.yml"), "- - 7\n  - 4\n").unwrap();
    let mut csv = "arch,accuracy\n".to_owned();
    for (arch, accuracy) in architectures().iter().zip(ACCURACIES) {
        writeln!(csv, "{arch},{accuracy}").unwrap();
    }
    fs::write(folder.join("accuracy.csv"), csv).unwrap();
}

fn rank(folder: &Path, ratings: &str, accuracy: &str, options: &[&str]) -> Outcome {
    zoo(folder, [&["rank", "--ratings", ratings, "--accuracy", accuracy], options].concat())
}

fn close(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() < 1e-12, "{value}, not {expected}");
}

#[test]
fn coefficients_intervals_and_the_best_are_those_of_the_pairs() {
    let folder = scratch();
    prepare(folder.path());
    let document = rank(folder.path(), "search", "accuracy.csv", &["--json"]).success().json("rank");
    assert_eq!(
        (&document["n"], &document["space"], &document["stages"], &document["missing"], &document["not_used"]),
        (&json!(8), &json!("nats-c10"), &json!([2, 2, 2]), &json!(0), &json!(0))
    );
    // The ratings are -8.75, -8.6875, -8.5, -8.4375, -8.625, -8.5625, -8.375, -8.3125: by hand 27 of 28 pairs are discordant.
    close(&document["tau"], -26.0 / 28.0);
    close(&document["agreement"]["tau"], 26.0 / 28.0);
    // One exchange of neighbours: the squares of rank differences sum to 2.
    close(&document["rho"], -(1.0 - 6.0 * 2.0 / (8.0 * 63.0)));
    let z = (26.0_f64 / 28.0).atanh();
    let half = 1.959_963_984_540_054 * (0.437_f64 / 4.0).sqrt();
    close(&document["intervals"]["tau"][0], -(z + half).tanh());
    close(&document["intervals"]["tau"][1], -(z - half).tanh());
    let best = &document["best"];
    assert_eq!((best.as_array().unwrap().len(), &document["best_hits"]), (5, &json!(5)));
    assert_eq!(best[0], json!({"arch": "nats-c10:74/62/6", "rating": -8.75, "accuracy": 93.5, "accuracy_rank": 1}));
    assert_eq!((&document["highest_accuracy"], &document["bootstrap"]), (&json!(93.5), &Value::Null));

    let text = rank(folder.path(), "search", "accuracy.csv", &[]).success();
    for part in ["8 architectures of nats-c10", "lower is better", "-0.9286", "0.9286", "Fisher", "nats-c10:74/62/6"] {
        assert!(text.stdout.contains(part), "`{part}` is missing\n{}", text.stdout);
    }
    assert_eq!(text.stderr, "");
}

#[test]
fn all_forms_of_the_same_ratings_and_accuracies_give_the_same() {
    let folder = scratch();
    let folder = folder.path();
    prepare(folder);
    let expected = rank(folder, "search", "accuracy.csv", &["--json"]).success().json("rank");
    let scores = |stage: usize| json!({STAGES[stage][0].0: STAGES[stage][0].1, STAGES[stage][1].0: STAGES[stage][1].1});
    fs::create_dir_all(folder.join("json")).unwrap();
    fs::create_dir_all(folder.join("fields")).unwrap();
    for stage in 0..3 {
        let order = [STAGES[stage][0].0, STAGES[stage][1].0];
        let numbered = json!({"schema": "x/1", "stage": stage, "scores": scores(stage), "order": order});
        fs::write(folder.join(format!("json/ratings_{stage}.json")), numbered.to_string()).unwrap();
        fs::write(folder.join(format!("fields/{}.json", ["c", "b", "a"][stage])), numbered.to_string()).unwrap();
    }
    fs::write(folder.join("fields/notes.json"), "[\"no stage\"]").unwrap();
    let stages = json!({"stages": [{"scores": scores(0)}, {"scores": scores(1)}, {"scores": scores(2)}]});
    fs::write(folder.join("stages.json"), stages.to_string()).unwrap();
    let sums: Vec<(String, f64)> = architectures()
        .into_iter()
        .enumerate()
        .map(|(i, arch)| (arch, STAGES[0][i >> 2].1 + STAGES[1][i >> 1 & 1].1 + STAGES[2][i & 1].1))
        .collect();
    let map: serde_json::Map<String, Value> = sums.iter().map(|(arch, sum)| (arch.clone(), json!(sum))).collect();
    fs::write(folder.join("whole.json"), json!({"space": "nats-c10", "ratings": map}).to_string()).unwrap();
    let listed: Vec<String> = sums.iter().map(|(arch, sum)| format!("- !!python/tuple ['{arch}', {sum}]\n")).collect();
    fs::write(folder.join("whole.yml"), listed.concat()).unwrap();

    // Widths instead of indices, unquoted where YAML 1.1 would see numbers to the base 60.
    let widths = |arch: &str| {
        let widths = arch.bytes().filter(u8::is_ascii_digit).map(|digit| (8 * (digit - b'0' + 1)).to_string());
        widths.collect::<Vec<_>>().join(":")
    };
    let of = |line: fn(&str, f64) -> String, name: fn(&str) -> String| -> String {
        architectures().iter().zip(ACCURACIES).map(|(arch, accuracy)| line(&name(arch), accuracy)).collect()
    };
    let yaml = |arch: &str, accuracy: f64| format!("{arch}: {accuracy}\n");
    let same = |arch: &str| arch.to_owned();
    fs::write(folder.join("map.yml"), of(yaml, |arch| format!("nats-c10:{arch}"))).unwrap();
    let by_width: String =
        architectures().iter().zip(ACCURACIES).map(|(arch, accuracy)| yaml(&widths(arch), accuracy)).collect();
    fs::write(folder.join("widths.yml"), by_width).unwrap();
    fs::write(folder.join("plain.csv"), of(|arch, accuracy| format!("\"{arch}\",{accuracy}\r\n"), same)).unwrap();
    let map: serde_json::Map<String, Value> =
        architectures().into_iter().zip(ACCURACIES).map(|(arch, accuracy)| (arch, json!(accuracy))).collect();
    fs::write(folder.join("map.json"), Value::Object(map).to_string()).unwrap();
    let models: Vec<Value> =
        architectures().iter().zip(ACCURACIES).map(|(arch, top1)| json!({"path": arch, "top1": top1})).collect();
    fs::write(folder.join("models.json"), json!({"space": "nats-c10", "models": models}).to_string()).unwrap();

    for ratings in ["search", "json", "fields", "stages.json", "whole.json", "whole.yml"] {
        for accuracy in ["accuracy.csv", "plain.csv", "map.yml", "widths.yml", "map.json", "models.json"] {
            let document = rank(folder, ratings, accuracy, &["--json", "--space", "nats-c10"]).success().json("rank");
            for field in ["n", "tau", "rho", "r", "intervals", "best"] {
                assert_eq!(document[field], expected[field], "{field} of {ratings} and {accuracy}");
            }
        }
    }
}

#[test]
fn published_sums_are_rounded_and_whole_ratings_have_none() {
    let folder = scratch();
    prepare(folder.path());
    fs::write(folder.path().join("search/path_rank_2.yml"), rank_file(&[("6", -2.500_04), ("0", -2.500_01)])).unwrap();
    let document = rank(folder.path(), "search", "accuracy.csv", &["--json", "--published"]).success().json("rank");
    // Pairs that differ in the last stage alone are ties now: 24 pairs are left, one of which was the only wrong one.
    assert_eq!((&document["published"], &document["best"][0]["rating"]), (&json!(true), &json!(3.25)));
    close(&document["tau"], -24.0 / (24.0_f64 * 28.0).sqrt());
    fs::write(folder.path().join("whole.json"), "{\"ratings\": {\"74/62/6\": -8}}").unwrap();
    let _ = rank(folder.path(), "whole.json", "accuracy.csv", &["--published"]).failure(2, &["whole.json", "hint: "]);
}

#[test]
fn resampling_is_reproducible_and_the_plot_is_written() {
    let folder = scratch();
    prepare(folder.path());
    let run = |seed: &str| {
        let options = ["--json", "--bootstrap", "300", "--seed", seed, "--svg", "plot.svg"];
        rank(folder.path(), "search", "accuracy.csv", &options).success().json("rank")
    };
    let document = run("7");
    assert_eq!((&document["bootstrap"]["resamples"], &document["bootstrap"]["seed"]), (&json!(300), &json!(7)));
    let interval = &document["bootstrap"]["intervals"]["tau"];
    let (low, high) = (interval[0].as_f64().unwrap(), interval[1].as_f64().unwrap());
    assert!((-1.0..=-0.9285).contains(&low) && (-0.9286..0.0).contains(&high), "{interval}");
    assert_eq!(run("7"), document);
    assert_ne!(run("8")["bootstrap"]["intervals"], document["bootstrap"]["intervals"]);
    let svg = fs::read_to_string(folder.path().join("plot.svg")).unwrap();
    assert!(svg.contains("<svg") && svg.contains("8 architectures") && svg.contains("the 5 rated best"), "{svg}");
    let text = rank(folder.path(), "search", "accuracy.csv", &["--bootstrap", "100"]).success().stdout;
    assert!(text.contains("100 resamples") && text.contains("by bootstrap"), "{text}");
    for options in [&["--bootstrap", "99"][..], &["--bootstrap", "100001"], &["--seed", "1"]] {
        let _ = rank(folder.path(), "search", "accuracy.csv", options).failure(2, &[]);
    }
    let _ = rank(folder.path(), "search", "accuracy.csv", &["--svg", "no/such/plot.svg"]).failure(1, &["plot.svg"]);
}

#[test]
fn an_architecture_without_a_rating_is_an_error_unless_it_may_be() {
    let folder = scratch();
    prepare(folder.path());
    fs::write(folder.path().join("search/path_rank_1.yml"), rank_file(&STAGES[1][..1])).unwrap();
    let run = |options: &[&str]| rank(folder.path(), "search", "accuracy.csv", options);
    let _ = run(&[]).failure(1, &["4 of 8", "`74/01/6`", "path `01` of stage 1", "--allow-missing"]);
    let document = run(&["--allow-missing", "--json"]).success().json("rank");
    assert_eq!((&document["n"], &document["missing"]), (&json!(4), &json!(4)));
    let _ = run(&["--allow-missing"]).success().stderr.contains("4 architectures have no rating");
    fs::write(folder.path().join("search/path_rank_1.yml"), rank_file(&[("33", -3.0)])).unwrap();
    let _ = run(&["--allow-missing"]).failure(1, &["none of 8 architectures"]);
    // Ratings that nobody asks for are counted.
    fs::write(folder.path().join("one.csv"), "74/33/6,93.5\n").unwrap();
    let document = rank(folder.path(), "search", "one.csv", &["--json"]).success().json("rank");
    assert_eq!((&document["n"], &document["not_used"], &document["tau"]), (&json!(1), &json!(3), &Value::Null));
    let text = rank(folder.path(), "search", "one.csv", &[]).success();
    assert!(text.stdout.contains("none") && text.stderr.contains("there are no coefficients"), "{}", text.stdout);
}

#[test]
fn hostile_yaml_is_refused_by_name_and_nothing_of_it_is_done() {
    let folder = scratch();
    prepare(folder.path());
    let attack = |yaml: &str, parts: &[&str]| {
        fs::write(folder.path().join("search/path_rank_1.yml"), yaml).unwrap();
        let outcome = rank(folder.path(), "search", "accuracy.csv", &[]).failure(1, parts);
        assert!(outcome.stderr.len() < 1500, "{} bytes", outcome.stderr.len());
    };
    attack(
        "- !!python/tuple ['62', -3.0]\n- !!python/object/apply:os.system ['touch owned']\n",
        &["path_rank_1.yml", "line 2", "`!!python/object/apply:os.system` is refused"],
    );
    attack("!!python/object/new:type {args: ['\u{1b}[31m']}", &["!!python/object/new:type"]);
    attack("- !!python/tuple ['62', !!python/name:os.system '']", &["!!python/name:os.system"]);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    attack(&bomb, &["line 1", "anchors and aliases are refused"]);
    attack(&"[".repeat(1_000_000), &["path_rank_1.yml", "line 1"]);
    attack(&"- ".repeat(1_000_000), &["path_rank_1.yml", "line 1"]);
    attack(&"{a: ".repeat(1_000_000), &["path_rank_1.yml", "line 1"]);
    attack(&format!("- ['{}', 1]", "6".repeat(5_000_000)), &["5000000 bytes"]);
    attack("- ['62', .nan]\n", &["`62` is not finite"]);
    attack("- ['62', '-3.0']\n", &["found `-3.0`, expected a number"]);
    attack("- ['62', -3]\n- ['62', -2]\n", &["`62` is there twice"]);
    attack("", &["holds no scores"]);
    assert!(!folder.path().join("owned").exists());
    // A file of more than all limits, which takes no disk.
    fs::File::create(folder.path().join("search/path_rank_1.yml")).unwrap().set_len(1 << 40).unwrap();
    let _ = rank(folder.path(), "search", "accuracy.csv", &[]).failure(1, &["1099511627776 bytes", "allowed"]);
    fs::write(folder.path().join("search/path_rank_1.yml"), [0xff, 0xfe, 0]).unwrap();
    let _ = rank(folder.path(), "search", "accuracy.csv", &[]).failure(1, &["not UTF-8"]);
}

#[test]
fn stages_that_do_not_fit_are_named() {
    let folder = scratch();
    let folder = folder.path();
    prepare(folder);
    let run = |options: &[&str]| rank(folder, "search", "accuracy.csv", options);
    let file = |number: usize| folder.join(format!("search/path_rank_{number}.yml"));
    // In the wrong order.
    fs::rename(file(2), folder.join("kept")).unwrap();
    fs::rename(file(0), file(2)).unwrap();
    fs::copy(folder.join("kept"), file(0)).unwrap();
    let _ = run(&[]).failure(1, &["path_rank_0.yml", "`6` is no path of stage 0 of nats-c10, which is 2 digits"]);
    // One missing in the middle, at the end, at the beginning; none at all.
    fs::rename(file(1), folder.join("middle")).unwrap();
    let _ = run(&[]).failure(1, &["search", "stage 1 is missing, though stage 2 is there"]);
    fs::remove_file(file(2)).unwrap();
    let _ = run(&[]).failure(1, &["it rates 1 stages, an architecture of nats-c10 has 3", "hint: "]);
    fs::rename(file(0), file(1)).unwrap();
    let _ = run(&[]).failure(1, &["stage 0 is missing"]);
    fs::remove_file(file(1)).unwrap();
    let _ = run(&[]).failure(1, &["it holds no stage", "path_rank_0.yml"]);
    // Twice, and in two forms.
    for name in ["path_rank_0.yml", "path_rank_0.yaml"] {
        fs::write(folder.join("search").join(name), rank_file(&STAGES[0])).unwrap();
    }
    let _ = run(&[]).failure(1, &["`path_rank_0.yaml` and `path_rank_0.yml` are both stage 0"]);
    fs::write(folder.join("search/r_0.json"), "{\"scores\": {\"74\": 1}}").unwrap();
    let _ = run(&[]).failure(1, &["rank files", "r_0.json"]);
    // A stage where all are needed.
    let _ = rank(folder, "search/path_rank_0.yml", "accuracy.csv", &[]).failure(1, &["one stage", "hint: --ratings"]);
    let _ = rank(folder, "search/r_0.json", "accuracy.csv", &[]).failure(1, &["one stage", "hint: --ratings"]);
    let twice =
        "{\"stages\": [{\"scores\": {\"74\": 1, \"74\": 2}}, {\"scores\": {\"62\": 1}}, {\"scores\": {\"6\": 1}}]}";
    fs::write(folder.join("stages.json"), twice).unwrap();
    let _ = rank(folder, "stages.json", "accuracy.csv", &[]).failure(1, &["stages.json", "`74` is there twice"]);
    // JSON that contradicts itself.
    fs::create_dir(folder.join("json")).unwrap();
    for (text, part) in [
        ("{\"stage\": 1, \"scores\": {\"74\": 1}}", "its field `stage` is 1, its name says 0"),
        ("{\"scores\": {\"74\": 1, \"07\": 2}, \"order\": [\"07\", \"74\"]}", "`74` is better than the path before it"),
        ("{\"scores\": {\"74\": 1, \"07\": 2}, \"order\": [\"74\", \"74\"]}", "there twice"),
        ("{\"scores\": {\"74\": 1}, \"order\": []}", "0 paths"),
        ("{\"scores\": {\"74\": null}}", "r_0.json"),
        ("{\"scores\": {\"7x\": 1}}", "`7x`"),
        ("{\"space\": \"other\", \"scores\": {\"74\": 1}}", "its space is `other`"),
        ("{", "r_0.json"),
    ] {
        fs::write(folder.join("json/r_0.json"), text).unwrap();
        let _ = rank(folder, "json", "accuracy.csv", &[]).failure(1, &[part]);
    }
}

#[test]
fn accuracies_that_cannot_be_used_are_named() {
    let folder = scratch();
    let folder = folder.path();
    prepare(folder);
    let run = |name: &str, text: &str, code: i32, parts: &[&str]| {
        fs::write(folder.join(name), text).unwrap();
        let _ = rank(folder, "search", name, &[]).failure(code, parts);
    };
    run("a.csv", "arch,accuracy\n", 1, &["a.csv", "no accuracies"]);
    run("a.json", "{}", 1, &["a.json", "no accuracies"]);
    run("a.yml", "", 1, &["a.yml", "no accuracies"]);
    run("a.txt", "74/62/6 93.5\n", 1, &["a.txt", ".json", ".csv", "hint: "]);
    // The same architecture in two spellings.
    run("a.csv", "74/62/6,93.5\n64:40:56:24:56,93\n", 1, &["`64:40:56:24:56` is there twice"]);
    run("a.csv", "74/62/6,93.5\n74/62/8,93\n", 1, &["`74/62/8` is no architecture of nats-c10", "^"]);
    run("a.csv", "74/62/6,93.5\nmbconv:11/1111/1101/1011/1101,93\n", 1, &["mbconv", "nats-c10"]);
    run("a.csv", "resnet50,76\n", 1, &["`resnet50` is no architecture of hytra, mbconv"]);
    run("a.csv", "74/62/6,inf\n", 1, &["line 1", "not finite"]);
    run("a.json", "{\"74/62/6\": 1e999}", 1, &["a.json", "out of range"]);
    run("a.json", "{\"74/62/6\": \"93\"}", 1, &["a.json", "expected f64"]);
    run("a.json", "{\"space\": \"darts\", \"models\": []}", 1, &["its space is `darts`"]);
    run("a.json", "{\"space\": \"mbconv\", \"models\": [{\"path\": \"74/62/6\", \"top1\": 93}]}", 1, &["mbconv"]);
    let _ = rank(folder, "search", "none.csv", &[]).failure(1, &["`none.csv` does not exist"]);
    let _ = rank(folder, "none", "accuracy.csv", &[]).failure(1, &["`none` does not exist"]);
    let _ = rank(folder, "search", "search", &[]).failure(1, &["`search` is a folder"]);
    // Another space than the one that is said.
    let _ = rank(folder, "search", "accuracy.csv", &["--space", "mbconv"]).failure(1, &["3 stages", "mbconv has 5"]);
    let _ = rank(folder, "search", "accuracy.csv", &["--space", "darts"]).failure(2, &["darts", "nats-c100"]);
    fs::write(folder.join("a.json"), "{\"space\": \"nats-c10\", \"74/62/6\": 1}").unwrap();
    let _ =
        rank(folder, "search", "a.json", &["--space", "nats-c100"]).failure(1, &["--space", "nats-c100", "nats-c10"]);
    // Widths alone do not say which of two spaces they are of, stages do.
    fs::write(folder.join("whole.yml"), "64:40:56:24:56: -8.75\n64:40:56:24:8: -8.5\n").unwrap();
    fs::write(folder.join("widths.csv"), "64:40:56:24:56,93.5\n64:40:56:24:8,93\n").unwrap();
    let hint = "--space nats-c10 or --space nats-c100";
    let _ = rank(folder, "whole.yml", "widths.csv", &[]).failure(2, &["nats-c10 or nats-c100", hint]);
    let _ = rank(folder, "whole.yml", "widths.csv", &["--space", "nats-c100"]).success();
    fs::write(folder.join("stages.json"), "{\"stages\": [{\"scores\": {\"11\": 1}}, {\"scores\": {\"1111\": 1}}]}")
        .unwrap();
    let _ = rank(folder, "stages.json", "widths.csv", &[])
        .failure(1, &["stages.json", "not those of nats-c10 or nats-c100"]);
    let document = rank(folder, "search", "widths.csv", &["--json"]).success().json("rank");
    assert_eq!((&document["n"], &document["space"]), (&json!(2), &json!("nats-c10")));
}
