//! Writes the few Python objects of a checkpoint as Python's own pickler does: protocol 2, every object memoised.
//!
//! Opcodes are those of `pickletools`; a tensor is `torch._utils._rebuild_tensor_v2` over a storage that the pickle
//! names by a persistent id.

use std::collections::{HashMap, HashSet};

use bossnas_model::weights::{DType, TensorInfo, Weights};

const PROTO: u8 = 0x80;
const MARK: u8 = b'(';
const STOP: u8 = b'.';
const NONE: u8 = b'N';
const NEW_TRUE: u8 = 0x88;
const NEW_FALSE: u8 = 0x89;
const BIN_INT: u8 = b'J';
const BIN_INT_1: u8 = b'K';
const BIN_INT_2: u8 = b'M';
const LONG_1: u8 = 0x8a;
const BIN_FLOAT: u8 = b'G';
const BIN_UNICODE: u8 = b'X';
const EMPTY_TUPLE: u8 = b')';
const TUPLE_1: u8 = 0x85;
const TUPLE_2: u8 = 0x86;
const TUPLE_3: u8 = 0x87;
const TUPLE: u8 = b't';
const EMPTY_LIST: u8 = b']';
const APPEND: u8 = b'a';
const APPENDS: u8 = b'e';
const EMPTY_DICT: u8 = b'}';
const SET_ITEM: u8 = b's';
const SET_ITEMS: u8 = b'u';
const GLOBAL: u8 = b'c';
const REDUCE: u8 = b'R';
const NEW_OBJECT: u8 = 0x81;
const BUILD: u8 = b'b';
const BIN_PERSISTENT_ID: u8 = b'Q';
const BIN_PUT: u8 = b'q';
const LONG_BIN_PUT: u8 = b'r';
const BIN_GET: u8 = b'h';
const LONG_BIN_GET: u8 = b'j';

/// Python's pickler sets items in batches of this many.
const BATCH: usize = 1000;

/// A Python object.
#[derive(Clone)]
pub enum Value<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(String),
    /// A tuple.
    Tuple(Vec<Value<'a>>),
    /// A list.
    List(Vec<Value<'a>>),
    /// A dict.
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// A `collections.OrderedDict`, possibly with attributes of its own.
    OrderedDict {
        /// Its items.
        items: Vec<(Value<'a>, Value<'a>)>,
        /// Its attributes.
        attributes: Vec<(String, Value<'a>)>,
    },
    /// An `argparse.Namespace` with these attributes.
    Namespace(Vec<(String, Value<'a>)>),
    /// A `torch.Tensor` on the processor, over a storage of its own: `None` where the weights have no such tensor.
    Tensor(&'a dyn Weights, String),
}

impl<'a> Value<'a> {
    /// A string.
    pub fn str(text: &str) -> Self {
        Self::Str(text.to_owned())
    }

    /// A dict with string keys.
    pub fn dict<'k>(items: impl IntoIterator<Item = (&'k str, Self)>) -> Self {
        Self::Dict(items.into_iter().map(|(key, value)| (Self::str(key), value)).collect())
    }

    /// An ordered dict of all tensors with PyTorch's `_metadata`: the version of every module on the way to a tensor.
    pub fn state_dict(weights: &'a dyn Weights) -> Self {
        let names = weights.names();
        let (mut modules, mut seen) = (vec![""], HashSet::from([""]));
        for name in &names {
            for (end, _) in name.match_indices('.') {
                if seen.insert(&name[..end]) {
                    modules.push(&name[..end]);
                }
            }
        }
        let is_norm = |module: &str| weights.info(&format!("{module}.running_mean")).is_some();
        let version = |module| Value::dict([("version", Value::Int(if is_norm(module) { 2 } else { 1 }))]);
        let metadata = modules.into_iter().map(|module| (Value::str(module), version(module))).collect();
        let items = names.iter().map(|&name| (Value::str(name), Value::Tensor(weights, name.to_owned()))).collect();
        let metadata = Value::OrderedDict { items: metadata, attributes: Vec::new() };
        Value::OrderedDict { items, attributes: vec![("_metadata".to_owned(), metadata)] }
    }
}

/// The storage's class in module `torch`.
const fn storage_class(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => "DoubleStorage",
        DType::F32 => "FloatStorage",
        DType::F16 => "HalfStorage",
        DType::Bf16 => "BFloat16Storage",
        DType::I64 => "LongStorage",
        DType::I32 => "IntStorage",
        DType::I16 => "ShortStorage",
        DType::I8 => "CharStorage",
        DType::U8 => "ByteStorage",
        DType::Bool => "BoolStorage",
    }
}

/// An object as bytes, and what its storages hold.
pub(super) struct Pickled<'a> {
    pub(super) bytes: Vec<u8>,
    /// The tensor of each storage, in the order of their keys: the storage `k` is the entry `data/<k>` of the archive.
    pub(super) storages: Vec<(&'a dyn Weights, &'a str)>,
}

/// Turns one object into bytes.
#[derive(Default)]
struct Pickler<'a> {
    out: Vec<u8>,
    storages: Vec<(&'a dyn Weights, &'a str)>,
    memo: u32,
    /// Strings and globals (`c` in front) that were written, with their place in the memo. Python shares equal strings
    /// only where they are one object; sharing all of them reads back the same.
    known: HashMap<String, u32>,
}

/// The pickle of `value`.
pub(super) fn pickle<'a>(value: &'a Value<'a>) -> Pickled<'a> {
    let mut pickler = Pickler::default();
    pickler.out.extend([PROTO, 2]);
    pickler.value(value);
    pickler.out.push(STOP);
    Pickled { bytes: pickler.out, storages: pickler.storages }
}

impl<'a> Pickler<'a> {
    fn value(&mut self, value: &'a Value<'a>) {
        match value {
            Value::None => self.out.push(NONE),
            Value::Bool(x) => self.out.push(if *x { NEW_TRUE } else { NEW_FALSE }),
            Value::Int(x) => self.int(*x),
            Value::Float(x) => {
                self.out.push(BIN_FLOAT);
                self.out.extend(x.to_be_bytes());
            }
            Value::Str(text) => self.string(text),
            Value::Tuple(items) => self.tuple(items),
            Value::List(items) => {
                self.out.push(EMPTY_LIST);
                self.memoize();
                self.batches(items, APPEND, APPENDS, Self::value);
            }
            Value::Dict(items) => {
                self.out.push(EMPTY_DICT);
                self.memoize();
                self.items(items);
            }
            Value::OrderedDict { items, attributes } => {
                self.empty_ordered_dict();
                self.items(items);
                if !attributes.is_empty() {
                    self.state(attributes);
                }
            }
            Value::Namespace(attributes) => {
                self.global("argparse", "Namespace");
                self.out.extend([EMPTY_TUPLE, NEW_OBJECT]);
                self.memoize();
                self.state(attributes);
            }
            Value::Tensor(weights, name) => match weights.info(name) {
                Some(info) => self.tensor(*weights, name, info),
                None => self.out.push(NONE),
            },
        }
    }

    fn int(&mut self, x: i64) {
        if let Ok(byte) = u8::try_from(x) {
            self.out.extend([BIN_INT_1, byte]);
        } else if let Ok(short) = u16::try_from(x) {
            self.out.push(BIN_INT_2);
            self.out.extend(short.to_le_bytes());
        } else if let Ok(int) = i32::try_from(x) {
            self.out.push(BIN_INT);
            self.out.extend(int.to_le_bytes());
        } else {
            self.out.extend([LONG_1, 8]);
            self.out.extend(x.to_le_bytes());
        }
    }

    fn string(&mut self, text: &str) {
        if self.recall(text) {
            return;
        }
        self.out.push(BIN_UNICODE);
        self.out.extend((text.len() as u32).to_le_bytes());
        self.out.extend(text.as_bytes());
        self.remember(text.to_owned());
    }

    fn global(&mut self, module: &str, name: &str) {
        let line = format!("c{module}\n{name}\n");
        if self.recall(&line) {
            return;
        }
        debug_assert_eq!(line.as_bytes()[0], GLOBAL, "the opcode leads the line");
        self.out.extend(line.as_bytes());
        self.remember(line);
    }

    fn tuple(&mut self, items: &'a [Value<'a>]) {
        let end = self.begin_tuple(items.len());
        for item in items {
            self.value(item);
        }
        self.end_tuple(end);
    }

    /// Opens a tuple of so many items, and says what ends it: nothing where there are none.
    fn begin_tuple(&mut self, items: usize) -> Option<u8> {
        let short = match items {
            0 => None,
            1 => Some(TUPLE_1),
            2 => Some(TUPLE_2),
            3 => Some(TUPLE_3),
            _ => {
                self.out.push(MARK);
                Some(TUPLE)
            }
        };
        if short.is_none() {
            self.out.push(EMPTY_TUPLE);
        }
        short
    }

    fn end_tuple(&mut self, end: Option<u8>) {
        if let Some(end) = end {
            self.out.push(end);
            self.memoize();
        }
    }

    fn items(&mut self, items: &'a [(Value<'a>, Value<'a>)]) {
        self.batches(items, SET_ITEM, SET_ITEMS, |pickler, (key, value)| {
            pickler.value(key);
            pickler.value(value);
        });
    }

    fn batches<T>(&mut self, items: &'a [T], one: u8, many: u8, write: impl Fn(&mut Self, &'a T)) {
        for batch in items.chunks(BATCH) {
            if let [single] = batch {
                write(self, single);
                self.out.push(one);
            } else {
                self.out.push(MARK);
                for item in batch {
                    write(self, item);
                }
                self.out.push(many);
            }
        }
    }

    /// The attributes of the object that was written last.
    fn state(&mut self, attributes: &'a [(String, Value<'a>)]) {
        self.out.push(EMPTY_DICT);
        self.memoize();
        self.batches(attributes, SET_ITEM, SET_ITEMS, |pickler, (key, value)| {
            pickler.string(key);
            pickler.value(value);
        });
        self.out.push(BUILD);
    }

    fn empty_ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.out.extend([EMPTY_TUPLE, REDUCE]);
        self.memoize();
    }

    fn tensor(&mut self, weights: &'a dyn Weights, name: &'a str, info: &TensorInfo) {
        let (key, shape) = (self.storages.len(), &info.shape);
        self.storages.push((weights, name));
        let elements: usize = shape.iter().product();
        let mut strides = vec![1_usize; shape.len()];
        for axis in (1..strides.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis].max(1);
        }
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.out.push(MARK);
        self.out.push(MARK);
        self.string("storage");
        self.global("torch", storage_class(info.dtype));
        self.string(&key.to_string());
        self.string("cpu");
        self.int(elements as i64);
        self.out.push(TUPLE);
        self.memoize();
        self.out.push(BIN_PERSISTENT_ID);
        self.int(0);
        self.extents(shape);
        self.extents(&strides);
        self.out.push(NEW_FALSE);
        self.empty_ordered_dict();
        self.out.push(TUPLE);
        self.memoize();
        self.out.push(REDUCE);
        self.memoize();
    }

    /// A tuple of numbers.
    fn extents(&mut self, extents: &[usize]) {
        let end = self.begin_tuple(extents.len());
        for &extent in extents {
            self.int(extent as i64);
        }
        self.end_tuple(end);
    }

    fn memoize(&mut self) {
        self.with_index(self.memo, BIN_PUT, LONG_BIN_PUT);
        self.memo += 1;
    }

    fn remember(&mut self, what: String) {
        self.known.insert(what, self.memo);
        self.memoize();
    }

    fn recall(&mut self, what: &str) -> bool {
        let place = self.known.get(what).copied();
        if let Some(place) = place {
            self.with_index(place, BIN_GET, LONG_BIN_GET);
        }
        place.is_some()
    }

    fn with_index(&mut self, index: u32, short: u8, long: u8) {
        if let Ok(byte) = u8::try_from(index) {
            self.out.extend([short, byte]);
        } else {
            self.out.push(long);
            self.out.extend(index.to_le_bytes());
        }
    }
}
