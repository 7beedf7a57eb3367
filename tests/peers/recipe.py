"""The fixtures' weight recipe in numpy: every tensor is a pure function of its name, shape and kind.

Written from the fixtures' `WEIGHTS.md`: FNV-1a over the name seeds splitmix64, whose upper 24 bits become a number in
[0, 1), which the kind scales in float64; one rounding to float32 ends it.
"""

import math

import numpy as np

FNV_OFFSET, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
WORD = 0xFFFFFFFFFFFFFFFF


def fnv1a64(name):
    digest = FNV_OFFSET
    for byte in name.encode():
        digest = ((digest ^ byte) * FNV_PRIME) & WORD
    return digest


def bits(name, count, seed=0):
    """The first `count` outputs of the generator of tensor `name`."""
    step = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = np.uint64(fnv1a64(name) ^ seed) + step
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def kind_of(name, shape):
    """The kind of a parameter or buffer."""
    for suffix in ("num_batches_tracked", "running_mean", "running_var", "bias"):
        if name.endswith(suffix):
            return suffix
    if name.endswith("weight"):
        return "weight" if len(shape) >= 2 else "norm_weight"
    raise ValueError(f"the name {name!r} says no kind")


def tensor(name, shape, kind, gain=1.0, seed=0):
    """The tensor, float32. `gain` matters to the kind `weight` only."""
    count = math.prod(shape)
    u = (bits(name, count, seed) >> np.uint64(40)).astype(np.float64) * 2.0**-24
    if kind == "weight":
        values = (2.0 * u - 1.0) * math.sqrt(gain / float(math.prod(shape[1:])))
    elif kind in ("norm_weight", "running_var"):
        values = 0.5 + u
    elif kind in ("bias", "running_mean"):
        values = (2.0 * u - 1.0) * 0.1
    elif kind == "input":
        values = (2.0 * u - 1.0) * 2.0
    else:
        raise ValueError(f"{kind!r} is not a kind of tensor")
    return values.astype(np.float32).reshape(shape)


def state_dict(network, gain, seed=0):
    """The recipe's tensors for everything in a PyTorch network's state dict."""
    import torch

    tensors = {}
    for name, like in network.state_dict().items():
        kind = kind_of(name, like.shape)
        if kind == "num_batches_tracked":
            tensors[name] = torch.zeros((), dtype=torch.int64)
        else:
            tensors[name] = torch.from_numpy(tensor(name, tuple(like.shape), kind, gain, seed))
    return tensors
