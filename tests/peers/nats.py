"""The size search space of NATS-Bench, under the published parameter names.

Operation i of a layer gives it `WIDTHS[i]` channels. Weights of all widths are corners of one, and every width has its
batch norm.
"""

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (8, 16, 24, 32, 40, 48, 56, 64)
# Cells (c) and reductions (r) of each block.
CIFAR10, CIFAR100 = ("cr", "cr", "c"), ("cr", "c", "rc")


class SlimConv(nn.Conv2d):
    """A convolution of which the first channels that there are come in and the first `outputs` go out."""

    def __init__(self, kernel, stride=1, inputs=WIDTHS[-1]):
        super().__init__(inputs, WIDTHS[-1], kernel, stride, kernel // 2, bias=False)

    def forward(self, x, outputs):
        return functional.conv2d(x, self.weight[:outputs, : x.shape[1]], None, self.stride, self.padding)


class SlimBatchNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.ModuleList(nn.BatchNorm2d(width) for width in WIDTHS)

    def forward(self, x, index):
        return self.bn[index](x)


class ReluConvBn(nn.Module):
    def __init__(self, kernel=3, stride=1):
        super().__init__()
        self.relu = nn.ReLU()
        self.sconv = SlimConv(kernel, stride)
        self.sbn = SlimBatchNorm()

    def forward(self, x, index):
        return self.sbn(self.sconv(self.relu(x), WIDTHS[index]), index)


class FactorizedReduce(nn.Module):
    """What the edge that skips becomes where the width changes."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()
        self.conv = SlimConv(1)
        self.bn = SlimBatchNorm()

    def forward(self, x, index):
        return self.bn(self.conv(self.relu(x), WIDTHS[index]), index)


class Cell(nn.Module):
    """`|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|`."""

    def __init__(self):
        super().__init__()
        # The edges in their order; the fourth skips.
        self.layers = nn.ModuleList(nn.Identity() if edge == 3 else ReluConvBn() for edge in range(6))
        self.factorizedreduce = FactorizedReduce()

    def forward(self, node0, before, index):
        """`before`: the operation that made `node0`."""
        node1 = self.layers[0](node0, index)
        node2 = self.layers[1](node0, index) + self.layers[2](node1, index)
        skipped = node0 if before == index else self.factorizedreduce(node0, index)
        return skipped + self.layers[4](node1, index) + self.layers[5](node2, index)


class Reduction(nn.Module):
    """A residual block that halves the map."""

    def __init__(self):
        super().__init__()
        self.conv_a = ReluConvBn(stride=2)
        self.conv_b = ReluConvBn()
        self.downsample = nn.ModuleList([nn.AvgPool2d(2), SlimConv(1)])
        # Never used, but the published supernet has it.
        self.downsample_s = ReluConvBn(kernel=1)

    def forward(self, x, _before, index):
        pool, shortcut = self.downsample
        return self.conv_b(self.conv_a(x, index), index) + shortcut(pool(x), WIDTHS[index])


class Layer(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self._mix_ops = {"c": Cell, "r": Reduction}[kind]()

    def forward(self, x, before, index):
        return self._mix_ops(x, before, index)


class Block(nn.Module):
    def __init__(self, kinds):
        super().__init__()
        self._block_layers = nn.ModuleList(Layer(kind) for kind in kinds)

    def forward(self, x, before, path):
        for layer, index in zip(self._block_layers, path, strict=True):
            x, before = layer(x, before, index), index
        return x


class Nats(nn.Module):
    """The supernet. `paths`: that of each block up to the one whose output is wanted."""

    def __init__(self, blocks):
        super().__init__()
        self.stem = nn.ModuleList([SlimConv(3, inputs=3), SlimBatchNorm()])
        self._blocks = nn.ModuleList(Block(kinds) for kinds in blocks)

    def forward(self, image, paths):
        # As wide as the first operation.
        before = paths[0][0]
        convolution, norm = self.stem
        x = norm(convolution(image, WIDTHS[before]), before)
        for block, path in zip(self._blocks, paths):
            x, before = block(x, before, path), path[-1]
        return x
