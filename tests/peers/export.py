"""Exports a BossNet with PyTorch's own exporters: the files that ours are compared with.

    python export.py OUTPUT.onnx [--model BossNet-T0] [--weights FILE] [--size N] [--batch N|dynamic] [--dynamo]

Input `image`, output `logits`, opset 17, batch norms folded as the exporter does it, constants folded. Weights are the
fixtures' recipe unless a `.safetensors` or `.pth` file is named. Prints one line of JSON: nodes, bytes, seconds.
"""

import argparse
import json
import os
import time
import warnings

import onnx
import torch

import recipe
import safetensors_file
from bossnet import build

OPSET = 17


def state_dict(path, which):
    """The tensors of a file. Of a checkpoint in DeiT's layout, the state dict `which`."""
    if path.endswith(".safetensors"):
        return {name: torch.from_numpy(array) for name, array in safetensors_file.read(path).items()}
    # A checkpoint names the class of the run's arguments; nothing of it is run.
    with torch.serialization.safe_globals([argparse.Namespace]):
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    return loaded.get(which, loaded)


def network(model, weights, which="model"):
    """The network in evaluation mode, with the weights of a file, or the recipe's."""
    net = build(model)
    given = state_dict(weights, which) if weights else recipe.state_dict(net, net.architecture.gain)
    net.load_state_dict(given)
    return net.eval()


def export(net, path, size, batch, dynamo):
    """Writes the file. `batch` is `None` for a symbolic one."""
    # What is traced must not look like a batch of one, which the newer exporter makes a constant.
    image = torch.zeros(batch or 2, 3, size, size)
    told = {"input_names": ["image"], "output_names": ["logits"], "opset_version": 18 if dynamo else OPSET}
    if dynamo:
        shapes = None if batch else ({0: torch.export.Dim("batch")},)
        torch.onnx.export(net, (image,), path, dynamo=True, external_data=False, dynamic_shapes=shapes, **told)
    else:
        axes = None if batch else {"image": {0: "batch"}, "logits": {0: "batch"}}
        torch.onnx.export(net, (image,), path, dynamo=False, do_constant_folding=True, dynamic_axes=axes, **told)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output")
    parser.add_argument("--model", default="BossNet-T0", help="published name or architecture text")
    parser.add_argument("--weights", help=".safetensors or .pth file")
    parser.add_argument("--state-dict", default="model", help="which one of a checkpoint")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", default="1", help="a number, or `dynamic`")
    parser.add_argument("--dynamo", action="store_true", help="the newer exporter, whose lowest opset is 18")
    options = parser.parse_args()
    batch = None if options.batch == "dynamic" else int(options.batch)
    net = network(options.model, options.weights, options.state_dict)
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export(net, options.output, options.size, batch, options.dynamo)
    seconds = time.perf_counter() - begun
    nodes = len(onnx.load(options.output, load_external_data=False).graph.node)
    print(json.dumps({"nodes": nodes, "bytes": os.path.getsize(options.output), "seconds": round(seconds, 2)}))


if __name__ == "__main__":
    main()
