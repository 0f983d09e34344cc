"""One number for each partly hidden copy of a face: what its target makes of the model's output."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from faceshards.cam.copies import Copies
from faceshards.cam.model import Model, ends_in_norm, last_normalised
from faceshards.cam.outputs import as_table, made_by, whole_outputs
from faceshards.cam.predicted import (
    CHECK,
    LOGITS,
    REMEDY,
    Outputs,
    are_probabilities,
    are_shares,
    are_unit,
    predicted_targets,
)
from faceshards.cam.targets import (
    ZERO,
    BinaryTarget,
    ClassTarget,
    CosineTarget,
    OutputTarget,
    SoftmaxTarget,
    Target,
    Targets,
    check_class,
    exact,
    target_of_each,
)
from faceshards.errors import FaceShardsError, NotFiniteError, TargetError

_OF_EMBEDDINGS = f"{REMEDY}. {LOGITS}"


def resolve_targets(
    model: Model, images: Tensor, targets: Targets | None, outputs: Outputs | None, batch_size: int
) -> list[Target]:
    """One target a face; for None see `predicted_targets`. Call this within `faceshards.cam.model.inference`."""
    if targets is not None:
        return target_of_each(targets, len(images))
    whole, normalised = whole_outputs(model, images, batch_size)
    return predicted_targets(whole, outputs, normalised=normalised)


def target_scores(
    model: Model, copies: Copies, targets: Sequence[Target], outputs: Outputs | None, batch_size: int
) -> Tensor:
    """The score of each of N copies. Call this within `faceshards.cam.model.inference`.

    Args:
        model: see `faceshards.cam.model.Model`.
        copies: what it is shown.
        targets: one a face.
        outputs: see `faceshards.cam.predicted.predicted_targets`.
        batch_size: most copies that the model sees at once.

    Returns:
        (N,) float32 or float64 on the device of the images.

    Raises:
        TargetError: a target does not fit the model's outputs, or makes no number of them.
        NotFiniteError: a score is no finite number, or an embedding is zero, which is like none.
    """
    named = [target for target in targets if isinstance(target, SoftmaxTarget)]
    if outputs == "embeddings" and named:
        raise TargetError(
            f"targets: class {named[0]}, and the outputs are said to be embeddings, which have no classes; {REMEDY}"
        )
    classes = [isinstance(target, ClassTarget) for target in targets]
    with last_normalised(model) as seen:
        return _scores(model, copies, targets, classes, outputs, batch_size, seen)


def _scores(
    model: Model,
    copies: Copies,
    targets: Sequence[Target],
    classes: Sequence[bool],
    outputs: Outputs | None,
    batch_size: int,
    layers: list[Any],
) -> Tensor:
    """See `target_scores`; `layers` is of `last_normalised`."""
    scores, entries, unit, probable, shares = list[Tensor](), list[Tensor](), list[bool](), list[bool](), list[bool]()
    for part, found in copies.outputs(model, batch_size):
        faces = copies.face[part].tolist()
        of_class = torch.tensor([classes[i] for i in faces], device=found.device)
        made = torch.empty(len(faces), 2, dtype=exact(found[:0]).dtype, device=found.device)
        if of_class.any():
            found = as_table(found)
            rows = found[of_class]
            unit.append(are_unit(rows))
            probable.append(are_probabilities(rows))
            shares.append(are_shares(rows))
            made[of_class] = _of_classes(rows, [targets[i] for i in faces if classes[i]])
            if outputs is None and (made_by(found, layers) or ends_in_norm(model)):
                raise TargetError(
                    f"targets: class numbers, and the model gives {tuple(found.shape)} that a normalising layer made, "
                    f"as the embeddings of recognition nets are; {_OF_EMBEDDINGS}"
                )
        for place, i in enumerate(faces):
            if classes[i]:
                continue
            if isinstance(targets[i], CosineTarget) and not found[place].any():
                raise NotFiniteError(i, f"{copies.name(int(part[place]))}, its embedding is {ZERO}; {CHECK}")
            made[place] = _number(targets[i], _row(targets[i], found[place]), i)
        softmax, entry = made.to(copies.images.device).unbind(1)
        scores.append(softmax)
        entries.append(entry)
    # Of one copy alone it would be chance.
    if outputs is None and len(copies.face) > 1 and unit and all(unit):
        raise TargetError(
            f"targets: class numbers, and the model gives embeddings, all of unit length, which have no classes; "
            f"{_OF_EMBEDDINGS}"
        )
    if outputs is None and len(copies.face) > 1 and shares and all(shares) and not all(probable):
        raise TargetError(
            "targets: class numbers, of which the softmax is explained, and all outputs of the model lie between 0 and "
            "1, as a sigmoid's do, with rows whose sum is not 1; pass targets=OutputTarget(class) for the output as it "
            f"is. {LOGITS}"
        )
    taken = torch.cat(entries if probable and all(probable) else scores)
    check_finite(taken, copies)
    return taken


def check_finite(scores: Tensor, copies: Copies) -> None:
    """Raise NotFiniteError for the first copy of which (N,) or (N, K) scores hold NaN or an infinity."""
    bad = ~scores.flatten(1).isfinite().all(1) if scores.ndim > 1 else ~scores.isfinite()
    if bad.any():
        place = int(bad.int().argmax())
        wrong = scores[place].flatten()
        value = float(wrong[~wrong.isfinite()][0])
        raise NotFiniteError(
            int(copies.face[place]), f"{copies.name(place)}, its score is {value}, no finite number; {CHECK}"
        )


def _of_classes(rows: Tensor, targets: Sequence[Target]) -> Tensor:
    """The softmax and the entry as it is of a class a row: (n, classes) to (n, 2)."""
    ids = [target.class_id for target in targets if isinstance(target, ClassTarget)]
    check_class(max(ids), rows[0])
    at = torch.tensor(ids, device=rows.device)[:, None]
    logits = exact(rows)
    return torch.cat([torch.softmax(logits, 1).gather(1, at), logits.gather(1, at)], 1)


def _row(target: Target, row: Tensor) -> Tensor:
    """The output of a face as a target takes it: ours (D,) also of (D, 1, 1), a user's as the model gives it."""
    ours = isinstance(target, (SoftmaxTarget, OutputTarget, BinaryTarget, CosineTarget))
    return row.flatten() if ours and row.numel() == len(row) else row


def _number(target: Target, row: Tensor, face: int) -> Tensor:
    what = f"target of face {face} ({getattr(target, '__name__', type(target).__name__)})"
    try:
        found = target(row.clone())  # the row may be memory of the model, and a target may write into it
    except FaceShardsError:
        raise
    except Exception as error:
        error.add_note(f"raised by the {what}, on an output of shape {tuple(row.shape)}")
        raise
    try:
        number = torch.as_tensor(found).detach()
    except (TypeError, ValueError, RuntimeError):
        raise TargetError(
            f"{what}: expected one number for an output of shape {tuple(row.shape)}; found a {type(found).__name__}"
        ) from None
    if number.numel() != 1 or number.is_complex():
        raise TargetError(
            f"{what}: expected one number for an output of shape {tuple(row.shape)}; found {number.dtype} "
            f"{tuple(number.shape)}"
        )
    return exact(number.reshape(())).to(row.device)
