//! What the head of an answer means for a download that has some bytes already.
//!
//! Pure: status and headers go in, a decision comes out. What a server says is believed only as far as it agrees with what was
//! asked and with what is known.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, RETRY_AFTER,
};

use super::fault::Fault;

/// Longest entity tag that is kept.
const MAX_TAG: usize = 512;

/// A date is a validator only of what had not changed for so long when it was sent (RFC 9110, 8.8.2.2).
const STRONG_AGE: Duration = Duration::from_mins(1);

/// What was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Position of the first byte wanted.
    pub(super) at: u64,
    /// The validator of what is there, as sent in `If-Range`.
    pub(super) validator: Option<&'a str>,
}

/// What to do with an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// Its body begins at this position of the file: the one that was asked for, or 0.
    Body {
        /// Position of the body's first byte.
        start: u64,
        /// Length of the whole file, where it is told.
        total: Option<u64>,
        /// What identifies this state of the file in later requests.
        validator: Option<String>,
        /// The entity tag, strong or weak.
        etag: Option<String>,
    },
    /// There is nothing beyond what was asked for: what is there is the whole file.
    Whole,
    /// What is there does not go with what this server has: ask for everything.
    StartOver,
    /// Not now; after this time, if it is told.
    Later(Fault, Option<Duration>),
    /// Not from this server.
    No(Fault),
}

/// Judges the head of an answer.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, asked: Asked<'_>, now: SystemTime) -> Answer {
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
        StatusCode::RANGE_NOT_SATISFIABLE if asked.at > 0 => {
            // What is there may be all there is, if it is still the same file.
            let same =
                asked.validator.is_none() || tag(headers).is_none_or(|tag| asked.validator == Some(tag.as_str()));
            let all = unsatisfied(text(headers, &CONTENT_RANGE)) == Some(asked.at);
            return if same && all { Answer::Whole } else { Answer::StartOver };
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            return Answer::Later(Fault::Status(status), retry_after(headers, now));
        }
        status if status.is_server_error() => {
            return Answer::Later(Fault::Status(status), retry_after(headers, now));
        }
        status => return Answer::No(Fault::Status(status)),
    }
    // Compressed on the way, lengths and ranges would not be those of the file. It was not asked for.
    if let Some(encoding) =
        text(headers, &CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    {
        return Answer::No(Fault::Encoding(encoding.to_owned()));
    }
    let length = text(headers, &CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    let etag = tag(headers);
    let validator = strong(etag.as_deref()).or_else(|| old_enough(headers));
    if status == StatusCode::OK {
        return Answer::Body { start: 0, total: length, validator, etag };
    }
    let range = text(headers, &CONTENT_RANGE).and_then(Range::parse);
    match range {
        _ if asked.at == 0 => Answer::No(Fault::Range),
        Some(range) if range.fits(asked.at, length) => {
            // The same answer with another tag is another file.
            let changed = |had: &str| strong(etag.as_deref()).is_some_and(|tag| had.starts_with('"') && tag != had);
            if asked.validator.is_some_and(changed) {
                return Answer::StartOver;
            }
            let validator = validator.or_else(|| asked.validator.map(str::to_owned));
            Answer::Body { start: asked.at, total: range.total, validator, etag }
        }
        _ => Answer::StartOver,
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn tag(headers: &HeaderMap) -> Option<String> {
    text(headers, &ETAG).filter(|tag| !tag.is_empty() && tag.len() <= MAX_TAG).map(str::to_owned)
}

/// The tag, if it stands for every byte.
fn strong(tag: Option<&str>) -> Option<String> {
    tag.filter(|tag| tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2).map(str::to_owned)
}

/// The date of the last change, if that was long enough before the answer.
fn old_enough(headers: &HeaderMap) -> Option<String> {
    let changed = text(headers, &LAST_MODIFIED)?;
    let sent = httpdate::parse_http_date(text(headers, &DATE)?).ok()?;
    let age = sent.duration_since(httpdate::parse_http_date(changed).ok()?).ok()?;
    (age >= STRONG_AGE).then(|| changed.to_owned())
}

fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// N of `bytes */N`.
fn unsatisfied(text: Option<&str>) -> Option<u64> {
    text?.strip_prefix("bytes")?.trim().strip_prefix("*/")?.parse().ok()
}

/// `bytes FIRST-LAST/TOTAL`.
struct Range {
    first: u64,
    last: u64,
    total: Option<u64>,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes")?.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let total = if total == "*" { None } else { Some(total.parse().ok()?) };
        Some(Self { first: first.parse().ok()?, last: last.parse().ok()?, total })
    }

    /// Whether it is all from `at` on, and as long as the body says.
    fn fits(&self, at: u64, length: Option<u64>) -> bool {
        let Some(end) = self.last.checked_add(1).filter(|&end| self.first == at && end > at) else { return false };
        self.total.is_none_or(|total| end == total) && length.is_none_or(|length| length == end - at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, asked: Asked<'_>, headers: &[(&'static str, &str)]) -> Answer {
        let map =
            headers.iter().map(|&(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        judge(StatusCode::from_u16(status).unwrap(), &map, asked, SystemTime::UNIX_EPOCH)
    }

    const FIRST: Asked<'static> = Asked { at: 0, validator: None };
    const AGAIN: Asked<'static> = Asked { at: 100, validator: Some("\"a\"") };

    fn body(start: u64, total: Option<u64>, validator: Option<&str>, etag: Option<&str>) -> Answer {
        Answer::Body { start, total, validator: validator.map(str::to_owned), etag: etag.map(str::to_owned) }
    }

    #[test]
    fn a_whole_body_begins_at_the_beginning() {
        let headers = [("content-length", "300"), ("etag", "\"a\"")];
        let whole = body(0, Some(300), Some("\"a\""), Some("\"a\""));
        assert_eq!(answer(200, FIRST, &headers), whole);
        assert_eq!(answer(200, AGAIN, &headers), whole, "the range was ignored or the file has changed");
        assert_eq!(answer(200, FIRST, &[]), body(0, None, None, None));
    }

    #[test]
    fn a_range_must_be_the_one_that_was_asked_for() {
        let good = [("content-range", "bytes 100-299/300"), ("content-length", "200"), ("etag", "\"a\"")];
        assert_eq!(answer(206, AGAIN, &good), body(100, Some(300), Some("\"a\""), Some("\"a\"")));
        let no_tag = [("content-range", "bytes 100-299/*")];
        assert_eq!(answer(206, AGAIN, &no_tag), body(100, None, Some("\"a\""), None));
        for wrong in [
            "bytes 99-299/300",
            "bytes 101-299/300",
            "bytes 100-298/300",
            "bytes 100-300/300",
            "bytes 100-99/300",
            "bytes 100-18446744073709551615/300",
            "items 100-299/300",
            "bytes -299/300",
            "",
        ] {
            assert_eq!(answer(206, AGAIN, &[("content-range", wrong)]), Answer::StartOver, "{wrong}");
        }
        let short = [("content-range", "bytes 100-299/300"), ("content-length", "199")];
        assert_eq!(answer(206, AGAIN, &short), Answer::StartOver);
        let changed = [("content-range", "bytes 100-299/300"), ("etag", "\"b\"")];
        assert_eq!(answer(206, AGAIN, &changed), Answer::StartOver);
        assert_eq!(answer(206, FIRST, &good), Answer::No(Fault::Range), "nobody asked for a part");
    }

    #[test]
    fn nothing_beyond_the_end_means_whole_if_it_is_the_same_file() {
        assert_eq!(answer(416, AGAIN, &[("content-range", "bytes */100"), ("etag", "\"a\"")]), Answer::Whole);
        assert_eq!(answer(416, AGAIN, &[("content-range", "bytes */99")]), Answer::StartOver);
        assert_eq!(answer(416, AGAIN, &[("content-range", "bytes */100"), ("etag", "\"b\"")]), Answer::StartOver);
        assert_eq!(answer(416, AGAIN, &[]), Answer::StartOver);
        assert!(matches!(answer(416, FIRST, &[]), Answer::No(_)));
    }

    #[test]
    fn only_validators_that_stand_for_every_byte_are_sent_back() {
        let validator = |headers: &[(&'static str, &str)]| match answer(200, FIRST, headers) {
            Answer::Body { validator, .. } => validator,
            other => panic!("{other:?}"),
        };
        assert_eq!(validator(&[("etag", "W/\"a\"")]), None);
        assert_eq!(validator(&[("etag", "a")]), None);
        let changed = "Wed, 21 Oct 2015 07:28:00 GMT";
        let long_ago = [("last-modified", changed), ("date", "Wed, 21 Oct 2015 07:30:00 GMT")];
        assert_eq!(validator(&long_ago).as_deref(), Some(changed));
        assert_eq!(validator(&[("last-modified", changed), ("date", "Wed, 21 Oct 2015 07:28:30 GMT")]), None);
        assert_eq!(validator(&[("last-modified", changed)]), None);
    }

    #[test]
    fn busy_servers_say_when_to_come_back() {
        let later = |status: u16, after: Option<u64>| {
            Answer::Later(Fault::Status(StatusCode::from_u16(status).unwrap()), after.map(Duration::from_secs))
        };
        assert_eq!(answer(429, FIRST, &[("retry-after", "7")]), later(429, Some(7)));
        assert_eq!(answer(503, FIRST, &[("retry-after", "Thu, 01 Jan 1970 00:01:00 GMT")]), later(503, Some(60)));
        assert_eq!(answer(503, FIRST, &[("retry-after", "soon")]), later(503, None));
        assert_eq!(answer(408, FIRST, &[]), later(408, None));
    }

    #[test]
    fn what_is_not_the_file_is_refused() {
        for status in [204, 304, 401, 403, 404, 410] {
            assert!(matches!(answer(status, FIRST, &[]), Answer::No(Fault::Status(_))), "{status}");
        }
        assert_eq!(answer(200, FIRST, &[("content-encoding", "gzip")]), Answer::No(Fault::Encoding("gzip".to_owned())));
        assert!(matches!(answer(200, FIRST, &[("content-encoding", "identity")]), Answer::Body { .. }));
    }
}
