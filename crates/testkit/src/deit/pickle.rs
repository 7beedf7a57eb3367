//! Writes the few Python objects of a checkpoint as Python's own pickler does: protocol 2, every object memoised.
//!
//! Opcodes are those of `pickletools`; a tensor is `torch._utils._rebuild_tensor_v2` over a storage that the pickle
//! names by a persistent id.

use std::collections::HashMap;

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

/// A tensor without gaps over a storage of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// The storage's class in module `torch`, `FloatStorage`.
    pub class: &'static str,
    /// The storage's key: the entry `data/<key>` of the archive.
    pub key: usize,
    /// Extents of the tensor.
    pub shape: Vec<usize>,
}

/// A Python object.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
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
    Tuple(Vec<Value>),
    /// A list.
    List(Vec<Value>),
    /// A dict.
    Dict(Vec<(Value, Value)>),
    /// A `collections.OrderedDict`, possibly with attributes of its own.
    OrderedDict {
        /// Its items.
        items: Vec<(Value, Value)>,
        /// Its attributes.
        attributes: Vec<(&'static str, Value)>,
    },
    /// An `argparse.Namespace` with these attributes.
    Namespace(Vec<(&'static str, Value)>),
    /// A `torch.Tensor` on the CPU.
    Tensor(Storage),
}

impl Value {
    /// A string.
    pub fn str(text: &str) -> Self {
        Self::Str(text.to_owned())
    }

    /// A dict with string keys.
    pub fn dict<'a>(items: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Dict(items.into_iter().map(|(key, value)| (Self::str(key), value)).collect())
    }
}

/// Turns one object into bytes.
#[derive(Debug, Default)]
pub struct Pickler {
    out: Vec<u8>,
    memo: u32,
    /// Strings and globals (`c` in front) that were written, with their place in the memo. Python shares equal strings
    /// only where they are one object; sharing all of them reads back the same.
    known: HashMap<String, u32>,
}

impl Pickler {
    /// The pickle of `value`.
    pub fn pickle(value: &Value) -> Vec<u8> {
        let mut pickler = Self::default();
        pickler.out.extend([PROTO, 2]);
        pickler.value(value);
        pickler.out.push(STOP);
        pickler.out
    }

    fn value(&mut self, value: &Value) {
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
            Value::Tensor(storage) => self.tensor(storage),
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

    fn tuple(&mut self, items: &[Value]) {
        let short = match items.len() {
            0 => return self.out.push(EMPTY_TUPLE),
            1 => Some(TUPLE_1),
            2 => Some(TUPLE_2),
            3 => Some(TUPLE_3),
            _ => None,
        };
        if short.is_none() {
            self.out.push(MARK);
        }
        for item in items {
            self.value(item);
        }
        self.out.push(short.unwrap_or(TUPLE));
        self.memoize();
    }

    fn items(&mut self, items: &[(Value, Value)]) {
        self.batches(items, SET_ITEM, SET_ITEMS, |pickler, (key, value)| {
            pickler.value(key);
            pickler.value(value);
        });
    }

    fn batches<T>(&mut self, items: &[T], one: u8, many: u8, write: impl Fn(&mut Self, &T)) {
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

    fn state(&mut self, attributes: &[(&'static str, Value)]) {
        self.value(&Value::dict(attributes.iter().cloned()));
        self.out.push(BUILD);
    }

    fn empty_ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.out.extend([EMPTY_TUPLE, REDUCE]);
        self.memoize();
    }

    fn tensor(&mut self, storage: &Storage) {
        let elements: usize = storage.shape.iter().product();
        let mut strides = vec![1_usize; storage.shape.len()];
        for axis in (1..strides.len()).rev() {
            strides[axis - 1] = strides[axis] * storage.shape[axis];
        }
        let extents = |extents: &[usize]| Value::Tuple(extents.iter().map(|&x| Value::Int(x as i64)).collect());

        self.global("torch._utils", "_rebuild_tensor_v2");
        self.out.push(MARK);
        self.out.push(MARK);
        self.string("storage");
        self.global("torch", storage.class);
        self.string(&storage.key.to_string());
        self.string("cpu");
        self.int(elements as i64);
        self.out.push(TUPLE);
        self.memoize();
        self.out.push(BIN_PERSISTENT_ID);
        self.int(0);
        self.value(&extents(&storage.shape));
        self.value(&extents(&strides));
        self.out.push(NEW_FALSE);
        self.empty_ordered_dict();
        self.out.push(TUPLE);
        self.memoize();
        self.out.push(REDUCE);
        self.memoize();
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
