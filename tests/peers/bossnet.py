"""The BossNet family in plain PyTorch, under the published parameter names: what ours is compared with.

`build("BossNet-T0")` and `build("bossnet:1/1/11101/000100000+silu+se")` give the same network. Its architecture text is
that of bossnas-zoo.
"""

from dataclasses import dataclass

import torch
from torch import nn

T_STAGES = ((1,), (1,), (1, 1, 1, 0, 1), (0, 0, 0, 1, 0, 0, 0, 0, 0))
# Drop-path rates grow over this many blocks, whatever the network has.
RATED_BLOCKS = 16
EXPANSION = 4


@dataclass(frozen=True)
class Architecture:
    """A network of the family. In `stages`, 1 is a ResConv and 0 a ResAtt; an empty stage is one convolution."""

    stages: tuple
    silu: bool = False
    se: bool = False
    last_stride: int = 2
    avg_down: bool = True
    stem: str = "plain"
    stem_width: int = 32
    base: int = 64
    classes: int = 1000

    @property
    def gain(self):
        """The recipe's gain for a network with this activation (`recipe.py`)."""
        return 3.5 if self.silu else 3.0


NAMES = {
    "bossnet-t0": Architecture(T_STAGES, silu=True, se=True),
    "bossnet-t0-nose": Architecture(T_STAGES),
    "bossnet-t1": Architecture(T_STAGES, silu=True, se=True, last_stride=1),
}


def parse(text):
    """The architecture of a published name (`BossNet-T0`, `T0`) or of an architecture text."""
    name = text.lower()
    if name in NAMES or f"bossnet-{name}" in NAMES:
        return NAMES.get(name) or NAMES[f"bossnet-{name}"]
    space, colon, rest = text.partition(":")
    digits, *options = rest.split("+")
    stages = tuple(() if stage == "-" else tuple(int(digit) for digit in stage) for stage in digits.split("/"))
    if space != "bossnet" or not colon or len(stages) != 4 or not {digit for stage in stages for digit in stage} <= {0, 1}:
        raise ValueError(f"{text!r} is neither a published BossNet nor an architecture of the family")
    fields = {}
    for option in options:
        key, _, value = option.partition("=")
        if key in ("silu", "relu"):
            fields["silu"] = key == "silu"
        elif key == "se":
            fields["se"] = True
        elif key in ("s1", "s2"):
            fields["last_stride"] = int(key[1])
        elif key == "plain":
            fields["avg_down"] = False
        elif key in ("base", "classes"):
            fields[key] = int(value)
        elif key == "stem":
            fields["stem"], _, width = value.partition(":")
            fields["stem_width"] = int(width)
        else:
            raise ValueError(f"{option!r} in {text!r} is no option")
    return Architecture(stages, **fields)


def build(text_or_architecture, drop_path_rate=0.0):
    """The network of a name, an architecture text or an `Architecture`, with random weights, in training mode."""
    given = text_or_architecture
    return BossNet(given if isinstance(given, Architecture) else parse(given), drop_path_rate)


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class PositionEncoding(nn.Module):
    """A depth-wise convolution, which tells attention where it is; it carries the block's stride."""

    def __init__(self, channels, stride):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels)

    def forward(self, x):
        return self.conv(x)


class SqueezeExcite(nn.Module):
    """A factor for each channel, from the means of all. ReLU in the middle whatever the network's activation."""

    def __init__(self, channels):
        super().__init__()
        reduced = max(channels // 16, 8)
        self.fc1 = nn.Conv2d(channels, reduced, 1)
        self.fc2 = nn.Conv2d(reduced, channels, 1)

    def forward(self, x):
        squeezed = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(squeezed))))


class Attention(nn.Module):
    """Every pixel's query with every pixel's key: softmax over the keys, `v A^T`."""

    def __init__(self, heads, head_width):
        super().__init__()
        self.heads, self.head_width = heads, head_width
        self.to_qkv = conv(heads * head_width, 3 * heads * head_width, 1)

    def forward(self, x):
        batch, channels, height, width = x.shape
        qkv = self.to_qkv(x).view(batch, 3 * self.heads, self.head_width, height * width)
        q, k, v = qkv.chunk(3, dim=1)
        weights = (q.transpose(-2, -1) @ k * self.head_width**-0.5).softmax(dim=-1)
        return (v @ weights.transpose(-2, -1)).reshape(batch, channels, height, width)


class DropPath(nn.Module):
    """Leaves a residual branch out for some samples of a training batch."""

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def forward(self, x):
        if not self.training or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        mask = torch.floor(keep + torch.rand((x.shape[0], 1, 1, 1), dtype=x.dtype, device=x.device))
        return x / keep * mask


def shortcut(inputs, outputs, stride, activation, avg_down):
    """The way past a block; `None` where its input can be added as it is."""
    if stride == 1 and inputs == outputs:
        return None
    if not avg_down:
        return nn.Sequential(conv(inputs, outputs, 3 if stride == 2 else 1, stride), nn.BatchNorm2d(outputs), activation)
    pool = nn.Identity() if stride == 1 else nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(pool, conv(inputs, outputs, 1), nn.BatchNorm2d(outputs))


class ResConv(nn.Module):
    def __init__(self, inputs, width, stride, activation, avg_down, se, drop_path):
        super().__init__()
        outputs = EXPANSION * width
        self.downsample = shortcut(inputs, outputs, stride, activation, avg_down)
        self.conv1 = conv(inputs, width, 1)
        self.peg = PositionEncoding(width, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv(width, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.se = SqueezeExcite(outputs) if se else None
        self.drop_path = DropPath(drop_path)
        self.act = activation

    def forward(self, x):
        past = x if self.downsample is None else self.downsample(x)
        x = self.act(self.bn1(self.peg(self.conv1(x))))
        x = self.act(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        if self.se is not None:
            x = self.se(x)
        return self.act(self.drop_path(x) + past)


class ResAtt(nn.Module):
    def __init__(self, inputs, width, heads, stride, activation, avg_down):
        super().__init__()
        outputs, inner = EXPANSION * width, width
        self.shortcut = shortcut(inputs, outputs, stride, activation, avg_down)
        self.proj = nn.Sequential(conv(inputs, inner, 1), PositionEncoding(inner, stride), nn.BatchNorm2d(inner))
        self.net = nn.Sequential(
            activation,
            Attention(heads, inner // heads),
            nn.BatchNorm2d(inner),
            activation,
            conv(inner, outputs, 1),
            nn.BatchNorm2d(outputs),
        )
        self.act = activation

    def forward(self, x):
        past = x if self.shortcut is None else self.shortcut(x)
        return self.act(self.net(self.proj(x)) + past)


def deep_stem(architecture, activation):
    """Three convolutions in the place of one."""
    width = architecture.stem_width
    tiered = architecture.stem == "deep_tiered"
    first, second = (3 * (width // 4), 6 * (width // 4)) if tiered else (width, width)
    return nn.Sequential(
        conv(3, first, 3, 2),
        nn.BatchNorm2d(first),
        activation,
        conv(first, second, 3),
        nn.BatchNorm2d(second),
        activation,
        conv(second, 2 * width, 3),
    )


class BossNet(nn.Module):
    def __init__(self, architecture, drop_path_rate=0.0):
        super().__init__()
        self.architecture = architecture
        base = architecture.base
        self.act = activation = nn.SiLU() if architecture.silu else nn.ReLU()
        if architecture.stem == "plain":
            self.conv1, channels = conv(3, base, 7, 2), base
        elif architecture.stem in ("deep", "deep_tiered"):
            self.conv1, channels = deep_stem(architecture, activation), 2 * architecture.stem_width
        else:
            raise ValueError(f"{architecture.stem!r} is no stem")
        self.bn1 = nn.BatchNorm2d(channels)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        number = 0
        for stage, kinds in enumerate(architecture.stages):
            width = base << stage
            blocks = []
            if not kinds:
                blocks.append(
                    nn.Sequential(
                        conv(channels, EXPANSION * width, 3, 2), nn.BatchNorm2d(EXPANSION * width), activation
                    )
                )
                channels = EXPANSION * width
            for index, kind in enumerate(kinds):
                stride = (1, 2, 2, architecture.last_stride)[stage] if index == 0 else 1
                if kind == 1:
                    rate = drop_path_rate * number / (RATED_BLOCKS - 1)
                    blocks.append(ResConv(channels, width, stride, activation, architecture.avg_down, architecture.se, rate))
                else:
                    blocks.append(ResAtt(channels, width, 1 << stage, stride, activation, architecture.avg_down))
                channels = EXPANSION * width
                number += 1
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, architecture.classes)
        self.initialise()

    def initialise(self):
        """Kaiming normal convolutions; every residual branch starts as nothing."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for module in self.modules():
            if isinstance(module, ResConv):
                nn.init.zeros_(module.bn3.weight)
            elif isinstance(module, ResAtt):
                nn.init.zeros_(module.net[5].weight)

    def forward(self, image):
        x = self.maxpool(self.act(self.bn1(self.conv1(image))))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))
