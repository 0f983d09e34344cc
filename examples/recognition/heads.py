"""What a net is trained with and then loses: class scores of embeddings, whose cross-entropy is the loss."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SoftmaxHead(nn.Module):
    """A plain linear classifier."""

    def __init__(self, embedding: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(embedding, classes)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002 (as ArcFaceHead)
        """(B, embedding) to logits (B, classes); the labels make no difference."""
        logits: Tensor = self.linear(embeddings)
        return logits


class ArcFaceHead(nn.Module):
    """Additive angular margin (Deng et al., CVPR 2019, equation 3).

    With theta_j the angle between an embedding and the centre of class j, the logit of the face's own class y is
    ``scale * cos(theta_y + margin)``, that of any other class ``scale * cos(theta_j)``. Beyond ``pi - margin`` the
    cosine would rise again; there the own logit goes on down in a straight line, as the authors' code does it.

    Args:
        embedding: length of the embeddings.
        classes: number of people.
        scale: 64 in the paper.
        margin: radians; 0.5 in the paper.
    """

    def __init__(self, embedding: int, classes: int, scale: float = 64.0, margin: float = 0.5) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, embedding) * 0.01)
        self.scale = scale
        self.margin = margin

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """(B, embedding) and (B,) int64 labels to logits (B, classes)."""
        cosine = F.linear(F.normalize(embeddings), F.normalize(self.centres)).clamp(-1 + 1e-7, 1 - 1e-7)
        own = cosine.gather(1, labels[:, None])
        late = own < math.cos(math.pi - self.margin)
        with_margin = torch.where(
            late, own - self.margin * math.sin(self.margin), torch.cos(torch.acos(own) + self.margin)
        )
        return self.scale * cosine.scatter(1, labels[:, None], with_margin)
