//! The server does what its faults say, and otherwise what RFC 9110 says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Fault, Server};
use crate::authority::Authority;
use crate::client::{Response, exchange, get};

const CONTENTS: &[u8] = b"0123456789abcdef";

fn server() -> Server {
    Server::start([("x", CONTENTS)])
}

fn ask(server: &Server, headers: &[(&str, &str)]) -> Response {
    get(server.address(), "/x", headers, Duration::from_millis(300))
}

/// What the first request gets under a fault, when it asks for the bytes from the fourth on.
fn ranged(fault: Fault) -> (Response, Server) {
    let server = server();
    server.plan("x", [fault], None);
    let response = ask(&server, &[("Range", "bytes=4-")]);
    (response, server)
}

fn whole(fault: Fault) -> (Response, Server) {
    let server = server();
    server.plan("x", [fault], None);
    let response = ask(&server, &[]);
    (response, server)
}

#[test]
fn ranges_are_heeded() {
    let server = server();
    let whole = ask(&server, &[]);
    assert_eq!((whole.status(), whole.body()), (Some(200), CONTENTS));
    assert_eq!(whole.header("etag"), Some(server.etag("x").as_str()));
    for (range, body, content) in [
        ("bytes=4-", &CONTENTS[4..], "bytes 4-15/16"),
        ("bytes=4-5", &CONTENTS[4..6], "bytes 4-5/16"),
        ("bytes=15-99", &CONTENTS[15..], "bytes 15-15/16"),
    ] {
        let part = ask(&server, &[("Range", range)]);
        assert_eq!((part.status(), part.body(), part.header("content-range")), (Some(206), body, Some(content)));
    }
    let beyond = ask(&server, &[("Range", "bytes=16-")]);
    assert_eq!((beyond.status(), beyond.header("content-range")), (Some(416), Some("bytes */16")));
    for ignored in ["bytes=5-4", "bytes=x-", "lines=1-2"] {
        assert_eq!(ask(&server, &[("Range", ignored)]).status(), Some(200), "{ignored}");
    }
    assert_eq!(get(server.address(), "/y", &[], Duration::from_secs(1)).status(), Some(404));
}

#[test]
fn a_range_depends_on_if_range() {
    let server = server();
    let with = |validator: &str| ask(&server, &[("Range", "bytes=4-"), ("If-Range", validator)]).status();
    let date = ask(&server, &[]).header("last-modified").unwrap().to_owned();
    assert_eq!(with(&server.etag("x")), Some(206));
    assert_eq!(with(&date), Some(206));
    assert_eq!(with("\"another\""), Some(200));
    server.plan("x", [], Fault::WeakEtag);
    assert_eq!(with(&format!("W/{}", server.etag("x"))), Some(200));
    server.plan("x", [], Fault::NoEtag);
    assert_eq!((with(&server.etag("x")), with(&date)), (Some(200), Some(200)));
    server.plan("x", [], Fault::LastModifiedOnly);
    assert_eq!((with(&server.etag("x")), with(&date)), (Some(200), Some(206)));
}

#[test]
fn requests_are_recorded() {
    let server = server();
    server.plan("x", [Fault::Cut(3)], None);
    let _ = ask(&server, &[("RANGE", "bytes=4-"), ("If-Range", "\"e\""), ("Authorization", "Basic eg==")]);
    let _ = get(server.address(), "/x?k=1", &[("Accept-Encoding", "identity")], Duration::from_secs(1));
    let [first, second] = &server.requests_for("x")[..] else { panic!("{:?}", server.requests()) };
    assert_eq!(
        (first.range_start(), first.if_range(), first.authorization()),
        (Some(4), Some("\"e\""), Some("Basic eg=="))
    );
    assert_eq!((first.sent, first.status, first.tls), (3, Some(200), false));
    assert_eq!((second.accept_encoding(), second.query.as_deref(), second.sent), (Some("identity"), Some("k=1"), 16));
}

#[test]
fn a_connection_serves_more_than_one_request() {
    let server = server();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .write_all(b"HEAD /x HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("200 OK").count(), 3, "{text}");
    assert_eq!(text.matches("0123456789abcdef").count(), 2, "{text}");
}

#[test]
fn a_request_without_measure_is_refused() {
    let server = server();
    let response = ask(&server, &[("X", &"x".repeat(20_000))]);
    // The rest of the request may reset the connection before the answer is read.
    assert!(matches!(response.status(), Some(400) | None));
    assert!(server.requests().is_empty());
}

#[test]
fn bodies_end_early_or_stop() {
    let (cut, _) = ranged(Fault::Cut(3));
    assert_eq!((cut.body(), cut.header("content-length"), cut.ended), (&b"456"[..], Some("12"), true));
    let (short, _) = whole(Fault::ShortBody(3));
    assert_eq!((short.body().len(), short.header("content-length"), short.ended), (13, Some("16"), true));
    let (stalled, server) = whole(Fault::Stall(3));
    assert_eq!((stalled.body(), stalled.ended, server.requests()[0].sent), (&b"012"[..], false, 3));
    let (silent, server) = whole(Fault::StallBeforeHeaders);
    assert_eq!((silent.raw.len(), silent.ended, server.requests()[0].status), (0, false, None));
    let (closed, _) = whole(Fault::CloseBeforeHeaders);
    assert_eq!((closed.raw.len(), closed.ended), (0, true));
}

#[test]
fn a_throttled_body_takes_its_time() {
    let server = server();
    server.plan("x", [Fault::Throttle(80)], None);
    let start = Instant::now();
    assert_eq!(ask(&server, &[]).body(), CONTENTS);
    assert!(start.elapsed() >= Duration::from_millis(190), "{:?}", start.elapsed());
}

#[test]
fn lengths_lie() {
    let (short, _) = whole(Fault::ShortLength(3));
    assert_eq!((short.body().len(), short.header("content-length")), (13, Some("13")));
    let (long, _) = whole(Fault::LongBody(3));
    assert_eq!((long.body().len(), long.header("content-length")), (19, Some("16")));
    let (chunked, _) = ranged(Fault::Chunked);
    assert_eq!(
        (chunked.status(), chunked.unchunked(), chunked.header("content-length")),
        (Some(206), CONTENTS[4..].to_vec(), None)
    );
    assert!(chunked.body().ends_with(b"\r\n0\r\n\r\n"));
    assert_eq!(whole(Fault::LongChunked(3)).0.unchunked().len(), 19);
}

#[test]
fn ranges_lie() {
    let (refused, _) = ranged(Fault::RefuseRange);
    assert_eq!((refused.status(), refused.body(), refused.header("accept-ranges")), (Some(200), CONTENTS, None));
    let (shifted, _) = ranged(Fault::WrongContentRange(-2));
    assert_eq!((shifted.header("content-range"), shifted.body()), (Some("bytes 2-13/16"), &CONTENTS[4..]));
    assert_eq!(ranged(Fault::WrongTotal(99)).0.header("content-range"), Some("bytes 4-15/99"));
}

#[test]
fn files_change() {
    let server = server();
    let before = server.etag("x");
    let range = [("Range", "bytes=4-"), ("If-Range", before.as_str())];
    server.plan("x", [Fault::SilentlyChangedEtag, Fault::Ordinary, Fault::ChangedEtag(Arc::from(&b"new"[..]))], None);
    let silent = ask(&server, &range);
    assert_eq!((silent.status(), silent.body()), (Some(206), &CONTENTS[4..]));
    assert_ne!(silent.header("etag"), Some(before.as_str()));
    assert_eq!(ask(&server, &range).header("etag"), Some(before.as_str()));
    for _ in 0..2 {
        let changed = ask(&server, &range);
        assert_eq!((changed.status(), changed.body()), (Some(200), &b"new"[..]));
        assert_ne!(changed.header("etag"), Some(before.as_str()));
    }
}

#[test]
fn bodies_are_spoilt() {
    let (corrupt, _) = ranged(Fault::CorruptByte(5));
    assert_eq!(corrupt.body(), b"446789abcdef");
    let (zipped, _) = whole(Fault::Gzip);
    assert_eq!((zipped.header("content-encoding"), &zipped.body()[..2]), (Some("gzip"), &[0x1f, 0x8b][..]));
    assert_eq!(zipped.body()[15..31], *CONTENTS);
    let (page, _) = whole(Fault::Html200);
    assert_eq!((page.status(), page.header("content-type")), (Some(200), Some("text/html")));
}

#[test]
fn other_answers_come_instead() {
    let (busy, _) = ranged(Fault::Status(503, Some("7".into())));
    assert_eq!((busy.status(), busy.header("retry-after")), (Some(503), Some("7")));
    let (unsatisfied, _) = ranged(Fault::Status(416, None));
    assert_eq!((unsatisfied.status(), unsatisfied.header("content-range")), (Some(416), None));
    let (moved, _) = whole(Fault::Redirect("http://h/y".into(), 308));
    assert_eq!((moved.status(), moved.header("location")), (Some(308), Some("http://h/y")));
    let (looped, server) = whole(Fault::RedirectLoop);
    assert_eq!(looped.header("location"), Some("/x"));
    assert_eq!(ask(&server, &[]).header("location"), Some("/x"), "again and again");
    assert_eq!(whole(Fault::GarbageHeaders).0.status(), None);
    assert!(whole(Fault::HugeHeaders).0.raw.len() > 2 << 20);
}

#[test]
fn faults_have_their_order_and_go_together() {
    let server = server();
    let both = Fault::Together(vec![Fault::NoEtag, Fault::Cut(2)]);
    server.plan("x", [Fault::Ordinary, both], Fault::Status(500, None));
    assert_eq!(ask(&server, &[]).body(), CONTENTS);
    let cut = ask(&server, &[]);
    assert_eq!((cut.body(), cut.header("etag")), (&b"01"[..], None));
    assert_eq!([(); 2].map(|()| ask(&server, &[]).status()), [Some(500); 2]);
}

#[test]
fn tls_is_trusted_through_the_authority_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [own, foreign] = ["own", "foreign"].map(|name| Authority::create(folder.path(), name));
    let server = Server::start_tls([("x", CONTENTS)], &own);
    assert!(server.url("x").starts_with("https://127.0.0.1:"));
    let connect = |authority: &Authority, name: &'static str| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&authority.ca).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config =
            config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth();
        let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
        StreamOwned::new(connection, TcpStream::connect(server.address()).unwrap())
    };
    for name in ["127.0.0.1", "::1", "localhost"] {
        let response = exchange(&mut connect(&own, name), "/x", &[]);
        assert_eq!((response.body(), response.ended), (CONTENTS, true), "{name}");
    }
    server.plan("x", [Fault::Cut(3)], None);
    let cut = exchange(&mut connect(&own, "localhost"), "/x", &[]);
    assert_eq!((cut.body(), cut.ended), (&b"012"[..], false), "no close_notify");
    assert!(connect(&foreign, "localhost").write_all(b"GET").is_err());
    assert!(connect(&own, "example.org").write_all(b"GET").is_err());
    assert!(server.requests().len() == 4 && server.requests().iter().all(|request| request.tls));
}
