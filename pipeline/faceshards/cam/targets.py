"""What a saliency map explains: a callable that makes one number of one face's output, as in pytorch-grad-cam."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from faceshards.errors import TargetError

Target: TypeAlias = Callable[[Tensor], Tensor]
"""The output of one face, (classes,) or (dimensions,), to a number."""

Targets: TypeAlias = int | Target | Sequence[int | Target] | Tensor
"""One for all faces or one a face; an integer is a class, explained by its softmax probability."""


class SoftmaxTarget:
    """The probability of a class, from logits: what FS-CAM explains in the paper."""

    def __init__(self, class_id: int) -> None:
        self.class_id = class_id

    def __call__(self, output: Tensor) -> Tensor:
        """(classes,) logits to a probability."""
        return torch.softmax(output.float(), -1)[self.class_id]

    def __str__(self) -> str:
        return str(self.class_id)


class OutputTarget:
    """One entry of the output as it is: what Captum calls a target."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, output: Tensor) -> Tensor:
        """(D,) to its entry."""
        return output.reshape(-1)[self.index]


class CosineTarget:
    """The cosine similarity of an embedding to a reference face's: (dimensions,).

    Args:
        reference: the other embedding.
        name: what to call it in tables.
    """

    def __init__(self, reference: Tensor, name: str = "reference") -> None:
        self.reference = reference.detach().float().flatten()
        self.name = name

    def __call__(self, output: Tensor) -> Tensor:
        """(dimensions,) to a similarity in [-1, 1]."""
        return F.cosine_similarity(output.float(), self.reference.to(output.device), dim=-1)

    def __str__(self) -> str:
        return self.name


def target_of_each(targets: Targets, faces: int) -> list[Target]:
    """One callable a face.

    Raises:
        TargetError: another number of targets than faces.
    """
    if isinstance(targets, Tensor):
        targets = targets.tolist()
    each = [targets] * faces if isinstance(targets, int) or callable(targets) else list(targets)
    if len(each) != faces:
        raise TargetError(f"expected one target, or one for each of {faces} faces, found {len(each)}")
    return [SoftmaxTarget(t) if isinstance(t, int) else t for t in each]


def predicted_targets(outputs: Tensor) -> list[SoftmaxTarget]:
    """The class that each face's logits predict.

    Raises:
        TargetError: the outputs are no logits: not (B, classes), or of unit length with negative entries, which is what
            face embeddings are.
    """
    lengths = outputs.float().norm(dim=-1)
    if outputs.ndim != 2 or bool((outputs < 0).any() and torch.allclose(lengths, torch.ones_like(lengths), atol=1e-3)):
        raise TargetError(
            f"the model gives embeddings {tuple(outputs.shape)}, which predict no class; "
            "pass targets=[CosineTarget(reference), ...], one a face"
        )
    return [SoftmaxTarget(c) for c in outputs.argmax(1).tolist()]
