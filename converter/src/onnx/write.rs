//! Streams a model into a file: the frame goes through the protocol-buffer library, each tensor is framed by hand and
//! written as soon as it is computed.
//!
//! Tensors are computed and hashed on all cores, a fixed number at a time, and written in order by the calling thread. A
//! file of 154 MB takes the memory of a few tensors.

use std::io::Write as _;
use std::sync::mpsc::sync_channel;
use std::thread;

use bossnas_files::{AtomicFile, Digest, WriteError};
use bossnas_model::graph::Graph;
use bossnas_model::weights::{Weights, WeightsError, little_endian};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::digest::{self, Entry};
use super::emit::{Data, Initializer, Skeleton, emit};
use super::metadata::{Digests, Metadata};
use super::proto::{GraphProto, ModelProto, OperatorSetIdProto, TensorProto};
use super::{MAX_BYTES, MAX_OPSET, MIN_OPSET, OnnxError, Options};

/// Field numbers of the standard that are framed by hand.
const MODEL_GRAPH: u32 = 7;
const GRAPH_INITIALIZER: u32 = 5;
const TENSOR_RAW_DATA: u32 = 9;
/// Bytes after which what was written is put on the disk.
const SYNC_EVERY: u64 = 32 << 20;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the file.
    pub bytes: u64,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Digest of the state dict before any pass.
    pub weights_digest: Digest,
}

/// Writes `graph` with `weights` into `file`, which the caller commits. `source` are the weights before any pass, whose
/// digest goes into the metadata.
pub fn write(
    file: &mut AtomicFile,
    graph: &Graph,
    weights: &dyn Weights,
    source: &dyn Weights,
    options: Options,
    metadata: &Metadata,
) -> Result<Written, OnnxError> {
    if !(MIN_OPSET..=MAX_OPSET).contains(&options.opset) {
        return Err(OnnxError::Opset(options.opset.into()));
    }
    let Skeleton { nodes, initializers, inputs, outputs } = emit(graph, options)?;
    let node_count = nodes.len();
    let name = metadata.model.clone().unwrap_or_else(|| metadata.architecture.to_string());
    let opening = GraphProto { node: nodes, name: Some(name), ..GraphProto::default() }.encode_to_vec();
    let closing = GraphProto { input: inputs, output: outputs, ..GraphProto::default() }.encode_to_vec();
    let frames: Vec<Frame> = initializers.iter().map(Frame::new).collect();

    let graph_bytes = (opening.len() + closing.len()) as u64 + frames.iter().map(Frame::total).sum::<u64>();
    let head = ModelProto {
        ir_version: Some(options.ir_version()),
        producer_name: Some("bossnas-zoo".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        ..ModelProto::default()
    };
    let mut head = head.encode_to_vec();
    encode_key(MODEL_GRAPH, WireType::LengthDelimited, &mut head);
    encode_varint(graph_bytes, &mut head);
    // The metadata are some kilobytes of labels at the most.
    let estimate = head.len() as u64 + graph_bytes + (1 << 20);
    if estimate > MAX_BYTES {
        return Err(OnnxError::TooLarge { path: file.path().to_owned(), bytes: estimate });
    }

    let mut out = Output { file, bytes: 0 };
    out.put(&head)?;
    out.put(&opening)?;
    let digests = stream(&mut out, &initializers, &frames, weights, source, &closing)?;
    let tail = ModelProto {
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(options.opset.into()) }],
        metadata_props: metadata.entries(digests),
        ..ModelProto::default()
    };
    out.put(&tail.encode_to_vec())?;
    Ok(Written { bytes: out.bytes, nodes: node_count, weights_digest: digests.weights })
}

/// The bytes that stand before an initializer's elements.
struct Frame {
    head: Vec<u8>,
    data: u64,
}

impl Frame {
    fn new(initializer: &Initializer) -> Self {
        let data = initializer.byte_len() as u64;
        let mut tensor = TensorProto {
            dims: initializer.dims.iter().map(|&extent| extent as i64).collect(),
            data_type: Some(initializer.data_type().into()),
            name: Some(initializer.name.clone()),
            ..TensorProto::default()
        }
        .encode_to_vec();
        encode_key(TENSOR_RAW_DATA, WireType::LengthDelimited, &mut tensor);
        encode_varint(data, &mut tensor);
        let mut head = Vec::with_capacity(tensor.len() + 8);
        encode_key(GRAPH_INITIALIZER, WireType::LengthDelimited, &mut head);
        encode_varint(tensor.len() as u64 + data, &mut head);
        head.extend(tensor);
        Self { head, data }
    }

    fn total(&self) -> u64 {
        self.head.len() as u64 + self.data
    }
}

struct Output<'a> {
    file: &'a mut AtomicFile,
    bytes: u64,
}

impl Output<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), OnnxError> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| WriteError::from_io(self.file.path(), error))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// One thing to compute: an initializer to write, or a source tensor to hash.
enum Work<'a> {
    Initializer(&'a Initializer),
    Source(&'a str),
}

impl Work<'_> {
    fn run(&self, weights: &dyn Weights, source: &dyn Weights) -> Result<(Vec<u8>, Entry), WeightsError> {
        match self {
            Self::Initializer(initializer) => {
                let bytes = bytes_of(initializer, weights)?;
                let dtype = initializer.data_type().as_str_name();
                let entry = Entry::new(&initializer.name, dtype, &initializer.dims, &bytes);
                Ok((bytes, entry))
            }
            Self::Source(name) => Ok((Vec::new(), Entry::of(source, name)?)),
        }
    }
}

/// The elements of an initializer as they are stored.
pub(super) fn bytes_of(initializer: &Initializer, weights: &dyn Weights) -> Result<Vec<u8>, WeightsError> {
    match &initializer.data {
        Data::Param => float32_bytes(weights, &initializer.name),
        Data::Int64(values) => Ok(values.iter().flat_map(|x| x.to_le_bytes()).collect()),
        Data::Float(values) => Ok(little_endian(values)),
    }
}

fn float32_bytes(weights: &dyn Weights, name: &str) -> Result<Vec<u8>, WeightsError> {
    use bossnas_model::weights::DType;
    match weights.require(name)?.dtype {
        DType::F32 => Ok(weights.bytes(name)?.into_owned()),
        _ => Ok(little_endian(&weights.f32(name)?)),
    }
}

/// Writes the initializers and what closes the graph, and hashes the source. While the last hashes are computed, what was
/// written goes to the disk.
fn stream(
    out: &mut Output<'_>,
    initializers: &[Initializer],
    frames: &[Frame],
    weights: &dyn Weights,
    source: &dyn Weights,
    closing: &[u8],
) -> Result<Digests, OnnxError> {
    let names = source.names();
    let work: Vec<Work<'_>> =
        initializers.iter().map(Work::Initializer).chain(names.iter().map(|&name| Work::Source(name))).collect();
    let workers = thread::available_parallelism().map_or(1, usize::from).min(work.len().max(1));
    thread::scope(|scope| {
        // Each worker takes every n-th piece and waits when nobody has fetched its last one: order and a bound in one.
        let queues: Vec<_> = (0..workers)
            .map(|worker| {
                let (sender, receiver) = sync_channel(1);
                let mine = work.iter().skip(worker).step_by(workers);
                scope.spawn(move || {
                    for piece in mine {
                        if sender.send(piece.run(weights, source)).is_err() {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        // What is written goes to the disk meanwhile, so that little is left to wait for at the end.
        let syncer = out.file.syncer()?;
        let (written, signals) = sync_channel::<()>(1);
        scope.spawn(move || signals.iter().for_each(|()| syncer.sync()));
        let mut synced = 0;
        let mut results = queues.iter().cycle().map_while(|queue| queue.recv().ok());
        let mut initializer_entries = Vec::with_capacity(initializers.len());
        for (frame, result) in frames.iter().zip(results.by_ref()) {
            let (bytes, entry) = result?;
            out.put(&frame.head)?;
            out.put(&bytes)?;
            initializer_entries.push(entry);
            if out.bytes - synced > SYNC_EVERY && written.try_send(()).is_ok() {
                synced = out.bytes;
            }
        }
        drop(written);
        out.put(closing)?;
        out.file.sync()?;
        let source_entries = results.map(|result| Ok(result?.1)).collect::<Result<Vec<_>, WeightsError>>()?;
        Ok(Digests { weights: digest::of_set(source_entries), initializers: digest::of_set(initializer_entries) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_what_the_library_would_write() {
        let initializer = Initializer { name: "w".to_owned(), dims: vec![2, 3], data: Data::Param };
        let bytes = little_endian(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let frame = Frame::new(&initializer);
        let ours = [frame.head.clone(), bytes.clone()].concat();
        let tensor = TensorProto {
            dims: vec![2, 3],
            data_type: Some(1),
            name: Some("w".to_owned()),
            raw_data: Some(bytes.into()),
            ..TensorProto::default()
        };
        let theirs = GraphProto { initializer: vec![tensor], ..GraphProto::default() }.encode_to_vec();
        assert_eq!(ours, theirs);
        assert_eq!(frame.total(), theirs.len() as u64);
    }
}
