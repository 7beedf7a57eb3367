//! What a program and its workers say to each other: a line of JSON with its length before it, then the bytes of tensors.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use bossnas_files::npy::{Element, Tensor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::runtime::engine::NamedTensor;
use crate::runtime::error::RuntimeError;
use crate::runtime::placement::Placement;
use crate::runtime::settings::Load;

/// The longest line of JSON.
const MAX_TEXT: u32 = 64 << 20;
/// Most bytes of one tensor.
const MAX_TENSOR: u64 = 1 << 36;

/// What a worker is asked to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Load a file, with the library at this path.
    Load(Box<Load>, Option<PathBuf>),
    /// Run it on the tensors that follow.
    Run,
    /// Keep the tensors that follow for repeated runs.
    Hold,
    /// Run it again and again on what is kept, and measure.
    Repeat(Pace),
}

/// When runs begin, and how many there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// One after the other, after some that are not counted: until `seconds` have passed, but so many at least and at most.
    Loop {
        /// Runs before the first that is counted.
        settle: u32,
        /// Time that the counted runs should take.
        seconds: f64,
        /// Fewest runs that are counted.
        least: u32,
        /// Most runs that are counted.
        most: u32,
    },
    /// At these times, in nanoseconds from the start, in order. A run whose time comes while another is under way waits.
    Arrivals(Vec<u64>),
}

/// What was measured of repeated runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Repeated {
    /// Of each run its nanoseconds: from its beginning, or from its arrival, to its end.
    pub nanoseconds: Vec<u64>,
    /// Nanoseconds from the first beginning to the last end.
    pub elapsed: u64,
    /// Nanoseconds that all threads of the process computed meanwhile.
    pub processor: u64,
    /// How often the system took a processor from one of its threads meanwhile; `None` where it does not say.
    pub preempted: Option<u64>,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Loaded {
        seconds: f64,
        build: Option<String>,
    },
    /// The outputs follow.
    Ran {
        seconds: f64,
        placement: Option<Placement>,
    },
    Held,
    Repeated(Repeated),
    Failed(RuntimeError),
}

#[derive(Serialize, Deserialize)]
struct Message<T> {
    body: T,
    tensors: Vec<Header>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    name: String,
    element: Element,
    shape: Vec<usize>,
}

/// Writes a message.
pub(super) fn send<T: Serialize>(out: &mut impl Write, body: T, tensors: &[NamedTensor]) -> io::Result<()> {
    let header = |(name, tensor): &NamedTensor| Header {
        name: name.clone(),
        element: tensor.element(),
        shape: tensor.shape().to_vec(),
    };
    let message = Message { body, tensors: tensors.iter().map(header).collect() };
    let text = serde_json::to_vec(&message)?;
    let length = u32::try_from(text.len()).ok().filter(|&length| length <= MAX_TEXT);
    let length = length.ok_or_else(|| io::Error::other("a message is too long"))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&text)?;
    tensors.iter().try_for_each(|(_, tensor)| out.write_all(tensor.bytes()))?;
    out.flush()
}

/// Reads a message; `None` where the other side has closed the pipe.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<(T, Vec<NamedTensor>)>> {
    let mut length = [0; 4];
    match from.read(&mut length[..1])? {
        0 => return Ok(None),
        _ => from.read_exact(&mut length[1..])?,
    }
    let length = u32::from_le_bytes(length);
    if length > MAX_TEXT {
        return Err(io::Error::other("a message is too long"));
    }
    let mut text = vec![0; length as usize];
    from.read_exact(&mut text)?;
    let message: Message<T> = serde_json::from_slice(&text)?;
    let tensors = message.tensors.into_iter().map(|header| {
        let bytes =
            header.shape.iter().try_fold(header.element.size() as u64, |n, &extent| n.checked_mul(extent as u64));
        let bytes =
            bytes.filter(|&bytes| bytes <= MAX_TENSOR).ok_or_else(|| io::Error::other("a tensor is too large"))?;
        let mut content = Vec::new();
        if from.by_ref().take(bytes).read_to_end(&mut content)? as u64 != bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let tensor = Tensor::new(header.element, header.shape, content);
        Ok((header.name, tensor.ok_or_else(|| io::Error::other("a tensor is not as long as its shape says"))?))
    });
    Ok(Some((message.body, tensors.collect::<io::Result<_>>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_with_their_tensors() {
        let tensor = Tensor::new(Element::Int64, vec![2, 0], Vec::new()).unwrap();
        let other = Tensor::new(Element::Uint8, vec![3], vec![1, 2, 3]).unwrap();
        let tensors = [("a".to_owned(), tensor), ("b".to_owned(), other)];
        let mut pipe = Vec::new();
        send(&mut pipe, Request::Run, &tensors).unwrap();
        let mut from = pipe.as_slice();
        let (request, received) = receive::<Request>(&mut from).unwrap().unwrap();
        assert!(matches!(request, Request::Run));
        assert_eq!(received, tensors);
        assert!(receive::<Request>(&mut from).unwrap().is_none());
    }

    #[test]
    fn a_message_that_is_cut_or_lies_is_an_error() {
        let tensors = [("b".to_owned(), Tensor::new(Element::Uint8, vec![3], vec![1, 2, 3]).unwrap())];
        let mut pipe = Vec::new();
        send(&mut pipe, Request::Run, &tensors).unwrap();
        for length in 1..pipe.len() {
            assert!(receive::<Request>(&mut &pipe[..length]).is_err(), "{length}");
        }
        assert!(receive::<Request>(&mut &u32::MAX.to_le_bytes()[..]).is_err());
        let huge = br#"{"body":"Run","tensors":[{"name":"a","element":"int8","shape":[4294967296,4294967296,4]}]}"#;
        let message = [&(huge.len() as u32).to_le_bytes()[..], huge].concat();
        assert!(receive::<Request>(&mut message.as_slice()).is_err());
    }
}
