"""Compares three steps of LARS on a small network with the fixtures' (`optim/lars_3steps_*`)."""

import json

import numpy as np
import torch
from torch import nn

import recipe
import safetensors_file
import siamese

# In units of the largest number of a tensor. The last loss of one case is 26 times its first, so rounding grows.
LIMIT = 1e-4
STEPS = 3


class Network(nn.Module):
    """A convolution and a batch norm, twice, and a linear layer; and two weights that nothing comes of."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(3, 3))
        self.zerograd = nn.Parameter(torch.zeros(3, 3))
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.net = nn.Sequential(nn.Conv2d(4, 6, 1, bias=False), nn.BatchNorm2d(6))
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = self.net(torch.relu(self.bn1(self.conv1(x))))
        return self.fc(x.mean((2, 3)))


def symmetric(name, shape):
    """The recipe's kind `sym`: from -1 to 1."""
    return recipe.tensor(name, shape, "input") / 2.0


def check(folder):
    """Name, largest difference and whether that is right, of each case."""
    for entry in json.loads((folder / "manifest.json").read_text())["cases"]:
        if not entry["id"].startswith("optim/lars_3steps_"):
            continue
        told, theirs = entry["params"], safetensors_file.read(folder / entry["files"][0])
        network = Network()
        named = dict(network.named_parameters())
        for name, parameter in named.items():
            if name in ("unused", "zerograd"):
                # They have no kind; they never move.
                values = theirs[f"step1.{name}"]
            else:
                kind = recipe.kind_of(name, parameter.shape)
                values = recipe.tensor(name, tuple(parameter.shape), kind, told["gain"])
            parameter.data = torch.from_numpy(values.copy())
        groups = {group["name"]: group["lars_exclude"] for group in told["groups"]}
        is_right = groups == {name: siamese.is_excluded(name) for name in named}
        settings = {key: told[key] for key in ("lr", "momentum", "weight_decay", "eta")}
        difference = max(steps(network, siamese.Lars(network.named_parameters(), **settings), entry, theirs))
        yield entry["id"], difference, is_right and difference <= LIMIT


def steps(network, optimizer, entry, theirs):
    """Differences of losses, weights and, at the end, momenta."""
    told, losses = entry["params"], entry["values"]["losses"]
    x = torch.from_numpy(recipe.tensor(told["x"][0], tuple(told["x"][1]), "input"))
    target = torch.from_numpy(symmetric(told["t"][0], tuple(told["t"][1])))
    for step in range(STEPS):
        loss = 0.05 * ((network(x) - target) ** 2).sum() + 0.0 * network.zerograd.sum()
        yield abs(loss.item() / losses[step] - 1.0)
        loss.backward()
        siamese.drop_zero_gradients(network)
        optimizer.step()
        optimizer.zero_grad()
        for name, parameter in network.named_parameters():
            yield far(parameter, theirs[f"step{step + 1}.{name}"])
    for name, parameter in network.named_parameters():
        if f"momentum_buffer.{name}" in theirs:
            # The bias before a batch norm has noise, which is compared with the weights that it moves.
            unit = np.abs(parameter.detach().numpy()).max() if name == "conv1.bias" else 0.0
            yield far(optimizer.state[parameter]["momentum_buffer"], theirs[f"momentum_buffer.{name}"], unit)


def far(ours, theirs, unit=0.0):
    return float(np.abs(ours.detach().numpy() - theirs).max() / max(np.abs(theirs).max(), unit))
