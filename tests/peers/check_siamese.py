"""Compares the search's training step in PyTorch with the fixtures, which are what the published code computes.

    python check_siamese.py FIXTURES [--fast]

Prints a line for each space, optimiser and step; exits with 1 when one differs, with 2 when there is nothing to
compare.
`--fast` leaves the steps of HyTra and MBConv out.

Gradients of networks with ReLU carry a doubt: an input within rounding of zero falls on either side, and moves them
all. So where a step is further from the stored one than `GRADIENT_LIMIT`, it is done again in float64. It passes if
ReLUs did switch, and if the stored numbers lie about as close to ours and to the exact ones as these to each other.
"""

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

import check_lars
import recipe
import safetensors_file
import siamese
from supernets import SPACES, Siamese

SPACES_OF_CASES = {"hytra/": "hytra", "mbconv/": "mbconv", "nats/nats_c10_": "nats-c10", "nats/nats_c100_": "nats-c100"}
KEYS = {
    "hytra": "hytra/keys_hytra",
    "mbconv": "mbconv/keys_mbconv",
    "nats-c10": "nats/keys_nats_c10",
    "nats-c100": "nats/keys_nats_c100",
}
# Of targets in units of the largest, of losses absolutely. The stored targets of HyTra are 1e-5 from those in float64.
FORWARD_LIMIT = 3e-5
# Of gradients and of what becomes of weights: batch norm over four values.
GRADIENT_LIMIT = 2e-3
# How much further than ours from the exact numbers the stored ones may be, and what is no rounding any more.
ROUNDING_FACTOR, ROUNDING_LIMIT = 2.0, 0.03
# Gradients of biases of which a batch norm takes everything are this or less, instead of zero.
NOISE = 1e-5
SAMPLES = 64
ITERATIONS = 1000


@dataclass(frozen=True)
class Case:
    """A stored step."""

    id: str
    space_name: str
    parameters: dict
    summaries: dict
    tensors: dict
    values: dict

    @property
    def space(self):
        return SPACES[self.space_name]

    @property
    def stage(self):
        return self.parameters["start_block"]

    @property
    def best_paths(self):
        return self.parameters["best_paths"]

    @property
    def paths(self):
        """Of this stage. MBConv and NATS store paths through all of them."""
        layers = self.space.layers
        paths = self.parameters["forward_op_online"]
        begin = sum(layers[: self.stage]) if len(paths[0]) == sum(layers) else 0
        return [path[begin : begin + layers[self.stage]] for path in paths]

    @property
    def noisy(self):
        """The biases whose gradients are zero but for rounding."""
        norms = self.values["steps"][0]["grad_norm_all"]
        return {name for name, norm in norms.items() if norm <= NOISE and name.endswith("bias")}


@dataclass
class Outcome:
    """What a step gave: gradients, changes of weights, and on which side the inputs of ReLUs were."""

    targets: list
    losses: list
    norms: dict
    samples: dict
    # Samples of weights before the step, how much they changed, and the largest change of all of a tensor.
    before: dict
    changes: dict
    largest_changes: dict
    sides: list
    # Targets and losses of the same batch after the step.
    after: tuple | None = None
    excluded: int = 0


@dataclass
class Verdict:
    """What is wrong, in words, and the largest difference of each kind."""

    wrong: list = field(default_factory=list)
    largest: dict = field(default_factory=dict)

    def limit(self, kind, difference, limit):
        self.largest[kind] = max(self.largest.get(kind, 0.0), difference)
        # Not a number is wrong too.
        if not difference <= limit and kind not in self.wrong:
            self.wrong.append(kind)

    def insist(self, what, holds):
        if not holds:
            self.wrong.append(what)


def cases_of(folder, is_fast):
    for entry in json.loads((folder / "manifest.json").read_text())["cases"]:
        prefix = next((prefix for prefix in SPACES_OF_CASES if entry["id"].startswith(f"{prefix}train_s")), None)
        if prefix is None or (is_fast and not prefix.startswith("nats/")):
            continue
        tensors = safetensors_file.read(folder / entry["files"][0])
        values = json.loads((folder / entry["files"][1]).read_text())
        yield Case(entry["id"], SPACES_OF_CASES[prefix], entry["params"], entry["summaries"], tensors, values)


def named_tensors(network):
    """Parameters and buffers in order, each once, under its first name."""
    seen = set()
    for name, tensor in network.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            yield name, tensor


def check_names(space_name, folder):
    """Whether the space has the published names, shapes and types, in order."""
    with torch.device("meta"):
        network = Siamese(SPACES[space_name])
    expected = json.loads((folder / f"{KEYS[space_name]}.json").read_text())
    ours = [
        [name, list(tensor.shape), str(tensor.dtype).removeprefix("torch.")] for name, tensor in named_tensors(network)
    ]
    if "canonical" in expected:
        return ours == expected["canonical"]
    # HyTra's target network is counted, not listed.
    without_target = [entry for entry in ours if not entry[0].startswith("target_")]
    return without_target == expected["canonical_without_target"] and len(ours) == expected["n_canonical"]


def is_used(name, case):
    """Whether a tensor has a part in the step. Only HyTra is so large that it matters."""
    place, *rest = name.split(".")
    if not place.endswith("backbone"):
        return int(rest[0]) == case.stage
    if "_mix_ops" not in rest or case.space_name != "hytra":
        return True
    block, layer, operation = (int(rest[position]) for position in (1, 3, 5))
    paths = {block: [path] for block, path in enumerate(case.best_paths)} | {case.stage: case.paths}
    return any(path[layer] == operation for path in paths.get(block, ()))


def network_of(case, dtype):
    """The network with the recipe's weights; what the step does not need has none (they are on the device `meta`)."""
    with torch.device("meta"):
        network = Siamese(case.space).to(dtype)
    tensors = {}
    for name, like in named_tensors(network):
        if is_used(name, case):
            tensors[name] = initial(name, like.shape, case).to(like.dtype)
    network.load_state_dict(tensors, strict=False, assign=True)
    return network


def initial(name, shape, case):
    kind = recipe.kind_of(name, shape)
    if kind == "num_batches_tracked":
        return torch.zeros((), dtype=torch.int64)
    return torch.from_numpy(recipe.tensor(name, tuple(shape), kind, case.parameters["gain"], case.parameters["seed"]))


def samples(tensor, kind):
    """A copy of up to 64 elements, as float64: the `first64`, or, evenly spread, the `strided64`."""
    flat = tensor.detach().reshape(-1)
    chosen = flat[:SAMPLES] if kind == "first64" else flat[torch.arange(SAMPLES) * flat.numel() // SAMPLES]
    return chosen.to(torch.float64, copy=True).numpy()


def stored(case, prefix):
    """Name of a tensor, kind of its samples, and the samples, of all that are stored under the prefix."""
    for key, theirs in case.tensors.items():
        if key.startswith(prefix) and key.endswith(("first64", "strided64")):
            name, _, kind = key.removeprefix(prefix).rpartition(".")
            yield name, kind, theirs.astype(np.float64)


def watch_sides(network):
    """A list that the side of every ReLU's inputs is put into, while gradients are recorded."""
    sides = []

    def watch(_, inputs):
        if torch.is_grad_enabled():
            sides.append(inputs[0] > 0)

    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(watch)
    return sides


def run(case, dtype):
    """Does the step, in this precision on the same float32 weights."""
    network = network_of(case, dtype)
    named = dict(network.named_parameters())
    sides = watch_sides(network)
    name, shape, kind = case.parameters["img"]
    image = torch.from_numpy(recipe.tensor(name, tuple(shape), kind, seed=case.parameters["seed"])).to(dtype)
    told = {key: case.parameters[key] for key in ("lr", "momentum", "weight_decay")}
    optimizer = siamese.Lars(network.named_parameters(), **told)
    before = {(name, kind): samples(named[name], kind) for name, kind, _ in stored(case, "step1.")}
    whole = {name: named[name].detach().clone() for name, _ in before}
    targets, losses = siamese.accumulate(network, image, case.best_paths, case.paths)
    siamese.drop_zero_gradients(network)
    outcome = Outcome(targets, losses, {}, {}, before, {}, {}, list(sides))
    for name, parameter in named.items():
        if parameter.grad is not None:
            outcome.norms[name] = float(parameter.grad.double().norm())
    for name, kind, _ in stored(case, "grad."):
        outcome.samples[name, kind] = samples(named[name].grad, kind)
    optimizer.step()
    optimizer.zero_grad()
    siamese.update_target(network, case.stage, momentum_of(case))
    for name, kind, _ in stored(case, "step1."):
        outcome.changes[name, kind] = samples(named[name], kind) - before[name, kind]
        outcome.largest_changes[name] = float((named[name].detach() - whole[name]).abs().max())
    outcome.excluded = sum(siamese.is_excluded(name) for name, parameter in named.items() if parameter.requires_grad)
    if len(case.values["steps"]) > 1 and dtype == torch.float32:
        outcome.after = siamese.accumulate(network, image, case.best_paths, case.paths)
    return outcome


def momentum_of(case, step=0):
    interval = case.space.update_interval
    return siamese.momentum_at(interval * (step + 1) - 1, ITERATIONS)


def far(ours, theirs, unit=None):
    """The largest difference in units of the largest number, or of another."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.abs(ours - theirs).max()) / (unit or float(np.abs(theirs).max()))


def gradients_far(ours, theirs, name, case):
    """The largest difference of samples of a gradient, in units of its largest number."""
    return far(ours, theirs, case.summaries[f"grad.{name}"]["absmax"])


def rounding_between(ours, exact, case):
    """How far float32 moves samples of gradients, at most."""
    kept = [key for key in ours.samples if key[0] not in case.noisy]
    return max(gradients_far(ours.samples[key], exact.samples[key], key[0], case) for key in kept)


def compare_gradients(verdict, case, outcome, limit):
    """Gradients, and what becomes of the weights."""
    norms = case.values["steps"][0]["grad_norm_all"]
    verdict.insist("which weights have gradients", outcome.norms.keys() == norms.keys())
    for name in outcome.norms.keys() & norms.keys():
        if name in case.noisy:
            verdict.limit("noise", outcome.norms[name], NOISE)
        else:
            verdict.limit("norms", abs(outcome.norms[name] / norms[name] - 1.0), limit)
    for name, kind, theirs in stored(case, "grad."):
        if name not in case.noisy:
            verdict.limit("gradients", gradients_far(outcome.samples[name, kind], theirs, name, case), limit)
    for name, kind, theirs in stored(case, "step1."):
        change, ours = theirs - outcome.before[name, kind], outcome.changes[name, kind]
        # What float32 can tell of a change of such a weight, twice: the stored one and ours are both rounded.
        spacing = 2.0 * float(np.spacing(np.abs(theirs).max().astype(np.float32)))
        if name in case.noisy:
            verdict.limit("noise", float(np.abs(ours - change).max()) / case.parameters["lr"], 2.0 * NOISE)
        else:
            excess = max(0.0, float(np.abs(ours - change).max()) - spacing)
            # The stored step has samples only, so the unit is ours, as gradients are in units of all of theirs.
            verdict.limit("weights", excess / max(outcome.largest_changes[name], spacing), limit)


def compare_forward(verdict, case, step, targets, losses, limit, kind):
    for half, ours in zip(("v1", "v2"), targets, strict=True):
        verdict.limit(f"{kind}targets", far(ours, case.tensors[f"step{step}.proj_target_{half}"]), limit)
    theirs = case.values["steps"][step]
    ours = np.asarray(losses)
    verdict.limit(f"{kind}losses", float(np.abs(ours.ravel() - theirs["head_losses"]).max()), limit)
    verdict.limit(f"{kind}losses", float(np.abs(ours.sum(axis=1) - theirs["path_losses"]).max()), 2.0 * limit)
    verdict.insist("the momentum", abs(momentum_of(case, step) - theirs["momentum"]) < 1e-12)


def check(case):
    verdict, note = Verdict(), ""
    ours = run(case, torch.float32)
    compare_forward(verdict, case, 0, ours.targets, ours.losses, FORWARD_LIMIT, "")
    verdict.insist("what LARS excludes", ours.excluded == case.values["n_lars_exclude"])
    gradients = Verdict()
    compare_gradients(gradients, case, ours, GRADIENT_LIMIT)
    if gradients.wrong and not set(gradients.wrong) - {"norms", "gradients", "weights"}:
        exact = run(case, torch.float64)
        switched = sum(int((single != double).sum()) for single, double in zip(ours.sides, exact.sides, strict=True))
        rounding = rounding_between(ours, exact, case)
        note = f"; {switched} ReLUs switch in float64, which moves gradients by {rounding:.1e}"
        if switched and rounding <= ROUNDING_LIMIT:
            limit = max(GRADIENT_LIMIT, ROUNDING_FACTOR * rounding)
            gradients, from_exact = Verdict(), Verdict()
            compare_gradients(gradients, case, ours, limit)
            compare_gradients(from_exact, case, exact, limit)
            gradients.wrong += [f"{kind} from the exact ones" for kind in from_exact.wrong]
            note += f", the stored ones are {from_exact.largest['gradients']:.1e} from the exact ones"
    verdict.wrong += gradients.wrong
    verdict.largest |= gradients.largest
    if ours.after is not None:
        # The weights differ as the gradients did.
        compare_forward(verdict, case, 1, *ours.after, GRADIENT_LIMIT, "next ")
    return verdict, note


def check_excluded(folder):
    """Whether the lists of what LARS leaves alone are the published ones; of HyTra's, the first 400 are stored."""
    for space_name, keys in KEYS.items():
        listed = json.loads((folder / f"{keys.replace('keys', 'lars_groups')}.json").read_text())["lars_exclude"]
        with torch.device("meta"):
            network = Siamese(SPACES[space_name])
        trained = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
        ours = [name for name in trained if siamese.is_excluded(name)]
        yield space_name, ours[: len(listed)] == listed


def main(folder, is_fast):
    torch.set_num_threads(1)
    failed = compared = 0

    def report(what, is_right, text=""):
        nonlocal failed, compared
        compared += 1
        failed += not is_right
        print(f"{what:<28}{text}{'ok' if is_right else 'differs'}", flush=True)

    for space_name in SPACES:
        report(f"{space_name} names", check_names(space_name, folder))
    for space_name, is_right in check_excluded(folder):
        report(f"{space_name} excluded", is_right)
    for name, difference, is_right in check_lars.check(folder):
        report(name, is_right, f"{difference:.1e}  ")
    for case in cases_of(folder, is_fast):
        verdict, note = check(case)
        figures = ", ".join(f"{kind} {difference:.1e}" for kind, difference in verdict.largest.items())
        wrong = f" ({', '.join(verdict.wrong)})" if verdict.wrong else ""
        report(case.id, not verdict.wrong, f"{figures}{note}{wrong}: ")
    print(f"{compared} compared, {failed} differ")
    return 1 if failed else 0 if compared else 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixtures", type=Path)
    parser.add_argument("--fast", action="store_true", help="without the steps of HyTra and MBConv")
    options = parser.parse_args()
    sys.exit(main(options.fixtures, options.fast))
