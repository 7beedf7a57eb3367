"""Reads `.safetensors` files: a length, a JSON header, and the bytes of the tensors."""

import json
import math
import struct

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
HEADER_LIMIT = 100_000_000


def read(path):
    """Name -> numpy array of every tensor in the file."""
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < 8 or (length := struct.unpack_from("<Q", data)[0]) > min(HEADER_LIMIT, len(data) - 8):
        raise ValueError(f"{path} is no safetensors file: its header does not fit")
    header, body = json.loads(data[8 : 8 + length]), memoryview(data)[8 + length :]
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] not in DTYPES:
            raise ValueError(f"{path}: tensor {name!r} is of type {entry['dtype']!r}, which is not read here")
        dtype, shape, (start, end) = np.dtype(DTYPES[entry["dtype"]]), entry["shape"], entry["data_offsets"]
        if not 0 <= start <= end <= len(body) or end - start != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{path}: tensor {name!r} does not lie within the file")
        tensors[name] = np.frombuffer(body[start:end], dtype).reshape(shape).copy()
    return tensors
