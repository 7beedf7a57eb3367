"""MBConv, the search space of inverted bottlenecks, under the published parameter names.

Operations of every layer: 0 and 1 widen six times, with a depth-wise kernel of 3 and of 5; 2 and 3 widen three times.
"""

import torch
from torch import nn

from bossnet import conv

# Channels, stride and layers of each block.
BLOCKS = ((24, 2, 2), (40, 2, 4), (80, 2, 4), (112, 1, 4), (192, 2, 4), (320, 1, 1))
# Widening and kernel of each operation.
OPERATIONS = ((6, 3), (6, 5), (3, 3), (3, 5))
STEM_CHANNELS, FIRST_CHANNELS = 32, 16
SE_RATIO = 0.25


def depthwise(channels, kernel, stride=1):
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)


class SqueezeExcite(nn.Module):
    """A factor for each channel, from the means of all. `block_inputs` sets the width of its middle."""

    def __init__(self, channels, block_inputs):
        super().__init__()
        reduced = round(block_inputs * SE_RATIO)
        self.conv_reduce = nn.Conv2d(channels, reduced, 1)
        self.act = nn.SiLU()
        self.conv_expand = nn.Conv2d(reduced, channels, 1)

    def forward(self, x):
        squeezed = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.conv_expand(self.act(self.conv_reduce(squeezed))))


class ConvBnAct(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = conv(inputs, outputs, 3, 2)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.act(self.bn1(self.conv(x)))


class DepthwiseSeparable(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv_dw = depthwise(inputs, 3)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.act = nn.SiLU()
        self.se = SqueezeExcite(inputs, inputs)
        self.conv_pw = conv(inputs, outputs, 1)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.bn2(self.conv_pw(self.se(self.act(self.bn1(self.conv_dw(x))))))


class InvertedBottleneck(nn.Module):
    """Always with a way past; `downsample`, where it is not `None`, belongs to all operations of the layer."""

    def __init__(self, inputs, outputs, stride, widening, kernel, downsample):
        super().__init__()
        # Every number of channels is a multiple of 8 already, which is what they are rounded to.
        inner = inputs * widening
        self.downsample = downsample
        self.conv_pw = conv(inputs, inner, 1)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv_dw = depthwise(inner, kernel, stride)
        self.bn2 = nn.BatchNorm2d(inner)
        self.se = SqueezeExcite(inner, inputs)
        self.conv_pwl = conv(inner, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.act = nn.SiLU()

    def forward(self, x):
        past = x if self.downsample is None else self.downsample(x)
        x = self.act(self.bn1(self.conv_pw(x)))
        x = self.act(self.bn2(self.conv_dw(x)))
        return self.bn3(self.conv_pwl(self.se(x))) + past


class Layer(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        downsample = None
        if stride != 1 or inputs != outputs:
            pool = () if stride == 1 else (nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False),)
            downsample = nn.Sequential(*pool, conv(inputs, outputs, 1), nn.BatchNorm2d(outputs))
        self._mix_ops = nn.ModuleList(
            InvertedBottleneck(inputs, outputs, stride, widening, kernel, downsample) for widening, kernel in OPERATIONS
        )

    def forward(self, x, operation):
        return self._mix_ops[operation](x)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, layers):
        super().__init__()
        self._block_layers = nn.ModuleList(
            Layer(outputs if layer else inputs, outputs, 1 if layer else stride) for layer in range(layers)
        )

    def forward(self, x, path):
        for layer, operation in zip(self._block_layers, path, strict=True):
            x = layer(x, operation)
        return x


class MbConv(nn.Module):
    """The supernet. `paths`: that of each block up to the one whose output is wanted."""

    def __init__(self):
        super().__init__()
        self._stem = nn.Sequential(ConvBnAct(3, STEM_CHANNELS), DepthwiseSeparable(STEM_CHANNELS, FIRST_CHANNELS))
        self._blocks = nn.ModuleList()
        channels = FIRST_CHANNELS
        for outputs, stride, layers in BLOCKS:
            self._blocks.append(Block(channels, outputs, stride, layers))
            channels = outputs

    def forward(self, image, paths):
        x = self._stem(image)
        for block, path in zip(self._blocks, paths):
            x = block(x, path)
        return x
