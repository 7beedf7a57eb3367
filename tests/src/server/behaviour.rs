//! How a request is answered: every choice that a [`Fault`] can make, at its ordinary value unless it was made.

use std::sync::Arc;

use super::fault::Fault;

/// The choices.
#[derive(Default)]
pub(super) struct Behaviour {
    /// Contents that the file has from now on.
    pub(super) replacement: Option<Arc<[u8]>>,
    pub(super) validators: Validators,
    pub(super) ranges: Ranges,
    /// What is sent instead of the file.
    pub(super) instead: Option<Instead>,
    /// Headers of no use, to be sent before the others.
    pub(super) filler: usize,
    pub(super) coding: Coding,
    /// Added to both ends that `Content-Range` names.
    pub(super) range_shift: i64,
    /// The file's length by `Content-Range`.
    pub(super) total: Option<u64>,
    /// The position of a byte that is not as it should be.
    pub(super) corrupt: Option<u64>,
    /// Bytes missing at the end, which `Content-Length` does not count.
    pub(super) shortened: u64,
    /// Bytes too many at the end, which `Content-Length` does not count.
    pub(super) surplus: u64,
    pub(super) pace: Pace,
}

/// What a file is known by.
#[derive(Default, Clone, Copy)]
pub(super) enum Validators {
    #[default]
    EtagAndDate,
    /// Another `ETag` than the file's.
    OtherEtag,
    WeakEtag,
    Date,
    None,
}

/// What becomes of `Range`.
#[derive(Default, Clone, Copy, PartialEq)]
pub(super) enum Ranges {
    #[default]
    Heeded,
    /// Heeded whatever `If-Range` says.
    Unconditional,
    Refused,
}

/// What comes instead of the file.
pub(super) enum Instead {
    Status {
        status: u16,
        retry_after: Option<String>,
    },
    /// To a path or URL; `None` is the path itself.
    Redirect {
        status: u16,
        to: Option<String>,
    },
    Page,
    Garbage,
    Silence,
    Close,
}

/// The form in which the body is sent.
#[derive(Default, Clone, Copy, PartialEq)]
pub(super) enum Coding {
    #[default]
    Identity,
    Chunked,
    Gzip,
}

/// How the body is sent; bytes are those of the body.
#[derive(Default, Clone, Copy)]
pub(super) struct Pace {
    /// The connection is closed after so many bytes,
    pub(super) cut: Option<u64>,
    /// or when so many are left.
    pub(super) cut_before_end: u64,
    /// Nothing more is sent after so many bytes.
    pub(super) stall: Option<u64>,
    /// Bytes a second.
    pub(super) rate: Option<u64>,
}

impl From<Fault> for Behaviour {
    fn from(fault: Fault) -> Self {
        let mut behaviour = Self::default();
        behaviour.choose(fault);
        behaviour
    }
}

impl Behaviour {
    fn choose(&mut self, fault: Fault) {
        match fault {
            Fault::Ordinary => {}
            Fault::Cut(after) => self.pace.cut = Some(after),
            Fault::Stall(after) => self.pace.stall = Some(after),
            Fault::Throttle(rate) => self.pace.rate = Some(rate.max(1)),
            Fault::StallBeforeHeaders => self.instead = Some(Instead::Silence),
            Fault::CloseBeforeHeaders => self.instead = Some(Instead::Close),
            Fault::RefuseRange => self.ranges = Ranges::Refused,
            Fault::Status(status, retry_after) => self.instead = Some(Instead::Status { status, retry_after }),
            Fault::WrongContentRange(shift) => self.range_shift = shift,
            Fault::WrongTotal(total) => self.total = Some(total),
            Fault::ChangedEtag(bytes) => self.replacement = Some(bytes),
            Fault::SilentlyChangedEtag => {
                self.validators = Validators::OtherEtag;
                self.ranges = Ranges::Unconditional;
            }
            Fault::NoEtag => self.validators = Validators::None,
            Fault::WeakEtag => self.validators = Validators::WeakEtag,
            Fault::LastModifiedOnly => self.validators = Validators::Date,
            Fault::ShortBody(missing) => self.pace.cut_before_end = missing,
            Fault::ShortLength(missing) => self.shortened = missing,
            Fault::LongBody(surplus) => self.surplus = surplus,
            Fault::LongChunked(surplus) => {
                self.surplus = surplus;
                self.coding = Coding::Chunked;
            }
            Fault::Chunked => self.coding = Coding::Chunked,
            Fault::Gzip => self.coding = Coding::Gzip,
            Fault::Redirect(to, status) => self.instead = Some(Instead::Redirect { status, to: Some(to) }),
            Fault::RedirectLoop => self.instead = Some(Instead::Redirect { status: 302, to: None }),
            Fault::CorruptByte(at) => self.corrupt = Some(at),
            Fault::Html200 => self.instead = Some(Instead::Page),
            Fault::GarbageHeaders => self.instead = Some(Instead::Garbage),
            Fault::HugeHeaders => self.filler = 256,
            Fault::Together(faults) => faults.into_iter().for_each(|fault| self.choose(fault)),
        }
    }
}
