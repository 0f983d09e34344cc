"""The FSErasing paper's segmentation network: a U-Net whose encoder is a ResNet-18 without its pooling stem.

Kawai et al., "FSErasing", IET Biometrics 2024; U-Net: Ronneberger et al., MICCAI 2015; ResNet: He et al., CVPR 2016.
Widths, kernels and counts follow from the published parameter counts: 56.78 M at full width, 14.2 M at half, 3.55 M at
a quarter.
"""

import torch
from torch import Tensor, nn

from faceshards.regions import N_REGIONS

SIZE = 112
"""Height and width of the input and of the logits, in pixels."""

FULL_CHANNELS = (64, 128, 256, 512, 1024)
"""Channels after `conv0` .. `conv4` at width 1."""


def channels(width: float) -> tuple[int, int, int, int, int]:
    """Channels after `conv0` .. `conv4` at a width factor.

    Raises:
        ValueError: the width is so small that a layer would have no channel, or is not finite.
    """
    stem = round(FULL_CHANNELS[0] * width) if 0 < width < float("inf") else 0
    if stem < 1:
        raise ValueError(f"width must be at least {1 / FULL_CHANNELS[0]}, found {width}")
    return (stem, stem * 2, stem * 4, stem * 8, stem * 16)


def _conv_bn(n_in: int, n_out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(n_out)]


class BasicBlock(nn.Module):
    """ResNet's two-convolution block: ``relu(x' + bn(conv(relu(bn(conv(x))))))``, x' projected where shapes change."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv_bn(n_in, n_out, 3, stride)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = _conv_bn(n_out, n_out, 3)
        same = stride == 1 and n_in == n_out
        self.downsample = nn.Identity() if same else nn.Sequential(*_conv_bn(n_in, n_out, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H / stride, W / stride)."""
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu(y + self.downsample(x))
        return out


class UpConcat(nn.Module):
    """Double the resolution by a transposed convolution, concatenate the skip, convolve twice."""

    def __init__(self, n_in: int, n_skip: int, n_out: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(n_in, n_out, 2, 2)
        self.conv = nn.Sequential(
            *_conv_bn(n_skip + n_out, n_out, 3),
            nn.ReLU(inplace=True),
            *_conv_bn(n_out, n_out, 3),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, n_in, H, W), skip (B, n_skip, 2H, 2W) -> (B, n_out, 2H, 2W)."""
        out: Tensor = self.conv(torch.cat((skip, self.up(x)), dim=1))
        return out


class UNet(nn.Module):
    """The parser's network: (B, 3, 112, 112) float in [-1, 1] -> logits (B, classes, 112, 112).

    Args:
        width: factor on all channel counts; 1.0 is the paper's full network.
        classes: number of output classes.
    """

    def __init__(self, width: float = 1.0, classes: int = N_REGIONS) -> None:
        super().__init__()
        c0, c1, c2, c3, c4 = channels(width)
        self.conv0 = nn.Sequential(*_conv_bn(3, c0, 3), nn.ReLU(inplace=True))
        self.conv1 = nn.Sequential(BasicBlock(c0, c1, 2), BasicBlock(c1, c1, 1))
        self.conv2 = nn.Sequential(BasicBlock(c1, c2, 2), BasicBlock(c2, c2, 1))
        self.conv3 = nn.Sequential(BasicBlock(c2, c3, 2), BasicBlock(c3, c3, 1))
        self.conv4 = nn.Sequential(BasicBlock(c3, c4, 2), BasicBlock(c4, c4, 1))
        self.up_concat4 = UpConcat(c4, c3, c3)
        self.up_concat3 = UpConcat(c3, c2, c2)
        self.up_concat2 = UpConcat(c2, c1, c1)
        self.up_concat1 = UpConcat(c1, c0, c0)
        self.final = nn.Conv2d(c0, classes, 1)

    def encoder(self) -> tuple[nn.Module, ...]:
        """The part before the skips."""
        return (self.conv0, self.conv1, self.conv2, self.conv3, self.conv4)

    def frozen(self) -> tuple[nn.Module, ...]:
        """What training leaves as it is: nothing."""
        return ()

    def describe(self) -> dict[str, str]:
        """For the metadata of its weights."""
        return {"architecture": "resnet18-unet", "width": f"{self.final.in_channels / FULL_CHANNELS[0]:g}"}

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) float in [-1, 1], H and W multiples of 16 -> (B, classes, H, W) logits."""
        x0 = self.conv0(x)
        x1 = self.conv1(x0)
        x2 = self.conv2(x1)
        x3 = self.conv3(x2)
        x = self.up_concat4(self.conv4(x3), x3)
        x = self.up_concat3(x, x2)
        x = self.up_concat2(x, x1)
        x = self.up_concat1(x, x0)
        logits: Tensor = self.final(x)
        return logits


def normalise(images: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 RGB -> (B, 3, H, W) float32 in [-1, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).to(torch.float32).div_(127.5).sub_(1)
