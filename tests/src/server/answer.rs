//! The answer to a request: what RFC 9110 says, but for what the [`Behaviour`] has chosen.

use std::ops::Range;
use std::sync::Arc;

use super::behaviour::{Behaviour, Coding, Instead, Ranges, Validators};
use super::file::File;
use super::gzip;
use super::request::Request;

/// A response before it is sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    bytes: Arc<[u8]>,
    /// The part of the bytes that is sent.
    part: Range<usize>,
    /// The length that is announced; `None` for a chunked body.
    pub(super) length: Option<u64>,
}

/// What a client is told.
pub(super) enum Reply {
    Answer(Answer),
    /// These bytes, which are no HTTP.
    Raw(&'static [u8]),
    Silence,
    Close,
}

/// The reply to a request for `file`, or for one that is not there.
pub(super) fn reply(request: &Request, file: Option<&File>, behaviour: &Behaviour) -> Reply {
    match (&behaviour.instead, file) {
        (Some(Instead::Silence), _) => Reply::Silence,
        (Some(Instead::Close), _) => Reply::Close,
        (Some(Instead::Garbage), _) => Reply::Raw(b"SSH-2.0-OpenSSH_9.2\r\n\x00\x01\x02\r\n\r\n"),
        (Some(Instead::Status { status, retry_after }), _) => {
            let mut answer = Answer::text(*status, "text/plain", format!("status {status}\n"));
            answer.headers.extend(retry_after.clone().map(|after| ("Retry-After", after)));
            Reply::Answer(answer)
        }
        (Some(Instead::Redirect { status, to }), _) => {
            let mut answer = Answer::text(*status, "text/plain", "elsewhere\n".to_owned());
            answer.headers.push(("Location", to.as_ref().unwrap_or(&request.path).clone()));
            Reply::Answer(answer)
        }
        (Some(Instead::Page), _) => {
            let page = "<!DOCTYPE html><title>Welcome</title><p>Accept the terms of this network to go on.\n";
            Reply::Answer(Answer::text(200, "text/html", page.to_owned()))
        }
        (None, None) => Reply::Answer(Answer::text(404, "text/plain", "not found\n".to_owned())),
        (None, Some(file)) => Reply::Answer(Answer::file(request, file, behaviour)),
    }
}

impl Answer {
    fn new(status: u16, bytes: Arc<[u8]>, part: Range<usize>) -> Self {
        let length = Some(part.len() as u64);
        Self { status, headers: Vec::new(), bytes, part, length }
    }

    pub(super) fn text(status: u16, kind: &str, text: String) -> Self {
        let part = 0..text.len();
        let mut answer = Self::new(status, text.into_bytes().into(), part);
        answer.headers.push(("Content-Type", kind.to_owned()));
        answer
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[self.part.clone()]
    }

    fn file(request: &Request, file: &File, behaviour: &Behaviour) -> Self {
        let (etag, date) = validators(file, behaviour.validators);
        let fresh = request.if_range().is_none_or(|value| {
            // A weak validator never matches.
            etag.as_deref() == Some(value) && !value.starts_with("W/") || date.as_deref() == Some(value)
        });
        let heeded = match behaviour.ranges {
            Ranges::Heeded => fresh,
            Ranges::Unconditional => true,
            Ranges::Refused => false,
        };
        let range = request.range().filter(|(first, last)| heeded && last.is_none_or(|last| *first <= last));
        let mut answer = match range {
            None => Self::new(200, Arc::clone(&file.bytes), 0..file.bytes.len()),
            Some((first, _)) if first >= file.len() => {
                let mut answer = Self::text(416, "text/plain", "no such range\n".to_owned());
                answer.headers.push(("Content-Range", format!("bytes */{}", file.len())));
                return answer;
            }
            Some((first, last)) => {
                let end = last.map_or(file.len(), |last| file.len().min(last.saturating_add(1)));
                let mut answer = Self::new(206, Arc::clone(&file.bytes), first as usize..end as usize);
                let shifted = |position: u64| position.saturating_add_signed(behaviour.range_shift);
                let total = behaviour.total.unwrap_or(file.len());
                let content = format!("bytes {}-{}/{total}", shifted(first), shifted(end - 1));
                answer.headers.push(("Content-Range", content));
                answer
            }
        };
        answer.headers.push(("Content-Type", "application/octet-stream".to_owned()));
        answer.headers.extend(etag.map(|etag| ("ETag", etag)));
        answer.headers.extend(date.map(|date| ("Last-Modified", date)));
        if behaviour.ranges != Ranges::Refused {
            answer.headers.push(("Accept-Ranges", "bytes".to_owned()));
        }
        answer.spoil(behaviour);
        answer
    }

    /// Does to the body what the behaviour says.
    fn spoil(&mut self, behaviour: &Behaviour) {
        self.headers.extend((0..behaviour.filler).map(|_| ("X-Filler", "x".repeat(8 << 10))));
        if let Some(at) = behaviour.corrupt.map(|at| at as usize).filter(|at| self.part.contains(at)) {
            Arc::make_mut(&mut self.bytes)[at] ^= 1;
        }
        self.part.end -= self.part.len().min(behaviour.shortened as usize);
        self.length = Some(self.part.len() as u64);
        if behaviour.surplus > 0 {
            let mut body = self.body().to_vec();
            body.resize(body.len() + behaviour.surplus as usize, b'+');
            self.replace(body);
        }
        match behaviour.coding {
            Coding::Identity => {}
            Coding::Chunked => self.length = None,
            Coding::Gzip => {
                self.replace(gzip::stored(self.body()));
                self.length = Some(self.part.len() as u64);
                self.headers.push(("Content-Encoding", "gzip".to_owned()));
            }
        }
    }

    fn replace(&mut self, body: Vec<u8>) {
        self.part = 0..body.len();
        self.bytes = body.into();
    }
}

/// `ETag` and `Last-Modified`, as far as they are sent.
fn validators(file: &File, validators: Validators) -> (Option<String>, Option<String>) {
    match validators {
        Validators::EtagAndDate => (Some(file.etag()), Some(file.last_modified())),
        Validators::OtherEtag => (Some(file.replaced(Arc::clone(&file.bytes)).etag()), Some(file.last_modified())),
        Validators::WeakEtag => (Some(format!("W/{}", file.etag())), None),
        Validators::Date => (None, Some(file.last_modified())),
        Validators::None => (None, None),
    }
}
