"""Reads a checkpoint in DeiT's layout as the published training script does, and goes on with it for a step.

    python check_pth.py FILE ARCHITECTURE

`torch.load`, strict `load_state_dict` of both state dicts, and of the optimizer, whose groups are those of timm: without
decay first. Prints what was read as JSON: digests of tensors, numbers of the optimizer and schedule, some arguments.
"""

import argparse
import hashlib
import json
import sys

import torch

from bossnet import build


def digest(tensor):
    return hashlib.sha256(tensor.detach().contiguous().numpy().tobytes()).hexdigest()


def main():
    path, architecture = sys.argv[1:]
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    network, average = build(architecture), build(architecture)
    network.load_state_dict(checkpoint["model"])
    average.load_state_dict(checkpoint["model_ema"])
    arguments = checkpoint["args"]
    assert isinstance(arguments, argparse.Namespace)
    named = list(network.named_parameters())
    fixed = [param for name, param in named if param.ndim == 1 or name.endswith(".bias")]
    decaying = [param for name, param in named if not (param.ndim == 1 or name.endswith(".bias"))]
    groups = [{"params": fixed, "weight_decay": 0.0}, {"params": decaying, "weight_decay": arguments.weight_decay}]
    kind = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[arguments.opt]
    optimizer = kind(groups, lr=arguments.lr)
    optimizer.load_state_dict(checkpoint["optimizer"])
    first = optimizer.state[decaying[0]]
    read = {
        "model": {name: digest(tensor) for name, tensor in network.state_dict().items()},
        "model_ema": {name: digest(tensor) for name, tensor in average.state_dict().items()},
        "state": {key: digest(value) for key, value in first.items() if value.ndim > 0},
        "steps": float(first["step"]) if "step" in first else None,
        "rates": [group["lr"] for group in optimizer.param_groups],
        "decays": [group["weight_decay"] for group in optimizer.param_groups],
        "epoch": checkpoint["epoch"],
        "warmup": checkpoint["lr_scheduler"]["warmup_t"],
        "input_size": arguments.input_size,
        "data_set": arguments.data_set,
    }
    # What was read is enough to go on.
    size = arguments.input_size
    network.train()(torch.randn(4, 3, size, size)).logsumexp(1).mean().backward()
    before = decaying[0].detach().clone()
    optimizer.step()
    read["goes_on"] = not torch.equal(before, decaying[0])
    json.dump(read, sys.stdout)


if __name__ == "__main__":
    main()
