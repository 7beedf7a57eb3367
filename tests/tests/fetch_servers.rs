//! Downloads from a real server, over TLS, with passwords, redirects and proxies.

use std::fs;

use bossnas_tests::authority::Authority;
use bossnas_tests::nginx::Nginx;
use bossnas_tests::program::{Outcome, finish};
use bossnas_tests::proxy::Proxy;
use bossnas_tests::server::{Fault, Server};
use bossnas_tests::shelf::{NAME, Shelf, noise, sha256};

/// Nothing is here.
const NOWHERE: &str = "http://127.0.0.1:1/x.bin";

/// Fetches from a mirror; the own address does not answer.
fn from_mirror(shelf: &Shelf, mirror: &str, options: &[&str]) -> Outcome {
    shelf.zoo(&[&["fetch", NAME, "--json", "--retries", "0", "--mirror", mirror], options].concat())
}

#[test]
fn tls_needs_an_authority_that_is_trusted() {
    let Some(nginx) = Nginx::start() else { return };
    let bytes = noise(3 << 20);
    nginx.serve("x.bin", &bytes);
    let shelf = Shelf::plain(NOWHERE, Some(&sha256(&bytes)));
    let ca = nginx.authority().ca.display().to_string();
    let foreign = Authority::create(shelf.path(), "foreign").ca.display().to_string();

    let refused = ["its certificate is not accepted", "--ca-file"];
    let _ = from_mirror(&shelf, &nginx.https(), &[]).failure(5, &refused);
    let _ = from_mirror(&shelf, &nginx.https(), &["--ca-file", &foreign]).failure(5, &refused);
    assert!(shelf.blobs().is_empty());
    let file = from_mirror(&shelf, &nginx.https(), &["--ca-file", &ca]).success().file();
    assert_eq!(file["sha256"], sha256(&bytes));
    let by_variable = Shelf::plain(NOWHERE, None);
    let mut fetch = by_variable.command(&["fetch", NAME, "--mirror", &nginx.https()]);
    let _ = finish(fetch.env("BOSSNAS_CA_FILE", &ca)).success();
    // The name in the certificate counts.
    let other_name = nginx.https().replace("127.0.0.1", "127.0.0.2");
    let _ = from_mirror(&Shelf::plain(NOWHERE, None), &other_name, &["--ca-file", &ca]).failure(5, &[]);

    fs::write(shelf.path().join("empty.pem"), "").unwrap();
    let _ = from_mirror(&shelf, &nginx.https(), &["--ca-file", "empty.pem"]).failure(2, &["holds no certificate"]);
}

#[test]
fn a_redirect_is_followed_but_never_away_from_https() {
    let Some(nginx) = Nginx::start() else { return };
    let bytes = noise(1 << 20);
    nginx.serve("x.bin", &bytes);
    let ca = nginx.authority().ca.display().to_string();
    let fetch =
        |mirror: String| from_mirror(&Shelf::plain(NOWHERE, Some(&sha256(&bytes))), &mirror, &["--ca-file", &ca]);
    let _ = fetch(format!("{}/moved/", nginx.http())).success();
    let _ = fetch(format!("{}/to-http/", nginx.https())).failure(5, &["redirects from https to http"]);
    let _ = fetch(format!("{}/loop/", nginx.http())).failure(5, &["redirects more than 10 times"]);
}

#[test]
fn a_password_is_sent_to_the_mirror_and_shown_nowhere() {
    let Some(nginx) = Nginx::start() else { return };
    let bytes = noise(1000);
    nginx.serve("x.bin", &bytes);
    let shelf = Shelf::plain(NOWHERE, None);
    let with = |password: &str| nginx.http().replace("http://", &format!("http://zoo:{password}@")) + "/basic";
    let _ = from_mirror(&shelf, &format!("{}/basic", nginx.http()), &[]).failure(5, &["401"]);
    let wrong = from_mirror(&shelf, &with("hunter2"), &[]).failure(5, &["401"]);
    assert!(!wrong.stderr.contains("hunter2"), "{}", wrong.stderr);
    let right = from_mirror(&shelf, &with("secret"), &[]).success();
    let lock = fs::read_to_string(shelf.home().join("registry.lock")).unwrap();
    for text in [&right.stdout, &right.stderr, &lock] {
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn a_password_is_not_forwarded_to_another_host() {
    let bytes = noise(100_000);
    let other = Server::start([("x.bin", bytes.clone())]);
    let first = Server::start([("x.bin", bytes)]);
    first.plan("x.bin", [], Fault::Redirect(other.url("x.bin"), 302));
    let shelf = Shelf::plain(NOWHERE, None);
    let mirror = first.url("").replace("http://", "http://zoo:secret@");
    let _ = from_mirror(&shelf, &mirror, &[]).success();
    assert!(first.requests()[0].authorization().is_some_and(|header| header.starts_with("Basic ")));
    let forwarded = &other.requests()[0];
    assert_eq!(forwarded.authorization(), None);
    assert!(!forwarded.headers.values().any(|value| value.contains("secret")), "{:?}", forwarded.headers);
}

#[test]
fn a_proxy_is_used_unless_it_must_not_be() {
    let Some(nginx) = Nginx::start() else { return };
    let bytes = noise(1 << 20);
    nginx.serve("x.bin", &bytes);
    let ca = nginx.authority().ca.display().to_string();
    let proxy = Proxy::start();
    let fetch = |no_proxy: Option<&str>| {
        let shelf = Shelf::plain(NOWHERE, Some(&sha256(&bytes)));
        let mut fetch = shelf.command(&["fetch", NAME, "--mirror", &nginx.https(), "--ca-file", &ca]);
        fetch.env("HTTPS_PROXY", proxy.url());
        if let Some(no_proxy) = no_proxy {
            fetch.env("NO_PROXY", no_proxy);
        }
        let _ = finish(&mut fetch).success();
    };
    fetch(Some("127.0.0.1"));
    assert_eq!(proxy.targets(), Vec::<String>::new());
    fetch(None);
    assert_eq!(proxy.targets(), [nginx.https().trim_start_matches("https://")]);
}

#[test]
fn mirrors_are_asked_in_order_and_go_on_with_each_others_parts_when_the_digest_is_known() {
    let bytes = noise(300_000);
    let [first, second] = [(); 2].map(|()| Server::start([("x.bin", bytes.clone())]));
    first.plan("x.bin", [Fault::Cut(200_000)], Fault::Status(404, None));
    let own = Server::start([("x.bin", bytes.clone())]);
    let mirrors = [first.url(""), second.url("")];
    let options = ["--mirror", &mirrors[0], "--mirror", &mirrors[1]];

    let file = Shelf::plain(&own.url("x.bin"), Some(&sha256(&bytes))).fetch(&options).success().file();
    assert_eq!(file["trust"], "registry");
    let start = second.requests()[0].range_start();
    assert!(start.is_some_and(|start| start > 100_000), "it goes on where the first one stopped: {start:?}");
    assert_eq!(own.requests().len(), 0);

    // Without a digest two servers may have two files: everything comes from one of them.
    first.plan("x.bin", [Fault::Cut(200_000)], Fault::Status(404, None));
    let file = Shelf::plain(&own.url("x.bin"), None).fetch(&options).success().file();
    assert_eq!((&file["trust"], &file["sha256"]), (&"unconfirmed".into(), &sha256(&bytes).into()));
    assert_eq!(second.requests()[1].range_start(), None);

    // And when no mirror has it, the registry's own address does.
    for server in [&first, &second] {
        server.plan("x.bin", [], Fault::Status(404, None));
    }
    let outcome = Shelf::plain(&own.url("x.bin"), None).fetch(&options).success();
    assert_eq!(outcome.file()["trust"], "first-use");
    assert!(outcome.stderr.contains("asking the next source"), "{}", outcome.stderr);
}

#[test]
fn what_is_asked_is_what_is_needed() {
    let bytes = noise(1000);
    let server = Server::start([("x.bin", bytes)]);
    let _ = Shelf::plain(&server.url("x.bin"), None).fetch(&[]).success();
    let request = &server.requests()[0];
    assert_eq!(request.accept_encoding(), Some("identity"));
    assert_eq!((request.range_start(), request.if_range()), (None, None));
    assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("bossnas-zoo/")));
    assert_eq!(request.header("referer"), None);
    assert_eq!(request.header("cookie"), None);
}

#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_asks() {
    let server = Server::start([("x.bin", noise(1000))]);
    server.plan("x.bin", [Fault::Status(429, Some("2".to_owned())), Fault::Status(503, None)], None);
    let outcome = Shelf::plain(&server.url("x.bin"), None).fetch(&[]).success();
    let waits: Vec<&str> =
        outcome.stderr.lines().filter_map(|line| line.split_once("trying again in ")).map(|(_, wait)| wait).collect();
    let [asked, own] = waits.as_slice() else { panic!("{}", outcome.stderr) };
    assert_eq!(*asked, "2.0 s", "longer than it would have waited by itself");
    // The second wait, with its random part.
    let own: f64 = own.trim_end_matches(" s").parse().unwrap();
    assert!((1.0..=2.0).contains(&own), "{own}");
    server.plan("x.bin", [], Fault::Status(429, Some("3600".to_owned())));
    let _ = Shelf::plain(&server.url("x.bin"), None).fetch(&[]).failure(5, &["asks to come back in 3600 s"]);
}

#[test]
fn a_server_that_only_trickles_is_given_up() {
    let server = Server::start([("x.bin", noise(1_000_000))]);
    server.plan("x.bin", [], Fault::Throttle(300));
    let shelf = Shelf::plain(&server.url("x.bin"), None);
    let outcome = shelf.zoo(&["fetch", NAME, "--timeout", "1", "--retries", "0"]);
    let _ = outcome.failure(5, &["less than 1024 bytes/s for 2 s", "the same command goes on from there"]);
}
