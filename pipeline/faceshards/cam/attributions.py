"""Attributions as Captum's `FeatureAblation` gives them, with regions as features."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.cam.model import Model
from faceshards.cam.painting import painted
from faceshards.cam.regional import RegionCopies
from faceshards.cam.scoring import check_finite
from faceshards.cam.targets import class_number, exact
from faceshards.counted import counted
from faceshards.errors import NotFiniteError, TargetError

Index: TypeAlias = int | tuple[int, ...]
CaptumTarget: TypeAlias = Index | Sequence[Index] | Tensor | NDArray[Any] | None
"""The index of an output, one for all faces or one a face; None for all outputs. See `FSCAM.attribute`."""

_WANTED = "expected the index of an output, a tuple of indices, a list or tensor of one a face, or None for all outputs"


def attributions(model: Model, made: RegionCopies, target: CaptumTarget, batch_size: int) -> Tensor:
    """(B * K, C, H, W), where `target` selects K numbers a face. Call this within `faceshards.cam.model.inference`.

    Raises:
        TargetError: `target` fits neither the faces nor the outputs.
        ModelError: see `faceshards.cam.outputs.outputs_of`; NotFiniteError for numbers that are not finite.
    """
    copies = made.copies
    faces, channels = copies.images.shape[:2]
    indices = _index_of_each(target, faces)
    parts: list[Tensor] = []
    dtype = torch.float32
    for part, found in copies.outputs(model, batch_size):
        dtype = found.dtype if found.is_floating_point() else torch.float32
        of_each = zip(copies.face[part].tolist(), found, strict=True)
        parts.append(torch.stack([exact(_selected(row, indices[i])).flatten() for i, row in of_each]))
    seen = torch.cat(parts).to(copies.images.device)
    check_finite(seen, copies)
    scores = made.by_region(seen).nan_to_num(0.0).movedim(2, 1)  # (B, K, 25)
    numbers = scores.shape[1]
    beyond = scores.to(dtype).isinf().any(1)  # finite in float32, and as a difference or in less precision no more
    if beyond.any():
        face, region = beyond.nonzero()[0].tolist()
        held = str(dtype).removeprefix("torch.")
        raise NotFiniteError(face, f"the score of region {region} is beyond what {held} holds")
    pixels = painted(scores.flatten(0, 1), made.maps.repeat_interleave(numbers, 0)).to(dtype)
    return pixels[:, None].expand(-1, channels, -1, -1).clone()


def _index_of_each(target: CaptumTarget, faces: int) -> list[tuple[int, ...]]:
    if target is None:
        return [()] * faces
    if isinstance(target, (Tensor, np.ndarray)):
        if target.ndim > 1:
            raise TargetError(f"target: {_WANTED}; found an array of shape {tuple(target.shape)}")
        whole = target.reshape(-1)
        # As Captum does, one number in an array is for all faces.
        target = [class_number(t, "target") for t in whole] * (faces if len(whole) == 1 else 1)
    if isinstance(target, list):
        if len(target) != faces:
            raise TargetError(f"target: {_WANTED}; found {len(target)} for {counted(faces, 'face')}")
        return [_index(t) for t in target]
    return [_index(target)] * faces


def _index(target: Any) -> tuple[int, ...]:
    if isinstance(target, tuple) and target:
        return tuple(class_number(t, "target") for t in target)
    return (class_number(target, "target"),)


def _selected(row: Tensor, index: tuple[int, ...]) -> Tensor:
    if len(index) > row.ndim or any(i >= size for i, size in zip(index, row.shape, strict=False)):
        shown = index[0] if len(index) == 1 else index
        has = f"{len(row)} outputs, 0-{len(row) - 1}" if row.ndim == 1 else f"outputs of shape {tuple(row.shape)}"
        what = " (for one a face give a list)" if len(index) > row.ndim else ""
        raise TargetError(f"target {shown}: the model has {has}{what}; it was trained on other classes?")
    return row[index]
