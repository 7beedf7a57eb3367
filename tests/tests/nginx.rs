//! The nginx of the download tests serves as its documentation says: what those tests rest on.

use std::net::SocketAddr;
use std::time::Duration;

use bossnas_tests::client::get;
use bossnas_tests::nginx::Nginx;

#[test]
fn nginx_serves_its_folder_with_ranges_passwords_and_redirects() {
    let Some(nginx) = Nginx::start() else { return };
    let address: SocketAddr = nginx.http().trim_start_matches("http://").parse().unwrap();
    let ask = |target: &str, headers: &[(&str, &str)]| get(address, target, headers, Duration::from_secs(10));
    nginx.serve("x", b"0123456789");
    let whole = ask("/x", &[]);
    assert_eq!((whole.status(), whole.body()), (Some(200), &b"0123456789"[..]));
    let part = [("Range", "bytes=4-"), ("If-Range", whole.header("etag").unwrap())];
    assert_eq!(ask("/x", &part).body(), b"456789");
    assert_eq!(ask("/basic/x", &[]).status(), Some(401));
    // zoo:secret
    let password = [("Authorization", "Basic em9vOnNlY3JldA==")];
    assert_eq!(ask("/basic/x", &password).body(), b"0123456789");
    let moved = ask("/moved/x", &[]);
    assert_eq!(
        moved.header("location"),
        Some(format!("{}/x", nginx.http()).replace("127.0.0.1", "localhost").as_str())
    );
    assert_eq!(ask("/loop/x", &[]).status(), Some(302));
    let statuses = nginx.requests();
    assert!(statuses.contains(&("bytes=4-".to_owned(), 206)), "{statuses:?}");
}
