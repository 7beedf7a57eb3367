//! Logs that are whole, torn, cut and wrong.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::journal::Event as _;
use crate::search::journal::{Event, Rating, Reason, Step};

fn step(step: u64) -> Event {
    let epoch = step / 10;
    Event::Step(Step {
        time: 1.7e9 + step as f64 / 3.0,
        stage: 0,
        epoch,
        step,
        loss: -1.0 / 3.0,
        lr: 4.8e-4,
        momentum: 0.99,
        images_per_second: 81.25,
        waited: 0.015,
        memory: 1 << 33,
        scale: step.is_multiple_of(2).then_some(65536.0),
    })
}

fn rating(step: u64) -> Event {
    Event::Rating(Rating {
        time: 1.7e9,
        stage: 0,
        epoch: 1,
        step,
        best: "5433".into(),
        score: -3.2,
        median: -3.0,
        worst: f64::NAN,
        paths: 51,
        seconds: 1.9,
    })
}

fn all() -> Vec<Event> {
    let rules = json!({"attention": "standard", "prefix": "frozen"});
    vec![
        Event::Start {
            time: 1.7e9,
            step: 0,
            version: "0.1.0".into(),
            space: "hytra".into(),
            rules: rules.as_object().unwrap().clone(),
            steps: 1234,
        },
        step(1),
        step(2),
        Event::Broken { time: 1.7e9, step: 2, name: "n01/\"x\".jpg".into(), error: "truncated\n".into() },
        rating(2),
        Event::Stage { time: 1.7e9, stage: 0, step: 2, best: "5433".into(), score: -3.2 },
        Event::Stop { time: 1.7e9, step: 2, reason: Reason::MaxSteps },
        Event::Resume { time: 1.7e9, step: 2 },
        step(3),
        Event::Stop { time: 1.7e9, step: 3, reason: Reason::Interrupt },
        Event::End { time: 1.7e9, step: 4, seconds: 12.5 },
    ]
}

fn written(events: &[Event]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let mut log = Log::open(&path).unwrap();
    for event in events {
        log.write(event).unwrap();
    }
    (folder, path)
}

fn until(step: u64) -> impl Fn(&Event) -> bool {
    move |event| event.step() <= step
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// NaN is equal to nothing, so texts are compared.
fn same(events: &[Event], others: &[Event]) {
    assert_eq!(format!("{events:?}"), format!("{others:?}"));
}

#[test]
fn events_come_back_as_they_were() {
    let (_folder, path) = written(&all());
    same(&read(&path).unwrap(), &all());
}

#[test]
fn lines_have_their_keys_in_order() {
    let (_folder, path) = written(&[step(1), rating(20), all().remove(9)]);
    let text = std::fs::read_to_string(path).unwrap();
    let expected = [
        r#"{"event":"step","time":1700000000.3333333,"stage":0,"epoch":0,"step":1,"loss":-0.3333333333333333,"lr":0.00048,"momentum":0.99,"images_per_second":81.25,"waited":0.015,"memory":8589934592}"#,
        r#"{"event":"rating","time":1700000000.0,"stage":0,"epoch":1,"step":20,"best":"5433","score":-3.2,"median":-3.0,"worst":null,"paths":51,"seconds":1.9}"#,
        r#"{"event":"stop","time":1700000000.0,"step":3,"reason":"interrupt"}"#,
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_last_line_without_its_end_was_never_written() {
    let (_folder, path) = written(&[step(1), step(2)]);
    let whole = std::fs::read(&path).unwrap();
    for torn in [&whole[..whole.len() / 3], b"{", b"\0\0\0", "ü".repeat(5000).as_bytes()] {
        append(&path, torn);
        same(&read(&path).unwrap(), &[step(1), step(2)]);
        let mut log = Log::open(&path).unwrap();
        log.write(&step(3)).unwrap();
        same(&read(&path).unwrap(), &[step(1), step(2), step(3)]);
        Log::cut(&path, until(2)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
    std::fs::write(&path, b"{\"event\"").unwrap();
    drop(Log::<Event>::open(&path).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[test]
fn what_came_after_the_checkpoint_is_cut_off() {
    let (_folder, path) = written(&all());
    append(&path, b"{\"event\":\"st");
    Log::cut(&path, until(2)).unwrap();
    same(&read(&path).unwrap(), &all()[..8]);
    let once = std::fs::read(&path).unwrap();
    Log::cut(&path, until(2)).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), once);
    Log::cut(&path, until(0)).unwrap();
    same(&read(&path).unwrap(), &all()[..1]);
    let none = path.with_file_name("none.jsonl");
    Log::cut(&none, until(7)).unwrap();
    assert!(!none.exists());
}

#[test]
fn other_lines_are_refused_by_number() {
    for wrong in [
        "",
        "{}",
        r#"{"event":"party"}"#,
        r#"{"event":"resume","time":1.0}"#,
        "[1]",
        "\0\0",
        r#"{"event":"stop","time":1,"step":-1}"#,
    ] {
        let (_folder, path) = written(&[step(1)]);
        append(&path, format!("{wrong}\n").as_bytes());
        append(&path, b"{\"event\":\"resume\",\"time\":1,\"step\":1}\n");
        let error = read::<Event>(&path).unwrap_err().to_string();
        assert!(error.contains("log.jsonl`, line 2: no event") && error.lines().count() == 1, "{error}");
        let before = std::fs::read(&path).unwrap();
        assert!(Log::cut(&path, until(9)).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    let (_folder, path) = written(&[step(1)]);
    append(&path, &vec![b' '; MAX_LINE as usize]);
    assert!(read::<Event>(&path).unwrap_err().to_string().contains("line 2: it is longer than"));
    assert!(matches!(read::<Event>(&path.with_file_name("none")), Err(JournalError::Read(ReadError::Missing { .. }))));
}

#[test]
fn a_log_of_several_processes_is_one_log() {
    let (_folder, path) = written(&[step(1)]);
    let mut log = Log::open(&path).unwrap();
    log.write(&step(2)).unwrap();
    let mut other = Log::open(&path).unwrap();
    other.write(&step(3)).unwrap();
    log.write(&step(4)).unwrap();
    same(&read(&path).unwrap(), &[1, 2, 3, 4].map(step));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_log_that_ends_anywhere_has_the_lines_before(share in 0.0..=1.0) {
        let (_folder, path) = written(&all());
        let whole = std::fs::read(&path).unwrap();
        let kept = (whole.len() as f64 * share) as usize;
        let lines = whole[..kept].split(|byte| *byte == b'\n').count() - 1;
        OpenOptions::new().write(true).open(&path).unwrap().set_len(kept as u64).unwrap();
        same(&read(&path).unwrap(), &all()[..lines]);
        Log::open(&path).unwrap().write(&step(7)).unwrap();
        same(&read(&path).unwrap(), &[&all()[..lines], &[step(7)]].concat());
    }

    #[test]
    fn any_bytes_are_events_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(events) = read::<Event>(&path) {
            prop_assert!(events.is_empty());
        }
        drop(Log::<Event>::open(&path).unwrap());
        let left = std::fs::read(&path).unwrap();
        prop_assert!(bytes.starts_with(&left) && (left.is_empty() || left.ends_with(b"\n")));
    }
}
