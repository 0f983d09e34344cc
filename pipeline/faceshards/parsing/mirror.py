"""Let a network see every face twice, as it is and mirrored: what it is unsure of, it mostly gets right once."""

import torch
from torch import Tensor, nn

from faceshards.parsing.fuse import fuse_batch_norm
from faceshards.regions import MIRROR


class MirrorAveraged(nn.Module):
    """The sum of a network's logits of an image and of its mirror image, mirrored back, left and right exchanged.

    The mirrored face then gets the mirrored regions. Where two regions tie, as some do in bf16, the first counts in
    both. It takes twice the time.

    Args:
        network: (B, 3, H, W) -> (B, 25, H, W) logits.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mirror", torch.tensor(MIRROR), persistent=False)

    mirror: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """As the network's."""
        face, mirrored = self.votes(x)
        return face + mirrored

    def votes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of the face alone, and those of its mirror image alone, mirrored back."""
        mirrored: Tensor = self.network(x.flip(3))
        face: Tensor = self.network(x)
        return face, mirrored.index_select(1, self.mirror).flip(3)


def for_inference(network: nn.Module, mirror: bool) -> nn.Module:
    """A copy in eval mode with batch norm folded in, which looks at the mirrored face too if `mirror`."""
    fused = fuse_batch_norm(network)
    return MirrorAveraged(fused) if mirror else fused
