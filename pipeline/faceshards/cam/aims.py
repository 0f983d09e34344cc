"""Aims: what to explain of each face of a run, a class of a classifier or the likeness of an embedding."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor

from faceshards.cam.faces import Faces
from faceshards.cam.predicted import CHECK
from faceshards.cam.targets import ZERO, ClassTarget, CosineTarget, Target, check_class, directions
from faceshards.errors import NotFiniteError, TargetError
from faceshards.store.schema import NO_IDENTITY

Aim: TypeAlias = Callable[[Faces, Tensor], Sequence[Target] | None]
"""A batch of faces and the model's output (B, D) on them to one target a face; `str` of a target names it in tables.
None stands for what `faceshards.cam.predicted.predicted_targets` finds."""


def predicted_class(_faces: Faces, _outputs: Tensor) -> None:
    """The class that the model gives the highest logit, or its only logit; refused for embeddings."""


def one_class(class_id: int) -> Aim:
    """The same class for all faces; it raises `TargetError` where the model has no such output."""

    def aim(faces: Faces, outputs: Tensor) -> Sequence[Target]:
        return [_class(class_id, outputs, f"class {class_id}")] * len(faces.sample_ids)

    return aim


def own_identity(faces: Faces, outputs: Tensor) -> Sequence[Target]:
    """The label of each face's person as its class.

    Raises:
        TargetError: a face has no identity, or the model no such output.
    """
    known = zip(_known(faces), faces.sample_ids, strict=True)
    return [_class(i, outputs, f"label {i} of face {sample_id!r}") for i, sample_id in known]


def like_reference(reference: Tensor, name: str = "reference") -> Aim:
    """The cosine similarity to one embedding (D,); it raises `TargetError` where the model's have another length."""

    def aim(faces: Faces, outputs: Tensor) -> Sequence[Target]:
        if outputs.shape[1:] != reference.shape:
            raise TargetError(
                f"expected embeddings of shape {tuple(reference.shape)}, found {tuple(outputs.shape[1:])}"
            )
        return [CosineTarget(reference, name)] * len(faces.sample_ids)

    return aim


class LikeOwnIdentity:
    """The cosine similarity to the mean embedding of the face's identity.

    First `add` every batch that is to count, then use it as an aim. Embeddings count with unit length, the face's own
    among them: an identity of one face is compared with itself.
    """

    def __init__(self) -> None:
        self._sums: dict[int, Tensor] = {}

    def add(self, faces: Faces, outputs: Tensor) -> None:
        """Count a batch of faces and their embeddings (B, D).

        Raises:
            TargetError: a face has no identity.
            NotFiniteError: an embedding is zero, which has no direction.
        """
        zero = ~outputs.any(1)
        if zero.any():
            raise NotFiniteError(int(zero.int().argmax()), f"with nothing hidden, its embedding is {ZERO}; {CHECK}")
        for label, row in zip(_known(faces), directions(outputs.cpu()), strict=True):
            self._sums[label] = self._sums[label] + row if label in self._sums else row

    def __call__(self, faces: Faces, _: Tensor) -> Sequence[Target]:
        """See `Aim`."""
        return [CosineTarget(self._sums[label], "identity_mean") for label in _known(faces)]


def _class(class_id: int, outputs: Tensor, what: str) -> ClassTarget:
    check_class(class_id, outputs[0], what)
    return ClassTarget(class_id)


def _known(faces: Faces) -> list[int]:
    labels: list[int] = faces.labels.tolist()
    if NO_IDENTITY in labels:
        sample_id = faces.sample_ids[labels.index(NO_IDENTITY)]
        raise TargetError(
            f"face {sample_id!r} has no identity to explain; use the predicted class, a class number or a reference "
            "face, or faces with identities (a folder a person)"
        )
    return labels
