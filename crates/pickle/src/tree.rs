//! What a pickle describes, as data: nodes in one vector that refer to each other by index.

use std::fmt;

/// Index of a node in its [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(crate) u32);

/// A range of [`Tree`]'s text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

/// A name that a pickle imports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Global {
    /// The module, for instance `collections`.
    pub module: String,
    /// The name within it, for instance `OrderedDict`.
    pub name: String,
}

impl fmt::Display for Global {
    /// `module.name`, escaped and shortened: a file can put anything here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", shown(&self.module), shown(&self.name))
    }
}

/// A text from a file as it may stand in a message: at most 80 printable characters, and a sign where there were more.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown = String::new();
    for c in text.chars() {
        let before = shown.len();
        match c {
            ' '..='~' => shown.push(c),
            _ => shown.extend(c.escape_unicode()),
        }
        if shown.len() > LONGEST {
            shown.truncate(before);
            shown.push_str("...");
            break;
        }
    }
    shown
}

/// An object that a pickle would create by calling an import, kept as a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The import that would be called, always a [`Value::Global`].
    pub callable: Id,
    /// Its arguments, a [`Value::Tuple`] unless the pickle is odd.
    pub args: Id,
    /// Its keyword arguments, if there are any.
    pub kwargs: Option<Id>,
    /// Keys and values that would then be set.
    pub items: Vec<(Id, Id)>,
    /// Elements that would then be appended.
    pub appended: Vec<Id>,
    /// The state that it would then be given.
    pub state: Option<Id>,
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer that fits 64 bits.
    Int(i64),
    /// Any other integer: two's complement, little-endian, as short as possible.
    BigInt(Box<[u8]>),
    /// A float.
    Float(f64),
    /// A text; [`Tree::str`] has it.
    Str(StrRef),
    /// Bytes; [`Tree::bytes`] has them.
    Bytes(BytesRef),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dictionary, in order of insertion; a key may occur again and then replaces the earlier one.
    Dict(Vec<(Id, Id)>),
    /// A set or frozen set, elements as they come.
    Set(Vec<Id>),
    /// An import that was allowed.
    Global(Box<Global>),
    /// An object that a call of an import would make.
    Call(Box<Call>),
    /// A reference to something outside the pickle.
    Persistent(Id),
}

/// A text in its [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrRef(pub(crate) Span);

/// Bytes in their [`Tree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BytesRef(pub(crate) Span);

/// All that a pickle describes.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub(crate) nodes: Vec<Value>,
    /// All texts and bytes, one after the other: one allocation instead of one for each.
    pub(crate) text: Vec<u8>,
    pub(crate) root: Id,
}

impl Tree {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), text: Vec::new(), root: Id(0) }
    }

    pub(crate) fn add_text(&mut self, bytes: &[u8]) -> Option<Span> {
        let span = Span { start: u32::try_from(self.text.len()).ok()?, len: u32::try_from(bytes.len()).ok()? };
        self.text.extend_from_slice(bytes);
        Some(span)
    }

    fn span(&self, span: Span) -> &[u8] {
        &self.text[span.start as usize..][..span.len as usize]
    }

    /// The node of the whole pickle.
    pub const fn root(&self) -> Id {
        self.root
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing (there always is).
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All nodes, in the order in which the pickle makes them.
    pub fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.nodes.len() as u32).map(Id)
    }

    /// A node.
    pub fn get(&self, id: Id) -> &Value {
        &self.nodes[id.0 as usize]
    }

    /// The text of a node that is one.
    pub fn str(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            // Checked when it was stored.
            Value::Str(text) => std::str::from_utf8(self.span(text.0)).ok(),
            _ => None,
        }
    }

    /// The bytes of a node that holds bytes.
    pub fn bytes(&self, id: Id) -> Option<&[u8]> {
        match self.get(id) {
            Value::Bytes(bytes) => Some(self.span(bytes.0)),
            _ => None,
        }
    }

    /// The integer of a node that is one of at most 64 bits. A truth value is none.
    pub fn int(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Value::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The elements of a tuple.
    pub fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(elements) => Some(elements),
            _ => None,
        }
    }

    /// The elements of a tuple or list.
    pub fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(elements) | Value::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The entries of a plain dictionary.
    pub fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// An import.
    pub fn global(&self, id: Id) -> Option<&Global> {
        match self.get(id) {
            Value::Global(global) => Some(global),
            _ => None,
        }
    }

    /// A described call, with the import it would call.
    pub fn call(&self, id: Id) -> Option<(&Global, &Call)> {
        match self.get(id) {
            Value::Call(call) => Some((self.global(call.callable)?, call)),
            _ => None,
        }
    }
}
