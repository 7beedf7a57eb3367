//! A few lines of an HTTP client, to test the servers of this crate without the program that they are to test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What came back from a server, as it came.
#[derive(Debug, Default)]
pub struct Response {
    /// Every byte, head and body.
    pub raw: Vec<u8>,
    /// Whether the server ended the connection; otherwise it fell silent.
    pub ended: bool,
}

/// Asks for `target` with these headers, and reads until the server closes the connection or is silent for `patience`.
pub fn get(server: SocketAddr, target: &str, headers: &[(&str, &str)], patience: Duration) -> Response {
    let mut stream = TcpStream::connect(server).expect("the server listens");
    stream.set_read_timeout(Some(patience)).expect("a socket");
    exchange(&mut stream, target, headers)
}

/// The same on a connection that is there; it is asked to be closed afterwards.
pub fn exchange(stream: &mut (impl Read + Write), target: &str, headers: &[(&str, &str)]) -> Response {
    let headers = headers.iter().flat_map(|&(name, value)| [name, ": ", value, "\r\n"]).collect::<String>();
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request can be sent");
    let mut response = Response::default();
    // What was read before an error stays in the buffer.
    response.ended = stream.read_to_end(&mut response.raw).is_ok();
    response
}

impl Response {
    fn split(&self) -> Option<(&str, &[u8])> {
        let end = self.raw.windows(4).position(|window| window == b"\r\n\r\n")?;
        Some((std::str::from_utf8(&self.raw[..end]).ok()?, &self.raw[end + 4..]))
    }

    /// The status; `None` if this is no HTTP.
    pub fn status(&self) -> Option<u16> {
        self.split()?.0.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
    }

    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.split()?.0.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body as it was sent: a chunked one with the sizes of its chunks.
    pub fn body(&self) -> &[u8] {
        self.split().map_or(&[], |(_, body)| body)
    }

    /// The contents of a chunked body, as far as it came.
    pub fn unchunked(&self) -> Vec<u8> {
        let mut rest = self.body();
        let mut contents = Vec::new();
        while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
            let size = std::str::from_utf8(&rest[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
            let (_, chunk) = rest.split_at(end + 2);
            let size = size.expect("the size of a chunk").min(chunk.len());
            contents.extend(&chunk[..size]);
            rest = chunk.get(size + 2..).unwrap_or_default();
        }
        contents
    }
}
