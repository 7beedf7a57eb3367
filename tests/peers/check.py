"""Compares the PyTorch BossNets of this folder with the fixtures, which are what the published code computes.

    python check.py FIXTURES

Prints a line for each network; exits with 1 when one differs, with 2 when there is nothing to compare.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

import recipe
import safetensors_file
from bossnet import NAMES, Architecture, build

# Differences in units of the largest logit.
FLOAT32_LIMIT, FLOAT64_LIMIT = 1e-5, 1e-9
PUBLISHED = {
    "bossnet_T0": NAMES["bossnet-t0"],
    "bossnet_T0_nose": NAMES["bossnet-t0-nose"],
    "bossnet_T1": NAMES["bossnet-t1"],
}


def architecture(parameters):
    """The network of a case: a published one or an encoding, and what upstream's constructor was told."""
    told = parameters.get("kwargs", {})
    if "model" in parameters:
        fields = vars(PUBLISHED[parameters["model"]])
    else:
        fields = {
            "stages": tuple(tuple(stage) for stage in parameters["encoding"]),
            "avg_down": told["avg_down"],
            "silu": told["act"] == "silu",
            "se": told.get("attn_layer") == "se",
            "stem": told.get("stem_type") or "plain",
            "stem_width": told.get("stem_width", 32),
        }
    return Architecture(**{**fields, "classes": told.get("num_classes", 1000)})


def difference(ours, theirs):
    return float(np.abs(ours.astype(np.float64) - theirs).max() / np.abs(theirs).max())


def parameters_agree(network, expected):
    """Names, shapes and types of the state dict, in order."""
    ours = [[name, list(tensor.shape), str(tensor.dtype).removeprefix("torch.")] for name, tensor in network.state_dict().items()]
    return ours == expected


def logits(network, image):
    with torch.inference_mode():
        return network(torch.from_numpy(image)).numpy()


def check(case, folder, expected_keys):
    """What is wrong with a case, in words, and its differences in float32 and float64."""
    parameters = case["params"]
    network = build(architecture(parameters)).eval()
    wrong = [] if parameters_agree(network, expected_keys) else ["names or shapes of parameters"]
    network.load_state_dict(recipe.state_dict(network, parameters["gain"], parameters["seed"]))
    shape = (parameters["batch"], 3, *parameters["size"])
    image = recipe.tensor(parameters["input_name"], shape, parameters["input_kind"], seed=parameters["seed"])
    theirs = safetensors_file.read(folder / case["files"][0])
    single = difference(logits(network, image), theirs["logits"])
    double = difference(logits(network.double(), image.astype(np.float64)), theirs["logits_f64"])
    if not single <= FLOAT32_LIMIT:
        wrong.append("float32")
    if not double <= FLOAT64_LIMIT:
        wrong.append("float64")
    return wrong, single, double


def main(folder):
    torch.set_num_threads(1)
    cases = json.loads((folder / "manifest.json").read_text())["cases"]
    keys = json.loads((folder / "models/state_dict_keys.json").read_text())
    failed = compared = 0
    print(f"{'network':<24} {'float32':>9} {'float64':>9}")
    for case in cases:
        group, _, name = case["id"].partition("/")
        if group != "models" or name not in keys["case_to_list"] or "params" not in case:
            continue
        wrong, single, double = check(case, folder, keys["lists"][keys["case_to_list"][name]])
        verdict = "differs: " + ", ".join(wrong) if wrong else "ok"
        print(f"{name:<24} {single:9.1e} {double:9.1e}  {verdict}", flush=True)
        compared += 1
        failed += bool(wrong)
    print(f"{compared} networks compared, {failed} differ")
    return 1 if failed else 0 if compared else 2


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
