//! A request: read from a connection, and kept for the test to look at.

use std::collections::BTreeMap;
use std::io::{self, Read};

/// The size and the number of headers above which a request is refused.
const LARGEST_HEAD: usize = 16 << 10;
const MOST_HEADERS: usize = 64;

/// A request, and how much of the answer's body it was sent.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET` or `HEAD`.
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// The query, without the question mark.
    pub query: Option<String>,
    /// Every header, by its lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Whether it came over TLS.
    pub tls: bool,
    /// The status that was sent; `None` if none was.
    pub status: Option<u16>,
    /// Bytes of the body that were sent so far, without what chunking adds.
    pub sent: u64,
}

impl Request {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The first and, if it is named, the last byte of `Range: bytes=N-M`; `None` for anything else.
    pub fn range(&self) -> Option<(u64, Option<u64>)> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
        Some((first.parse().ok()?, last))
    }

    /// Where the range that it asked for starts.
    pub fn range_start(&self) -> Option<u64> {
        self.range().map(|(first, _)| first)
    }

    /// `If-Range`.
    pub fn if_range(&self) -> Option<&str> {
        self.header("if-range")
    }

    /// `Authorization`.
    pub fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }

    /// `Accept-Encoding`.
    pub fn accept_encoding(&self) -> Option<&str> {
        self.header("accept-encoding")
    }

    /// The next request of a connection, of which `buffer` holds what was read too much; `None` at its end.
    pub(super) fn read(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Option<Self>> {
        loop {
            let parsed = Self::parse(buffer).map_err(io::Error::other)?;
            if parsed.as_ref().map_or(buffer.len(), |(length, _)| *length) > LARGEST_HEAD {
                return Err(io::Error::other("the request's head is too large"));
            }
            if let Some((length, request)) = parsed {
                buffer.drain(..length);
                return Ok(Some(request));
            }
            let mut piece = [0; 4096];
            match stream.read(&mut piece)? {
                0 => return Ok(None),
                length => buffer.extend(&piece[..length]),
            }
        }
    }

    /// The request at the start of `head` and its length; `None` if more is needed.
    fn parse(head: &[u8]) -> Result<Option<(usize, Self)>, httparse::Error> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = parsed.parse(head)? else {
            return Ok(None);
        };
        let target = parsed.path.unwrap_or_default();
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let headers = parsed
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned()));
        let request = Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: headers.collect(),
            ..Self::default()
        };
        Ok(Some((length, request)))
    }
}
