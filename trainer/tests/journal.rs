//! The report of a run, from folders as a search writes them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use bossnas_trainer::journal::Log;
use bossnas_trainer::search::Rules;
use bossnas_trainer::search::journal::{Event, Rating, Reason, Step, report};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

const EVIL: &str = "</pre><script>alert(\"x\")</script>&amp;'\u{1b}[31m";
const EPOCHS: u64 = 3;
const STEPS: u64 = 40;

/// The folder of a run that is written event by event.
struct Run {
    folder: tempfile::TempDir,
    log: Log<Event>,
    history: Vec<Value>,
}

impl Run {
    /// A run of two stages of NATS-Bench that has begun.
    fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(&folder.path().join("log.jsonl")).unwrap();
        // TOML has no control characters.
        let remark = EVIL.replace('\u{1b}', "");
        fs::write(folder.path().join("config.toml"), format!("space = \"nats-c10\"\nseed = 17\n# {remark}\n")).unwrap();
        let mut run = Self { folder, log, history: Vec::new() };
        let rules = serde_json::to_value(Rules::corrected()).unwrap().as_object().unwrap().clone();
        run.say(&Event::Start {
            time: 1_700_000_000.0,
            step: 0,
            version: "0.1.0".into(),
            space: "nats-c10".into(),
            rules,
            steps: 2 * EPOCHS * STEPS,
        });
        run
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn say(&mut self, event: &Event) {
        self.log.write(event).unwrap();
    }

    /// Step by step, two seconds each.
    fn train(&mut self, stage: usize, epoch: u64, loss: impl Fn(u64) -> f64) {
        for batch in 1..=STEPS {
            let step = (stage as u64 * EPOCHS + epoch) * STEPS + batch;
            self.say(&Event::Step(Step {
                time: time(step),
                stage,
                epoch,
                step,
                loss: loss(step),
                lr: 0.48 / (1 + epoch) as f64,
                momentum: 0.99,
                images_per_second: 100.0 + (step % 3) as f64,
                waited: 0.25,
                memory: 2_000_000_000 + step,
                scale: None,
            }));
        }
    }

    fn rate(&mut self, stage: usize, epoch: u64, scores: &[(&str, Value)]) {
        let step = (stage as u64 * EPOCHS + epoch + 1) * STEPS;
        let mut ranked: Vec<(&str, f64)> =
            scores.iter().map(|(path, score)| (*path, score.as_f64().unwrap_or(f64::NAN))).collect();
        ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
        self.say(&Event::Rating(Rating {
            time: time(step),
            stage,
            epoch,
            step,
            best: ranked[0].0.into(),
            score: ranked[0].1,
            median: ranked[ranked.len() / 2].1,
            worst: ranked[ranked.len() - 1].1,
            paths: scores.len(),
            seconds: 0.5,
        }));
        self.history.push(json!({
            "schema": "bossnas-train/rate/1", "space": "nats-c10", "base": 64, "stage": stage, "epoch": epoch, "best_paths": [],
            "rules": "corrected", "way": "shared",
            "scores": scores.iter().map(|(path, score)| ((*path).to_owned(), score.clone())).collect::<serde_json::Map<_, _>>(),
            "order": ranked.iter().map(|(path, _)| *path).collect::<Vec<_>>(),
        }));
        fs::create_dir_all(self.path().join("ratings")).unwrap();
        let text = serde_json::to_string(&self.history).unwrap();
        fs::write(self.path().join("ratings/history.json"), text).unwrap();
    }

    /// Both stages of three epochs, a rating after each; the last one turns the order of the second round.
    fn whole() -> Self {
        let mut run = Self::begin();
        for stage in 0..2 {
            for epoch in 0..EPOCHS {
                run.train(stage, epoch, |step| -1.0 - step as f64 / 100.0);
                let sign = if epoch == 2 { -0.1 } else { 0.1 };
                let paths = ["60", "61", "62", "63", "64", "65", "66"].iter().enumerate();
                let scores: Vec<_> = paths.map(|(place, path)| (*path, json!(-2.0 + sign * place as f64))).collect();
                run.rate(stage, epoch, &scores);
            }
            let step = (stage as u64 + 1) * EPOCHS * STEPS;
            run.say(&Event::Stage { time: time(step), stage, step, best: "66".into(), score: -2.6 });
        }
        run
    }

    fn page(&self) -> String {
        report::write(self.path(), None).unwrap();
        fs::read_to_string(self.path().join("report.html")).unwrap()
    }
}

fn time(step: u64) -> f64 {
    1_700_000_000.0 + 2.0 * step as f64
}

/// What the figures of a page say, one string a figure.
fn figures(page: &str) -> Vec<String> {
    let sources = page.split("src='data:image/svg+xml,").skip(1);
    let svg = |source: &str| percent_decode_str(source.split('\'').next().unwrap()).decode_utf8().unwrap().into_owned();
    let said = |svg: String| {
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts = document.descendants().filter(|node| node.tag_name().name() == "text");
        texts.map(|node| node.text().unwrap_or_default().trim().to_owned()).collect::<Vec<_>>().join("\n")
    };
    sources.map(svg).map(said).collect()
}

/// The cells of the rows of all tables.
fn rows(page: &str) -> Vec<Vec<String>> {
    let cells = |row: &str| {
        let cells = row.split("<td").skip(1).map(|cell| cell.split_once('>').unwrap().1);
        cells.map(|cell| cell.split("</td>").next().unwrap().to_owned()).collect()
    };
    page.split("<tr>").map(cells).filter(|cells: &Vec<String>| !cells.is_empty()).collect()
}

fn fact(page: &str, name: &str) -> Option<String> {
    let rest = page.split(&format!("<dt>{name}</dt><dd>")).nth(1)?;
    Some(rest.split("</dd>").next()?.to_owned())
}

#[test]
fn a_run_that_just_began_has_a_report() {
    let run = Run::begin();
    let page = run.page();
    assert!(page.contains("The search is running, at step 0.") && page.contains("Nothing is rated yet."));
    assert!(figures(&page).is_empty() && rows(&page).is_empty());
    assert_eq!(fact(&page, "steps").as_deref(), Some("0 of 240"));
    assert_eq!(fact(&page, "seed").as_deref(), Some("17"));
    assert_eq!(fact(&page, "rules").as_deref(), Some("corrected"));
    assert_eq!(fact(&page, "began").as_deref(), Some("2023-11-14T22:13:20Z"));
}

#[test]
fn a_finished_run_shows_everything() {
    let mut run = Run::whole();
    run.say(&Event::End { time: time(240), step: 240, seconds: 480.0 });
    let arch = json!({"schema": "bossnas-zoo/arch/1", "arch": "nats-c10:66/66/6", "space": "nats-c10",
                      "path": [[6, 6], [6, 6], [6]], "scores": {"stage 1": -2.6}});
    fs::write(run.path().join("arch.json"), arch.to_string()).unwrap();
    let drawing =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"300\" height=\"20\"><text>the drawing</text></svg>";
    report::write(run.path(), Some(drawing)).unwrap();
    let page = fs::read_to_string(run.path().join("report.html")).unwrap();
    assert!(page.contains("The search chose ") && page.contains("66/66/6"), "{page}");
    assert_eq!(fact(&page, "state").as_deref(), Some("finished"));
    assert_eq!(fact(&page, "time").as_deref(), Some("8 min 00 s"));

    let figures = figures(&page);
    let titles: Vec<&str> = figures.iter().filter_map(|figure| figure.lines().next()).collect();
    let expected = [
        "the drawing",
        "Loss",
        "Learning rate",
        "Momentum of the target",
        "Ratings over time",
        "Scores by rank, stage 0",
        "Scores by rank, stage 1",
        "Images in a second",
        "Waiting for data",
        "Memory",
    ];
    assert_eq!(titles, expected);
    for figure in [1, 2, 3, 4, 7, 8, 9] {
        let lines: Vec<&str> = figures[figure].lines().collect();
        assert!(lines.contains(&"stage 0") && lines.contains(&"stage 1"), "{}", figures[figure]);
    }
    assert!(["best", "median", "worst"].iter().all(|name| figures[4].lines().any(|line| line == *name)));
    // The last rating has turned the order round: 66 is the best, 60 and 61 are not named.
    let named: Vec<&str> = figures[5].lines().filter(|line| line.len() == 2 && line.starts_with('6')).collect();
    assert_eq!(named, ["66", "65", "64", "63", "62"]);

    let rows = rows(&page);
    assert_eq!(rows[0], ["0", "66", "-2.6000", "1", "decided at step 120", "2", "7", "65", "0.100000"]);
    assert_eq!(rows[2], ["0", "0 to 1", "1.000", "", "60", "1"]);
    assert_eq!(rows[3], ["0", "1 to 2", "-1.000", "", "60", "7"]);
    // The first step of a run has its time too.
    assert_eq!(rows[6], ["0", "120", "4 min 00 s", "101.0", "25.0 %", "2.00 GB"]);
    assert_eq!(rows.len(), 8);
}

#[test]
fn text_from_files_stays_text() {
    let mut run = Run::begin();
    run.train(0, 0, |_| -1.0);
    run.rate(0, 0, &[(EVIL, json!(-3.0)), ("61", json!(-2.5))]);
    run.say(&Event::Broken { time: time(1), step: 1, name: EVIL.into(), error: EVIL.into() });
    let page = run.page();
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
    let shown = page.matches("&#60;script&#62;").count();
    // Configuration, two cells of the broken picture, best path; in figures it is encoded once more.
    assert!(shown >= 4, "{shown}");
    assert!(page.contains("1 picture could not be read"));
    assert!(figures(&page).iter().any(|figure| figure.contains("</pre>")));
}

#[test]
fn a_run_that_goes_on_shows_what_is_decided() {
    let mut run = Run::begin();
    run.train(0, 0, |_| -1.0);
    run.rate(0, 0, &[("60", json!(-1.5)), ("61", json!(-1.0))]);
    let partial = json!({"schema": "bossnas-train/partial-arch/1", "space": "nats-c10", "best_paths": ["60"],
                         "scores": {"stage 1": -1.5}});
    fs::write(run.path().join("arch.json"), partial.to_string()).unwrap();
    run.say(&Event::Stop { time: time(40), step: 40, reason: Reason::Interrupt });
    let page = run.page();
    assert!(page.contains("The search is stopped at step 40, by a signal."));
    assert!(page.contains("Decided so far: stage 0 60."));
    assert_eq!(rows(&page)[0], ["0", "60", "-1.5000", "1", "so far", "0", "2", "61", "0.500000"]);
    // The hour between two processes is no time of the run.
    run.say(&Event::Resume { time: time(40) + 3600.0, step: 40 });
    run.train(0, 1, |_| -1.0);
    let page = run.page();
    assert!(page.contains("The search is running, at step 80."));
    assert_eq!(fact(&page, "resumed").as_deref(), Some("1 time"));
}

#[test]
fn the_path_that_goes_on_need_not_be_the_best() {
    let mut run = Run::begin();
    run.train(0, 0, |_| -1.0);
    run.rate(0, 0, &[("60", json!(-1.5)), ("61", json!(-1.25)), ("62", json!(-1.0))]);
    run.say(&Event::Stage { time: time(40), stage: 0, step: 40, best: "61".into(), score: -1.25 });
    let page = run.page();
    assert_eq!(rows(&page)[0], ["0", "61", "-1.2500", "2", "decided at step 40", "0", "3", "60", "-0.250000"]);
}

#[test]
fn a_rating_that_was_done_again_counts_once() {
    let mut run = Run::whole();
    let once = rows(&run.page());
    let again = run.history.pop().unwrap();
    let scores: Vec<(String, Value)> =
        again["scores"].as_object().unwrap().iter().map(|(path, score)| (path.clone(), score.clone())).collect();
    let scores: Vec<(&str, Value)> = scores.iter().map(|(path, score)| (path.as_str(), score.clone())).collect();
    run.history.push(again);
    run.rate(1, 2, &scores);
    assert_eq!(rows(&run.page()), once);
}

#[test]
fn a_run_that_diverged_has_a_report() {
    let mut run = Run::begin();
    run.train(0, 0, |step| if step < 20 { -1.0 } else { f64::NAN });
    run.train(0, 1, |step| if step < 60 { 1e200 } else { f64::INFINITY });
    run.rate(0, 1, &[("60", Value::Null), ("61", json!(-1.0)), ("62", json!(-1.0))]);
    run.rate(0, 2, &[("60", Value::Null), ("61", Value::Null)]);
    let page = run.page();
    assert!(page.contains("The loss of 42 steps was infinite or no number"), "{page}");
    assert!(figures(&page).iter().any(|figure| figure.starts_with("Loss")));
    assert!(rows(&page).iter().any(|row| row.len() == 6 && row[1] == "1 to 2" && row[2] == "none"), "{page}");
}

#[test]
fn the_same_files_give_the_same_page() {
    let run = Run::whole();
    assert_eq!(run.page(), run.page());
}

#[test]
fn a_file_that_is_wrong_is_named_and_the_page_stays() {
    let run = Run::whole();
    let page = run.page();
    let refused = |name: &str, text: &[u8], words: &str| {
        let path = run.path().join(name);
        let before = fs::read(&path).ok();
        fs::write(&path, text).unwrap();
        let error = report::write(run.path(), None).unwrap_err().to_string();
        let file = Path::new(name).file_name().unwrap().to_str().unwrap();
        assert!(error.contains(file) && error.contains(words) && error.lines().count() == 1, "{error}");
        match before {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    };
    refused("ratings/history.json", b"[{}]", "missing field `schema`");
    refused(
        "ratings/history.json",
        br#"[{"schema": "other/1", "stage": 0, "epoch": 0, "scores": {}}]"#,
        "the schema of a rating is `other/1`",
    );
    refused(
        "ratings/history.json",
        br#"[{"schema": "bossnas-train/rate/1", "stage": 0, "epoch": 0, "scores": {"00": "x"}}]"#,
        "the score of `00` is \"x\"",
    );
    refused("arch.json", br#"{"schema": "other/1"}"#, "its schema is `other/1`");
    refused("arch.json", b"{", "EOF");
    refused("config.toml", b"\xff", "no text in UTF-8");
    refused("log.jsonl", b"{}\n", "line 1: no event");
    assert_eq!(fs::read_to_string(run.path().join("report.html")).unwrap(), page);
    let nothing = tempfile::tempdir().unwrap();
    let error = report::write(nothing.path(), None).unwrap_err().to_string();
    assert!(error.contains("log.jsonl` does not exist"), "{error}");
}
