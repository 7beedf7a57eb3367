//! Everything that can go wrong on the way, alone and in pairs: each ends in the right file or in a clear error with exit
//! code 5, never in a wrong file in the store, never with a store that cannot be used.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bossnas_tests::server::{Fault, Server};
use bossnas_tests::shelf::{Shelf, noise, sha256};
use bossnas_tests::small;

/// Runs at a time: they wait more than they work.
const AT_ONCE: usize = 12;

/// What a case must end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    File,
    Error,
    Either,
}

struct Case {
    name: String,
    first: Vec<Fault>,
    then: Option<Fault>,
    end: End,
}

/// What is served, and what is known of it.
enum Content {
    /// The registry gives the digest.
    Known(Vec<u8>),
    /// It does not; but it must be a checkpoint of the small network.
    Unknown(Vec<u8>),
}

impl Content {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Known(bytes) | Self::Unknown(bytes) => bytes,
        }
    }

    fn shelf(&self, url: &str) -> Shelf {
        match self {
            Self::Known(bytes) => Shelf::plain(url, Some(&sha256(bytes))),
            Self::Unknown(_) => Shelf::checkpoint(url),
        }
    }

    fn known() -> Self {
        Self::Known(noise(300_000))
    }

    fn unknown() -> Self {
        Self::Unknown(small::checkpoint())
    }
}

/// Every fault, what it ends in when it happens once, and when it happens always. Positions are those of a file of `len` bytes.
fn faults(len: usize) -> Vec<(&'static str, Fault, End, End)> {
    use End::{Either, Error, File};
    let third = len as u64 / 3;
    let status = |code| Fault::Status(code, None);
    vec![
        ("ordinary", Fault::Ordinary, File, File),
        // Each attempt brings a part, so it ends well even when it always happens.
        ("cut", Fault::Cut(third), File, File),
        ("cut at once", Fault::Cut(0), File, Error),
        ("stall", Fault::Stall(third), File, File),
        ("stall before the body", Fault::Stall(0), File, Error),
        ("throttled", Fault::Throttle(third), File, File),
        ("stall before the head", Fault::StallBeforeHeaders, File, Error),
        ("hang up", Fault::CloseBeforeHeaders, File, Error),
        ("no HTTP", Fault::GarbageHeaders, File, Error),
        ("huge head", Fault::HugeHeaders, File, Error),
        ("range ignored", Fault::RefuseRange, File, File),
        ("408", status(408), File, Error),
        ("429 with a time", Fault::Status(429, Some("1".to_owned())), File, Error),
        ("429 with a long time", Fault::Status(429, Some("86400".to_owned())), Error, Error),
        ("503 with a date", Fault::Status(503, Some("Wed, 21 Oct 2015 07:28:00 GMT".to_owned())), File, Error),
        ("500", status(500), File, Error),
        ("502", status(502), File, Error),
        ("404", status(404), Error, Error),
        ("403", status(403), Error, Error),
        ("204", status(204), Error, Error),
        ("416 for nothing", status(416), Error, Error),
        ("other range", Fault::WrongContentRange(7), File, File),
        ("other range backwards", Fault::WrongContentRange(-7), File, File),
        ("other total", Fault::WrongTotal(len as u64 + 1000), File, File),
        ("other tag", Fault::SilentlyChangedEtag, File, File),
        ("no validator", Fault::NoEtag, File, File),
        ("weak tag", Fault::WeakEtag, File, File),
        ("a date only", Fault::LastModifiedOnly, File, File),
        ("short body", Fault::ShortBody(third), File, Error),
        ("looks whole", Fault::ShortLength(third), Error, Error),
        ("long body", Fault::LongBody(1000), File, File),
        ("long chunked", Fault::LongChunked(1000), Error, Error),
        ("chunked", Fault::Chunked, File, File),
        ("compressed", Fault::Gzip, Error, Error),
        ("redirect to another path", Fault::Redirect("/again.pth".to_owned(), 302), File, File),
        ("redirect to nowhere", Fault::Redirect("/nowhere".to_owned(), 301), Error, Error),
        ("redirect to a file", Fault::Redirect("file:///etc/passwd".to_owned(), 302), Error, Error),
        ("redirect to itself", Fault::RedirectLoop, Error, Error),
        ("portal", Fault::Html200, Error, Error),
        // Nobody can see this when no digest is known and it hits a part that is not read.
        ("flipped bit", Fault::CorruptByte(third), Either, Either),
    ]
}

/// Runs all cases and insists on what must be so in each of them.
fn check(content: &Content, cases: &[Case]) {
    let next = AtomicUsize::new(0);
    let problems = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(problem) = run(content, case) {
                        problems.lock().unwrap().push(format!("{}: {problem}", case.name));
                    }
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), cases.len(), problems.join("\n"));
}

fn run(content: &Content, case: &Case) -> Result<(), String> {
    let bytes = content.bytes();
    let server = Server::start([("w.pth", bytes), ("again.pth", bytes)]);
    server.plan("w.pth", case.first.clone(), case.then.clone());
    let shelf = content.shelf(&server.url("w.pth"));
    let outcome = shelf.fetch(&[]);
    let said = &outcome.stderr;
    match outcome.code {
        Some(0) if case.end == End::Error => return Err(format!("it must fail\n{said}")),
        Some(0) => {
            let path = outcome.file()["path"].as_str().unwrap_or_default().to_owned();
            let is_flipped = case.end == End::Either && matches!(content, Content::Unknown(_));
            if fs::read(path).map_err(|error| error.to_string())? != bytes && !is_flipped {
                return Err("a wrong file was accepted".to_owned());
            }
        }
        Some(5) if case.end == End::File => return Err(format!("it must succeed\n{said}")),
        Some(5) => {
            let errors = said.lines().filter(|line| line.starts_with("error: ")).count();
            if errors != 1 || !outcome.stdout.is_empty() || said.contains("panicked") {
                return Err(format!("no clear error\n{said}"));
            }
        }
        code => return Err(format!("exit code {code:?}\n{said}")),
    }
    shelf.assert_store_is_sound();
    // A store that went through this works.
    server.plan("w.pth", [], None);
    let again = shelf.fetch(&["--retrust"]);
    let path = if again.code == Some(0) { again.file()["path"].as_str().map(str::to_owned) } else { None };
    let is_flipped = case.end == End::Either && matches!(content, Content::Unknown(_));
    match path.and_then(|path| fs::read(path).ok()) {
        Some(found) if found == bytes || is_flipped => Ok(()),
        _ => Err(format!("the store cannot be used any more\n{}", again.stderr)),
    }
}

fn alone(len: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, fault, once, always) in faults(len) {
        cases.push(Case { name: format!("{name}, once"), first: vec![fault.clone()], then: None, end: once });
        cases.push(Case { name: format!("{name}, always"), first: Vec::new(), then: Some(fault), end: always });
    }
    cases
}

/// One fault after another that left a part of the file, and two in one answer.
fn pairs(len: usize) -> Vec<Case> {
    let third = len as u64 / 3;
    let mut cases = Vec::new();
    let parts = [("cut", Fault::Cut(third)), ("stall", Fault::Stall(third)), ("short body", Fault::ShortBody(third))];
    for (first, part) in &parts {
        for (second, fault, ..) in faults(len) {
            let first_two = vec![part.clone(), fault.clone()];
            cases.push(Case {
                name: format!("{first}, then {second}"),
                first: first_two,
                then: None,
                end: End::Either,
            });
            let always = Some(fault.clone());
            cases.push(Case {
                name: format!("{first}, then always {second}"),
                first: vec![part.clone()],
                then: always,
                end: End::Either,
            });
            let both = vec![Fault::Together(vec![fault, part.clone()])];
            cases.push(Case { name: format!("{first} and {second}"), first: both, then: None, end: End::Either });
        }
    }
    // A part without a validator, and then anything.
    for (second, fault, ..) in faults(len) {
        let unnamed = Fault::Together(vec![Fault::NoEtag, Fault::Cut(third)]);
        let first = vec![unnamed, fault];
        cases.push(Case { name: format!("cut without a tag, then {second}"), first, then: None, end: End::Either });
    }
    cases
}

#[test]
fn each_fault_with_a_known_digest() {
    let content = Content::known();
    check(&content, &alone(content.bytes().len()));
}

#[test]
fn each_fault_without_a_known_digest() {
    let content = Content::unknown();
    check(&content, &alone(content.bytes().len()));
}

#[test]
fn pairs_of_faults_with_a_known_digest() {
    let content = Content::known();
    check(&content, &pairs(content.bytes().len()));
}

#[test]
fn pairs_of_faults_without_a_known_digest() {
    let content = Content::unknown();
    check(&content, &pairs(content.bytes().len()));
}
