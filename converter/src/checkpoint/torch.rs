//! What PyTorch's pickles say: the imports that may occur in them, and the tensors they describe.
//!
//! A tensor is a call `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)` whose storage is a reference
//! `("storage", torch.FloatStorage, key, location, elements)` to bytes beside the pickle. The location (`cuda:0`) says
//! where the tensor was, which nobody needs to know.

use bossnas_model::weights::DType;
use bossnas_pickle::{Id, Tree, Value};

use super::tensor::TensorError;

/// An import that a checkpoint may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    OrderedDict,
    /// `(storage, offset, size, stride)`, or with more behind that does not matter here.
    RebuildTensor,
    /// The same with the element type as seventh argument.
    RebuildTensorV3,
    /// `(tensor, requires_grad, hooks)`.
    RebuildParameter,
    Storage(DType),
    /// Bytes whose element type is told elsewhere.
    UntypedStorage,
    DType(DType),
    /// Inert objects that tell about the training.
    Other,
}

/// The allow list: an ordered dictionary, tensors and storages of the known element types, parameters, and the inert
/// objects that PyTorch's and DeiT's training states hold.
pub(super) fn known(module: &str, name: &str) -> Option<Known> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Known::OrderedDict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Known::RebuildTensor,
        ("torch._utils", "_rebuild_tensor_v3") => Known::RebuildTensorV3,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Known::RebuildParameter,
        ("torch.storage" | "torch", "UntypedStorage") => Known::UntypedStorage,
        ("torch", "DoubleStorage") => Known::Storage(DType::F64),
        ("torch", "FloatStorage") => Known::Storage(DType::F32),
        ("torch", "HalfStorage") => Known::Storage(DType::F16),
        ("torch", "BFloat16Storage") => Known::Storage(DType::Bf16),
        ("torch", "LongStorage") => Known::Storage(DType::I64),
        ("torch", "IntStorage") => Known::Storage(DType::I32),
        ("torch", "ShortStorage") => Known::Storage(DType::I16),
        ("torch", "CharStorage") => Known::Storage(DType::I8),
        ("torch", "ByteStorage") => Known::Storage(DType::U8),
        ("torch", "BoolStorage") => Known::Storage(DType::Bool),
        ("torch", "float64" | "double") => Known::DType(DType::F64),
        ("torch", "float32" | "float") => Known::DType(DType::F32),
        ("torch", "float16" | "half") => Known::DType(DType::F16),
        ("torch", "bfloat16") => Known::DType(DType::Bf16),
        ("torch", "int64" | "long") => Known::DType(DType::I64),
        ("torch", "int32" | "int") => Known::DType(DType::I32),
        ("torch", "int16" | "short") => Known::DType(DType::I16),
        ("torch", "int8") => Known::DType(DType::I8),
        ("torch", "uint8") => Known::DType(DType::U8),
        ("torch", "bool") => Known::DType(DType::Bool),
        ("torch", "Size" | "device")
        | ("argparse", "Namespace")
        | ("_codecs", "encode")
        | ("builtins" | "__builtin__", "set") => Known::Other,
        _ => return None,
    })
}

/// Whether a checkpoint may name this import.
pub(super) fn allows(module: &str, name: &str) -> bool {
    known(module, name).is_some()
}

fn known_at(tree: &Tree, id: Id) -> Option<Known> {
    let global = tree.global(id)?;
    known(&global.module, &global.name)
}

/// The entries of a dictionary, ordered or not.
pub(super) fn dict(tree: &Tree, id: Id) -> Option<&[(Id, Id)]> {
    match tree.get(id) {
        Value::Dict(entries) => Some(entries),
        Value::Call(call) if known_at(tree, call.callable) == Some(Known::OrderedDict) => Some(&call.items),
        _ => None,
    }
}

/// Whether a value describes a tensor or parameter.
pub(super) fn is_tensor(tree: &Tree, id: Id) -> bool {
    let Value::Call(call) = tree.get(id) else { return false };
    matches!(
        known_at(tree, call.callable),
        Some(Known::RebuildTensor | Known::RebuildTensorV3 | Known::RebuildParameter)
    )
}

/// A reference to a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StorageRef<'t> {
    /// `None` for untyped bytes.
    pub(super) dtype: Option<DType>,
    pub(super) key: &'t str,
    /// Elements, or bytes of an untyped one.
    pub(super) elements: u64,
}

impl StorageRef<'_> {
    pub(super) fn byte_len(&self) -> u128 {
        u128::from(self.elements) * self.dtype.map_or(1, DType::size) as u128
    }
}

/// A tensor as the pickle describes it; nothing of it was compared with a storage yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described<'t> {
    pub(super) storage: StorageRef<'t>,
    pub(super) dtype: DType,
    pub(super) offset: i64,
    pub(super) sizes: Vec<i64>,
    pub(super) strides: Vec<i64>,
}

/// Reads a persistent reference.
pub(super) fn storage(tree: &Tree, id: Id) -> Result<StorageRef<'_>, TensorError> {
    const MALFORMED: TensorError = TensorError::Malformed("it refers to no storage");
    let Value::Persistent(id) = tree.get(id) else { return Err(MALFORMED) };
    let Some(&[kind, class, key, _location, elements, ref view @ ..]) = tree.tuple(*id) else {
        return Err(MALFORMED);
    };
    if tree.str(kind) != Some("storage") {
        return Err(MALFORMED);
    }
    // PyTorch before 0.4 wrote views of storages.
    if !matches!(view, [] | [_]) || view.iter().any(|&v| *tree.get(v) != Value::None) {
        return Err(TensorError::Malformed("its storage is a view of another, as very old files have it"));
    }
    let dtype = match known_at(tree, class) {
        Some(Known::Storage(dtype)) => Some(dtype),
        Some(Known::UntypedStorage) => None,
        _ => return Err(TensorError::Malformed("its storage is of no known type")),
    };
    let key = tree.str(key).ok_or(TensorError::Malformed("its storage has no key"))?;
    let elements = tree.int(elements).and_then(|n| u64::try_from(n).ok());
    let elements = elements.ok_or(TensorError::Malformed("the size of its storage is no number"))?;
    Ok(StorageRef { dtype, key, elements })
}

/// Reads the description of a tensor or parameter.
pub(super) fn tensor(tree: &Tree, id: Id) -> Result<Described<'_>, TensorError> {
    let arguments = |id| {
        let Value::Call(call) = tree.get(id) else { return Err(TensorError::NotATensor) };
        let kind = known_at(tree, call.callable).ok_or(TensorError::NotATensor)?;
        let args = tree.tuple(call.args).ok_or(TensorError::Malformed("it has no arguments"))?;
        Ok((kind, args))
    };
    let (mut kind, mut args) = arguments(id)?;
    if kind == Known::RebuildParameter {
        // A parameter holds a tensor, never another parameter.
        let inner = args.first().ok_or(TensorError::Malformed("the parameter is empty"))?;
        (kind, args) = arguments(*inner)?;
    }
    let stated = match (kind, args.get(6)) {
        (Known::RebuildTensor, _) => None,
        (Known::RebuildTensorV3, Some(&dtype)) => match known_at(tree, dtype) {
            Some(Known::DType(dtype)) => Some(dtype),
            _ => return Err(TensorError::Malformed("it has no known element type")),
        },
        (Known::RebuildTensorV3, None) => return Err(TensorError::Malformed("it has too few arguments")),
        _ => return Err(TensorError::NotATensor),
    };
    let Some(&[place, offset, sizes, strides]) = args.first_chunk() else {
        return Err(TensorError::Malformed("it has too few arguments"));
    };
    let storage = storage(tree, place)?;
    let dtype = stated.or(storage.dtype).ok_or(TensorError::Malformed("it has no element type"))?;
    if storage.dtype.is_some_and(|stored| stored != dtype) {
        return Err(TensorError::Malformed("it has another element type than its storage"));
    }
    Ok(Described {
        storage,
        dtype,
        offset: tree.int(offset).ok_or(TensorError::Malformed("its offset is no number"))?,
        sizes: integers(tree, sizes).ok_or(TensorError::Malformed("its shape is no tuple of numbers"))?,
        strides: integers(tree, strides).ok_or(TensorError::Malformed("its strides are no tuple of numbers"))?,
    })
}

/// A tuple of integers, bare or within a `torch.Size`.
fn integers(tree: &Tree, id: Id) -> Option<Vec<i64>> {
    let id = match tree.get(id) {
        Value::Call(call) => *tree.tuple(call.args)?.first()?,
        _ => id,
    };
    tree.sequence(id)?.iter().map(|&n| tree.int(n)).collect()
}
