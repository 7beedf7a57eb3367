//! What can go wrong between a source and the file.

use std::time::Duration;

use bossnas_files::Digest;
use reqwest::StatusCode;

/// Why a source did not give the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// The server's certificate is not accepted.
    #[error("its certificate is not accepted: {0}")]
    Certificate(String),
    /// The connection broke.
    #[error("the connection broke after {at} bytes: {reason}")]
    Broken {
        /// Bytes that are there.
        at: u64,
        /// What the library said.
        reason: String,
    },
    /// Nothing came for too long.
    #[error("no answer for {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// Too little came for too long.
    #[error("less than {least} bytes/s for {} s", .time.as_secs_f64())]
    Slow {
        /// The least speed.
        least: u64,
        /// For how long.
        time: Duration,
    },
    /// A status that is no success.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// It asks to be left alone for longer than anybody waits.
    #[error("it answered {status} and asks to come back in {} s", .after.as_secs())]
    Busy {
        /// The status.
        status: StatusCode,
        /// When to come back.
        after: Duration,
    },
    /// More redirects than are followed.
    #[error("it redirects more than {0} times")]
    Redirects(usize),
    /// A redirect from https to something else.
    #[error("it redirects from https to {0}, which is not followed")]
    Downgrade(String),
    /// A body compressed although that was not asked for.
    #[error("it sends the file as `{}` although that was not asked for", .0.escape_debug())]
    Encoding(String),
    /// A part of the file that nobody asked for.
    #[error("it sends a part of the file that was not asked for")]
    Range,
    /// It does not give the part that is missing.
    #[error("its answers do not go together: a range, a length or a tag is wrong")]
    Inconsistent,
    /// A file of another length.
    #[error("the file there has {found} bytes, expected {expected}")]
    Length {
        /// What is known.
        expected: u64,
        /// What the server says.
        found: u64,
    },
    /// More bytes than the file has.
    #[error("it sends more than the {0} bytes of the file")]
    TooLong(u64),
    /// Fewer bytes than it said.
    #[error("it ended after {at} of {total} bytes")]
    Short {
        /// Bytes that are there.
        at: u64,
        /// Bytes that there should be.
        total: u64,
    },
    /// Other bytes than expected.
    #[error("the file there has the SHA-256 digest {found}, expected {expected}")]
    Digest {
        /// What is known.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// The local file cannot be read.
    #[error("{0}")]
    Read(String),
}

impl Fault {
    /// Whether the same request may succeed a little later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Broken { .. } | Self::Silent(_) | Self::Slow { .. } | Self::Short { .. } => true,
            Self::Status(status) => {
                status.is_server_error()
                    || matches!(*status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
            }
            Self::Certificate(_)
            | Self::Busy { .. }
            | Self::Redirects(_)
            | Self::Downgrade(_)
            | Self::Encoding(_)
            | Self::Range
            | Self::Inconsistent
            | Self::Length { .. }
            | Self::TooLong(_)
            | Self::Digest { .. }
            | Self::Read(_) => false,
        }
    }
}
