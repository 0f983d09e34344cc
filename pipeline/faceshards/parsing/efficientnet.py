"""A U-Net on EfficientNet-Lite0, for training sets too small to learn features from: the encoder's come from ImageNet.

EfficientNet: Tan and Le, ICML 2019. "Lite" drops squeeze-and-excitation and clips activations at 6.
"""

from typing import Self

from torch import Tensor, nn
from torch.nn.functional import interpolate

from faceshards.parsing.unet import UpConcat
from faceshards.regions import N_REGIONS

STAGES = (
    # kernel, stride, expansion, channels in, channels out, blocks
    (3, 1, 1, 32, 16, 1),
    (3, 2, 6, 16, 24, 2),
    (5, 2, 6, 24, 40, 2),
    (3, 2, 6, 40, 80, 3),
    (5, 1, 6, 80, 112, 3),
    (5, 2, 6, 112, 192, 4),
    (3, 1, 6, 192, 320, 1),
)
"""EfficientNet-B0's table of stages."""

_FROZEN_STAGES = 2


def _conv_bn(n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    # TensorFlow pads a strided convolution on the far side, this one on both: the same function of an image that is
    # shifted by a pixel, so its weights serve.
    conv = nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(n_out, eps=1e-3, momentum=0.03)]


class MBConv(nn.Module):
    """Expand by a pointwise convolution, convolve each channel alone, project back; a residual where shapes allow."""

    def __init__(self, kernel: int, stride: int, expansion: int, n_in: int, n_out: int) -> None:
        super().__init__()
        inner = n_in * expansion
        self.expand = (
            nn.Sequential(*_conv_bn(n_in, inner, 1), nn.ReLU6(inplace=True)) if expansion > 1 else nn.Identity()
        )
        self.depthwise = nn.Sequential(*_conv_bn(inner, inner, kernel, stride, inner), nn.ReLU6(inplace=True))
        self.project = nn.Sequential(*_conv_bn(inner, n_out, 1))
        self._residual = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H / stride, W / stride)."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self._residual else y


class EfficientUNet(nn.Module):
    """(B, 3, 112, 112) float in [-1, 1] -> logits (B, classes, 112, 112).

    The input is doubled to 224x224, the size that the encoder was trained at. The stem and the first two stages stay as
    ImageNet left them, batch statistics included: edges and textures are the same everywhere, and a step of training
    takes a quarter less.

    Args:
        classes: number of output classes.
    """

    def __init__(self, classes: int = N_REGIONS) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv_bn(3, 32, 3, 2), nn.ReLU6(inplace=True))
        self.stages = nn.ModuleList(
            nn.Sequential(
                MBConv(kernel, stride, expansion, n_in, n_out),
                *(MBConv(kernel, 1, expansion, n_out, n_out) for _ in range(blocks - 1)),
            )
            for kernel, stride, expansion, n_in, n_out, blocks in STAGES
        )
        self.up4 = UpConcat(320, 112, 128)
        self.up3 = UpConcat(128, 40, 64)
        self.up2 = UpConcat(64, 24, 48)
        self.up1 = UpConcat(48, 16, 32)
        self.final = nn.Conv2d(32, classes, 1)

    def encoder(self) -> tuple[nn.Module, ...]:
        """The part before the skips."""
        return (self.stem, self.stages)

    def frozen(self) -> tuple[nn.Module, ...]:
        """What training leaves as it is."""
        return (self.stem, *self.stages[:_FROZEN_STAGES])

    def describe(self) -> dict[str, str]:
        """For the metadata of its weights."""
        return {"architecture": "efficientnet-lite0-unet"}

    def train(self, mode: bool = True) -> Self:
        """As any module's, except that frozen parts stay in eval mode."""
        super().train(mode)
        for part in self.frozen():
            part.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) float in [-1, 1], H and W multiples of 16 -> (B, classes, H, W) logits."""
        x = self.stem(interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
        stages = []
        for stage in self.stages:
            x = stage(x)
            stages.append(x)
        x = self.up4(x, stages[4])
        x = self.up3(x, stages[2])
        x = self.up2(x, stages[1])
        x = self.up1(x, stages[0])
        logits: Tensor = self.final(x)
        return logits
