"""The improved ResNets of ArcFace (Deng et al., CVPR 2019, section 3.1 and its references), and two small ones.

Written from the paper: 3x3 stem without a stride, so that the first feature map keeps the 112x112 crop's detail; blocks
of BN-Conv-BN-PReLU-Conv-BN; the embedding by BN-Dropout-FC-BN (the paper's option E).
"""

from dataclasses import dataclass

from torch import Tensor, nn

INPUT_SIZE = 112


@dataclass(frozen=True, slots=True)
class NetSpec:
    """A net's size.

    Attributes:
        blocks: residual blocks of each of the four stages.
        widths: channels of each.
        embedding: length of the embedding.
        stem_stride: of the first convolution: 1 in the paper; more is cheaper, and sees less.
    """

    blocks: tuple[int, int, int, int]
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    embedding: int = 512
    stem_stride: int = 1


NETS = {
    "small": NetSpec((1, 1, 1, 1), (16, 32, 64, 128), embedding=128, stem_stride=4),
    "middle": NetSpec((1, 1, 1, 1), (32, 64, 128, 256), embedding=256, stem_stride=4),
    "iresnet18": NetSpec((2, 2, 2, 2)),
    "iresnet34": NetSpec((3, 4, 6, 3)),
    "iresnet50": NetSpec((3, 4, 14, 3)),
}


class Block(nn.Module):
    """Two convolutions and the way past them; the second one carries the stride."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.PReLU(outputs),
            nn.Conv2d(outputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.past: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.past = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        out: Tensor = self.body(x) + self.past(x)
        return out


class IResNet(nn.Module):
    """Faces to embeddings, which are compared by their cosine."""

    def __init__(self, spec: NetSpec, dropout: float = 0.0) -> None:
        super().__init__()
        first = spec.widths[0]
        size = -(-INPUT_SIZE // spec.stem_stride)
        layers: list[nn.Module] = [
            nn.Conv2d(
                3, first, max(3, 2 * spec.stem_stride - 1), spec.stem_stride, spec.stem_stride - 1 or 1, bias=False
            ),
            nn.BatchNorm2d(first),
            nn.PReLU(first),
        ]
        inputs = first
        for outputs, blocks in zip(spec.widths, spec.blocks, strict=True):
            layers += [Block(outputs if i else inputs, outputs, 1 if i else 2) for i in range(blocks)]
            inputs, size = outputs, -(-size // 2)
        self.features = nn.Sequential(*layers)
        self.embedding = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(inputs * size * size, spec.embedding),
            nn.BatchNorm1d(spec.embedding),
        )
        self.apply(_initialise)

    def forward(self, faces: Tensor) -> Tensor:
        """Embed aligned faces.

        Args:
            faces: (B, 3, 112, 112) float32 in [-1, 1], RGB.

        Returns:
            (B, embedding), not normalised.
        """
        out: Tensor = self.embedding(self.features(faces))
        return out


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def to_input(images: Tensor) -> Tensor:
    """(B, 112, 112, 3) uint8 RGB, as shards hold them, to what the nets take: (B, 3, 112, 112) float32 in [-1, 1]."""
    return images.movedim(-1, 1).div(127.5).sub_(1).contiguous()
