"""HyTra, the search space of convolutions and attention at four scales, under the published parameter names.

A block has four layers, a layer one operation for each index: 0 ResAtt and 1 ResConv on a map of 7 by 7, 2 ResAtt and
3 ResConv on 14 by 14, 4 ResConv on 28 by 28, 5 ResConv on 56 by 56, for images of 224 by 224. A block of depth D has
those of its D smallest maps.
"""

import torch
from torch import nn

from bossnet import EXPANSION, PositionEncoding, conv

STEM_CHANNELS = 64
DEPTHS = (4, 3, 2, 2)
LAYERS = 4
HEAD_WIDTH = 64
# Of each scale, smallest map first: side of the map, bottleneck width, and whether there is attention.
SCALES = ((7, 512, True), (14, 256, True), (28, 128, False), (56, 64, False))


def batch_norm_relu(channels):
    return nn.BatchNorm2d(channels), nn.ReLU(inplace=True)


class SearchAttention(nn.Module):
    """Attention as the published search has it: `v A` where the networks that it finds compute `v A^T`."""

    def __init__(self, heads):
        super().__init__()
        self.heads = heads
        self.to_qkv = conv(heads * HEAD_WIDTH, 3 * heads * HEAD_WIDTH, 1)

    def forward(self, x):
        batch, channels, height, width = x.shape
        qkv = self.to_qkv(x).view(batch, 3 * self.heads, HEAD_WIDTH, height * width)
        q, k, v = qkv.chunk(3, dim=1)
        weights = ((q * HEAD_WIDTH**-0.5).transpose(-2, -1) @ k).softmax(dim=-1)
        return (v @ weights).reshape(batch, channels, height, width)


class SearchResAtt(nn.Module):
    """Attention with two ways in: for an input of the same map, and, the parts `_d`, for one of the next larger map."""

    def __init__(self, inputs, width, side, has_larger):
        super().__init__()
        outputs = EXPANSION * width
        self.side = side
        if has_larger:
            self.shortcut_d = nn.Sequential(conv(2 * width, outputs, 3, 2), *batch_norm_relu(outputs))
        if inputs != outputs:
            self.shortcut = nn.Sequential(conv(inputs, outputs, 1), *batch_norm_relu(outputs))
        else:
            self.shortcut = nn.Identity()
        if has_larger:
            self.proj_d = nn.Sequential(conv(2 * width, width, 1), PositionEncoding(width, 2), nn.BatchNorm2d(width))
        self.proj = nn.Sequential(conv(inputs, width, 1), PositionEncoding(width, 1), nn.BatchNorm2d(width))
        self.net = nn.Sequential(
            nn.ReLU(inplace=True),
            SearchAttention(width // HEAD_WIDTH),
            *batch_norm_relu(width),
            conv(width, outputs, 1),
            nn.BatchNorm2d(outputs),
        )
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        if x.shape[-1] > self.side:
            past, x = self.shortcut_d(x), self.proj_d(x)
        else:
            past, x = self.shortcut(x), self.proj(x)
        return self.act(self.net(x) + past)


class SearchResConv(nn.Module):
    """A bottleneck with the same two ways in."""

    def __init__(self, inputs, width, side, has_larger):
        super().__init__()
        outputs = EXPANSION * width
        self.side = side
        if has_larger:
            self.downsample_d = nn.Sequential(conv(2 * width, outputs, 3, 2), *batch_norm_relu(outputs))
        if inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1), *batch_norm_relu(outputs))
        else:
            self.downsample = nn.Identity()
        if has_larger:
            self.conv1_d = conv(2 * width, width, 1)
            self.peg_d = PositionEncoding(width, 2)
            self.bn1_d = nn.BatchNorm2d(width)
        self.conv1 = conv(inputs, width, 1)
        self.peg = PositionEncoding(width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv(width, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        if x.shape[-1] > self.side:
            past, x = self.downsample_d(x), self.bn1_d(self.peg_d(self.conv1_d(x)))
        else:
            past, x = self.downsample(x), self.bn1(self.peg(self.conv1(x)))
        x = self.act(self.bn2(self.conv2(self.act(x))))
        return self.act(self.bn3(self.conv3(x)) + past)


class Layer(nn.Module):
    """One operation of several. The first layer of all brings the stem's map to that of the operation beforehand."""

    def __init__(self, depth, is_first):
        super().__init__()
        self._mix_ops = nn.ModuleList()
        widths = []
        for scale, (side, width, has_attention) in enumerate(SCALES[:depth]):
            for operation in (SearchResAtt, SearchResConv) if has_attention else (SearchResConv,):
                inputs = width if is_first else EXPANSION * width
                self._mix_ops.append(operation(inputs, width, side, scale + 1 < depth))
                widths.append(width)
        self.widths = widths
        self.downsamples = None
        if is_first:
            self.downsamples = nn.ModuleDict()
            for side, width, _ in SCALES[:depth]:
                stride = SCALES[-1][0] // side
                self.downsamples[f"{STEM_CHANNELS}_{width}"] = nn.Sequential(
                    nn.Conv2d(STEM_CHANNELS, STEM_CHANNELS, stride, stride, groups=STEM_CHANNELS, bias=False),
                    conv(STEM_CHANNELS, width, 1),
                    nn.BatchNorm2d(width),
                )

    def forward(self, x, operation):
        if self.downsamples is not None:
            x = self.downsamples[f"{STEM_CHANNELS}_{self.widths[operation]}"](x)
        return self._mix_ops[operation](x)


class Block(nn.Module):
    def __init__(self, depth, is_first):
        super().__init__()
        self._block_layers = nn.ModuleList(Layer(depth, is_first and layer == 0) for layer in range(LAYERS))

    def forward(self, x, path):
        for layer, operation in zip(self._block_layers, path, strict=True):
            x = layer(x, operation)
        return x


class Hytra(nn.Module):
    """The supernet. `paths`: that of each block up to the one whose output is wanted."""

    def __init__(self):
        super().__init__()
        self.conv1 = conv(3, STEM_CHANNELS, 7, 2)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.act = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self._blocks = nn.ModuleList(Block(depth, number == 0) for number, depth in enumerate(DEPTHS))

    def forward(self, image, paths):
        x = self.maxpool(self.act(self.bn1(self.conv1(image))))
        for block, path in zip(self._blocks, paths):
            x = block(x, path)
        return x
