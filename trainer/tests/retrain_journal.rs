//! The report of a retraining, from folders as it writes them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use bossnas_trainer::journal::{Log, log};
use bossnas_trainer::retrain::Scores;
use bossnas_trainer::retrain::journal::{Epoch, Event, Reason, Step, report};
use percent_encoding::percent_decode_str;

const EVIL: &str = "</pre><script>alert(\"x\")</script>&amp;'\u{1b}[31m";
const STEPS: u64 = 20;

/// The folder of a run that is written event by event.
struct Run {
    folder: tempfile::TempDir,
    log: Log<Event>,
}

fn time(step: u64) -> f64 {
    1_700_000_000.0 + 2.0 * step as f64
}

impl Run {
    fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(&folder.path().join("log.jsonl")).unwrap();
        let remark = EVIL.replace('\u{1b}', "");
        fs::write(folder.path().join("config.toml"), format!("seed = 17\n# {remark}\n")).unwrap();
        let mut run = Self { folder, log };
        run.say(&Event::Start {
            time: time(0),
            step: 0,
            version: "0.1.0".into(),
            arch: "bossnet:1/0/1/1+relu+classes=10".into(),
            recipe: "small".into(),
            data_set: "digits".into(),
            images: [1438, 359],
            epochs: 3,
            steps: 3 * STEPS,
        });
        run
    }

    fn say(&mut self, event: &Event) {
        self.log.write(event).unwrap();
    }

    /// An epoch step by step, two seconds each, and what is counted after it.
    fn epoch(&mut self, epoch: u64, loss: impl Fn(u64) -> f64, scores: [Option<Scores>; 2]) {
        for batch in 1..=STEPS {
            let step = epoch * STEPS + batch;
            self.say(&Event::Step(Step {
                time: time(step),
                epoch,
                step,
                loss: loss(step),
                lr: 0.001 / (1 + epoch) as f64,
                norm: Some(1.5),
                images_per_second: 100.0 + (step % 3) as f64,
                waited: 0.25,
                memory: 2_000_000_000 + step,
                scale: None,
            }));
        }
        let step = (epoch + 1) * STEPS;
        self.say(&Event::Epoch(Epoch {
            time: time(step),
            epoch,
            step,
            lr: 0.001,
            train_loss: loss(step),
            model: scores[0],
            model_ema: scores[1],
            seconds: 0.5,
        }));
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn page(&self) -> String {
        report::write(self.path(), None).unwrap();
        fs::read_to_string(self.path().join("report.html")).unwrap()
    }
}

fn scores(top1: f64) -> Scores {
    Scores { top1, top5: 0.5 + top1 / 2.0, loss: 1.0 - top1, images: 359 }
}

/// The titles of the figures of a page.
fn titles(page: &str) -> Vec<String> {
    let sources = page.split("src='data:image/svg+xml,").skip(1);
    let svg = |source: &str| percent_decode_str(source.split('\'').next().unwrap()).decode_utf8().unwrap().into_owned();
    let title = |svg: String| {
        let document = roxmltree::Document::parse(&svg).unwrap();
        let mut texts = document.descendants().filter(|node| node.tag_name().name() == "text");
        texts.next().and_then(|node| node.text().map(|text| text.trim().to_owned())).unwrap_or_default()
    };
    sources.map(svg).map(title).collect()
}

fn fact(page: &str, name: &str) -> Option<String> {
    let rest = page.split(&format!("<dt>{name}</dt><dd>")).nth(1)?;
    Some(rest.split("</dd>").next()?.to_owned())
}

#[test]
fn a_run_that_just_began_has_a_report() {
    let page = Run::begin().page();
    assert!(page.contains("The training is running, at step 0.") && page.contains("Nothing is evaluated yet."));
    assert!(titles(&page).is_empty());
    assert_eq!(fact(&page, "epochs").as_deref(), Some("0 of 3"));
    assert_eq!(fact(&page, "seed").as_deref(), Some("17"));
    assert_eq!(fact(&page, "images").as_deref(), Some("digits: 1 438 to train on, 359 to judge by"));
}

#[test]
fn a_finished_run_shows_everything() {
    let mut run = Run::begin();
    run.epoch(0, |step| 2.0 / step as f64, [Some(scores(0.5)), Some(scores(0.25))]);
    run.epoch(1, |step| 2.0 / step as f64, [None, None]);
    run.say(&Event::Stop { time: time(40), step: 40, reason: Reason::Interrupt });
    run.say(&Event::Resume { time: time(40) + 3600.0, step: 40 });
    run.epoch(2, |step| 2.0 / step as f64, [Some(scores(0.875)), Some(scores(0.9375))]);
    run.say(&Event::End { time: time(60), step: 60, seconds: 120.0 });
    let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"300\" height=\"20\"><text>drawn</text></svg>";
    report::write(run.path(), Some(drawing)).unwrap();
    let page = fs::read_to_string(run.path().join("report.html")).unwrap();
    assert!(page.contains("finished. Best so far: model_ema after epoch 2, top-1 93.75 %"), "{page}");
    assert_eq!(fact(&page, "epochs").as_deref(), Some("3 of 3"));
    assert_eq!(fact(&page, "resumed").as_deref(), Some("1 time"));
    // The hour between two processes is no time of the run: 40 steps of the first, and of the second from its first step on.
    assert_eq!(fact(&page, "time").as_deref(), Some("1 min 58 s"));
    let expected = [
        "Top-1",
        "Top-5",
        "Loss on test images",
        "Loss",
        "Learning rate",
        "Norm of the gradients",
        "Images in a second",
        "Waiting for data",
        "Memory",
        "drawn",
    ];
    assert_eq!(titles(&page), expected);
    assert_eq!(run.page(), run.page(), "the same files give the same page");
}

#[test]
fn text_from_files_stays_text() {
    let mut run = Run::begin();
    run.say(&Event::Broken { time: time(1), step: 1, name: EVIL.into(), error: EVIL.into() });
    let page = run.page();
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
    assert!(page.matches("&#60;script&#62;").count() >= 3);
    assert!(page.contains("1 picture could not be read"));
}

#[test]
fn a_run_that_diverged_has_a_report() {
    let mut run = Run::begin();
    let lost = Scores { loss: f64::NAN, ..scores(0.1) };
    run.epoch(0, |step| if step < 10 { 2.0 } else { f64::NAN }, [Some(lost), None]);
    let page = run.page();
    assert!(page.contains("The loss of 11 steps was infinite or no number"), "{page}");
    assert!(titles(&page).iter().any(|title| title == "Top-1"));
    let read: Vec<Event> = log::read(&run.path().join("log.jsonl")).unwrap();
    assert!(matches!(read.last(), Some(Event::Epoch(epoch)) if epoch.model.unwrap().loss.is_nan()));
}

#[test]
fn a_log_of_something_else_is_refused_with_its_line() {
    let mut run = Run::begin();
    run.epoch(0, |_| 1.0, [None, None]);
    let path = run.path().join("log.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    text += "{\"event\":\"rating\"}\n";
    fs::write(&path, text).unwrap();
    let error = report::write(run.path(), None).unwrap_err().to_string();
    assert!(error.contains("log.jsonl`, line 23: no event"), "{error}");
}
