"""The search spaces in plain PyTorch, and the pair of networks that is trained, under the published parameter names.

`Siamese(SPACES["hytra"])` is the whole of one. Weights are PyTorch's initial ones, the target's a copy of the online
network's; under `torch.device("meta")` nothing is allocated.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

import hytra
import mbconv
import nats
from bossnet import conv

HIDDEN, PROJECTED = 4096, 256
# What NATS' widths are brought to before the neck, and HyTra's scales in it.
NECK_INPUTS = 2048


@dataclass(frozen=True)
class Space:
    """A search space and how it is trained."""

    backbone: Callable[[], nn.Module]
    # Layers of each block.
    layers: tuple
    # Channels that the neck of each block takes.
    neck_inputs: tuple
    # HyTra's necks take any of these channels too, on maps larger by these strides.
    other_scales: tuple = ()
    # Whether outputs of every width are brought to those of the neck.
    has_channels_fix: bool = False
    # Candidates of a layer where every one of them is in just one path of a draw; 0 where paths are drawn otherwise.
    fair_candidates: int = 0
    # Pairs of views of an image.
    pairs: int = 4
    # Side of an image.
    size: int = 224
    # Iterations whose gradients are added up.
    update_interval: int = 8
    learning_rate: float = 4.8

    def views(self, path_number):
        """The two views that a path of a draw sees."""
        return path_number % self.pairs, self.pairs + path_number % self.pairs


def nats_space(blocks):
    return Space(
        lambda: nats.Nats(blocks),
        tuple(len(kinds) for kinds in blocks),
        (NECK_INPUTS,) * len(blocks),
        has_channels_fix=True,
        fair_candidates=len(nats.WIDTHS),
        pairs=1,
        size=32,
        update_interval=4,
        learning_rate=0.48,
    )


SPACES = {
    "hytra": Space(
        hytra.Hytra,
        (hytra.LAYERS,) * len(hytra.DEPTHS),
        (NECK_INPUTS,) * len(hytra.DEPTHS),
        other_scales=((1024, 2), (512, 4), (256, 8)),
    ),
    "mbconv": Space(
        mbconv.MbConv,
        tuple(layers for _, _, layers in mbconv.BLOCKS),
        tuple(channels for channels, _, _ in mbconv.BLOCKS),
        fair_candidates=len(mbconv.OPERATIONS),
    ),
    "nats-c10": nats_space(nats.CIFAR10),
    "nats-c100": nats_space(nats.CIFAR100),
}


class Perceptron(nn.Module):
    """Two linear layers with a batch norm between them: `[batch, inputs]` to `[batch, 256]`."""

    def __init__(self, inputs, **before):
        super().__init__()
        # What a subclass has besides, in front, since it comes first.
        for name, module in before.items():
            self.add_module(name, module)
        self.fc0 = nn.Linear(inputs, HIDDEN)
        self.bn0 = nn.BatchNorm1d(HIDDEN)
        self.relu = nn.ReLU(inplace=True)
        self.fc1 = nn.Linear(HIDDEN, PROJECTED)

    def forward(self, x):
        return self.fc1(self.relu(self.bn0(self.fc0(x))))


class Neck(Perceptron):
    """From a map to its projection."""

    def __init__(self, inputs, other_scales=()):
        fix_channels = nn.ModuleDict()
        for channels, stride in other_scales:
            fix_channels[str(channels)] = nn.Sequential(
                nn.Conv2d(channels, channels, stride, stride, groups=channels, bias=False),
                conv(channels, inputs, 1),
                nn.BatchNorm2d(inputs),
            )
        super().__init__(inputs, fix_channels=fix_channels, avgpool=nn.AdaptiveAvgPool2d(1))

    def forward(self, x):
        channels = str(x.shape[1])
        if channels in self.fix_channels:
            x = self.fix_channels[channels](x)
        return super().forward(torch.flatten(self.avgpool(x), 1))


class Head(nn.Module):
    """How far a projection's prediction is from a target, from -2 to 2."""

    def __init__(self):
        super().__init__()
        self.predictor = Perceptron(PROJECTED)

    def forward(self, projection, target):
        prediction = functional.normalize(self.predictor(projection), dim=1)
        return -2.0 * (prediction * functional.normalize(target, dim=1)).sum() / projection.shape[0]


def channels_fix():
    """Of one block: a way from every width to the neck's."""
    return nn.ModuleList(
        nn.Sequential(conv(width, NECK_INPUTS, 1), nn.BatchNorm2d(NECK_INPUTS)) for width in nats.WIDTHS
    )


class Siamese(nn.Module):
    """The online network, which is trained, and the target network, which follows it; both in training mode."""

    def __init__(self, space):
        super().__init__()
        self.space = space
        self.online_backbone = space.backbone()
        self.target_backbone = frozen_copy(self.online_backbone)
        self.online_necks = nn.ModuleList(Neck(inputs, space.other_scales) for inputs in space.neck_inputs)
        self.target_necks = frozen_copy(self.online_necks)
        self.heads = nn.ModuleList(Head() for _ in space.neck_inputs)
        self.online_channels_fix = self.target_channels_fix = None
        if space.has_channels_fix:
            self.online_channels_fix = nn.ModuleList(channels_fix() for _ in space.neck_inputs)
            # Not frozen in the published code, though it never learns either.
            self.target_channels_fix = copy.deepcopy(self.online_channels_fix)

    def online(self, image, paths):
        """Projections `[batch, 256]` of what comes out of the last path."""
        return project(self.online_backbone, self.online_channels_fix, self.online_necks, image, paths)

    def target(self, image, paths):
        return project(self.target_backbone, self.target_channels_fix, self.target_necks, image, paths)


def project(backbone, fixes, necks, image, paths):
    stage = len(paths) - 1
    x = backbone(image, paths)
    if fixes is not None:
        x = fixes[stage][paths[-1][-1]](x)
    return necks[stage](x)


def frozen_copy(module):
    copied = copy.deepcopy(module)
    copied.requires_grad_(False)
    return copied
