//! What can go wrong with one request.

use std::sync::Arc;

/// A way to misbehave. Bytes are counted in the body, and positions in the file.
#[derive(Debug, Clone)]
pub enum Fault {
    /// None.
    Ordinary,
    /// Closes the connection after so many bytes.
    Cut(u64),
    /// Sends so many bytes and then nothing, with the connection open until the server is dropped.
    Stall(u64),
    /// Sends so many bytes a second.
    Throttle(u64),
    /// Reads the request and sends nothing, with the connection open until the server is dropped.
    StallBeforeHeaders,
    /// Reads the request and closes the connection.
    CloseBeforeHeaders,
    /// Sends the whole file with 200, whatever `Range` says.
    RefuseRange,
    /// This status, with this `Retry-After`; a 416 comes without `Content-Range`.
    Status(u16, Option<String>),
    /// Shifts both ends that `Content-Range` names, but not the bytes.
    WrongContentRange(i64),
    /// Names this as the file's length in `Content-Range`.
    WrongTotal(u64),
    /// From this request on the file has these contents, and another `ETag` and `Last-Modified`.
    ChangedEtag(Arc<[u8]>),
    /// Sends the range that was asked for whatever `If-Range` says, under another `ETag`.
    SilentlyChangedEtag,
    /// Neither `ETag` nor `Last-Modified`.
    NoEtag,
    /// A weak `ETag` and no `Last-Modified`.
    WeakEtag,
    /// `Last-Modified` and no `ETag`.
    LastModifiedOnly,
    /// Sends so many bytes fewer than `Content-Length` says, and closes the connection.
    ShortBody(u64),
    /// Sends so many bytes fewer than there are, and `Content-Length` agrees.
    ShortLength(u64),
    /// Sends so many bytes more than `Content-Length` says.
    LongBody(u64),
    /// Chunked, and so many bytes longer than it should be.
    LongChunked(u64),
    /// Chunked, without `Content-Length`.
    Chunked,
    /// Compressed without having been asked to.
    Gzip,
    /// Redirects to this path or URL with this status.
    Redirect(String, u16),
    /// Redirects to itself, this time and ever after.
    RedirectLoop,
    /// Flips a bit of the byte at this position.
    CorruptByte(u64),
    /// A portal's page, as if all were well.
    Html200,
    /// Answers with something that is no HTTP.
    GarbageHeaders,
    /// Two megabytes of headers before the file.
    HugeHeaders,
    /// All of these at once; of those that answer with something else than the file, the last counts.
    Together(Vec<Fault>),
}
