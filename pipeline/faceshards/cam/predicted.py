"""What is explained where no target is given: the class that logits predict, never an embedding's highest entry."""

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from faceshards.cam.outputs import as_table
from faceshards.cam.targets import ClassTarget, OutputTarget, Target, exact
from faceshards.errors import NotFiniteError, ParamsError, TargetError

Outputs: TypeAlias = Literal["logits", "embeddings"]
"""What the outputs of a model are. None: see `predicted_targets`."""

_EMBEDDING_SIZES = range(32, 8193, 32)


def check_outputs(outputs: Outputs | None) -> None:
    """Raise ParamsError for another word than `Outputs` has."""
    if outputs is not None and outputs not in get_args(Outputs):
        raise ParamsError(f"outputs: expected 'logits', 'embeddings' or None; found {outputs!r}")


def predicted_targets(whole: Tensor, outputs: Outputs | None = None, *, normalised: bool = False) -> list[Target]:
    """The class that each face's logits predict; a single logit is explained as it is, with its sign.

    Args:
        whole: (B, D), what the model gives for faces with nothing hidden.
        outputs: what they are. A number of outputs says little by itself, so with None they are taken for logits only
            where nothing speaks for embeddings: their number is no multiple of 32 from 32 to 8192, as the sizes of
            embeddings are; no normalising layer made them; and they are not all of unit length with negative entries.
        normalised: a batch or layer norm made them.

    Raises:
        TargetError: they are embeddings, or may be.
        NotFiniteError: a face's outputs predict nothing: NaN, infinity, or nothing but minus infinity.
        ModelError: they are not (B, D).
    """
    table = as_table(whole)
    classes = table.shape[1]
    if outputs == "embeddings":
        raise TargetError(f"the model gives embeddings {tuple(table.shape)}, which predict no class; {REMEDY}")
    scores = table if classes == 1 else torch.softmax(exact(table), 1)
    if not (finite := scores.isfinite().all(1)).all():
        face = int((~finite).int().argmax())
        raise NotFiniteError(
            face, f"with nothing hidden, its outputs are no finite numbers: {_listed(table[face])}; {CHECK}"
        )
    if classes == 1:
        return [OutputTarget(0, "logit")] * len(table)
    if outputs is None and (why := _looks_like_embeddings(table, normalised=normalised)):
        raise TargetError(
            f"no targets, and the model gives outputs {tuple(table.shape)} that are embeddings or may be: {why}. "
            f"Embeddings predict no class; {REMEDY}. {LOGITS}"
        )
    return [ClassTarget(c) for c in table.argmax(1).tolist()]


def are_unit(table: Tensor) -> bool:
    """Whether all rows of (n, D) have unit length, and some entry is negative: embeddings."""
    lengths = exact(table).norm(dim=1)
    return bool((table < 0).any()) and _all_one(lengths, table)


def are_probabilities(table: Tensor) -> bool:
    """Whether no entry of (n, D) is negative, and all rows have the sum 1."""
    sums = exact(table).sum(1)
    return bool((table >= 0).all()) and _all_one(sums, table)


def are_shares(table: Tensor) -> bool:
    """Whether all entries of (n, D) lie above 0 and up to 1: probabilities, also of classes that do not exclude others.

    Of fewer than four classes it would be chance: logits lie there too.
    """
    return table.shape[1] > 3 and bool(((table > 0) & (table <= 1)).all())


CHECK = "check the model's weights, and the scale of its input (mean, std, baseline)"

REMEDY = (
    "pass targets=[CosineTarget(reference), ...], one a face (on the command line --target identity-mean, --reference)"
)

LOGITS = "For logits say so: FSCAM(model, outputs='logits') (on the command line --outputs logits)"


def _looks_like_embeddings(table: Tensor, *, normalised: bool) -> str:
    if are_unit(table):
        return "all have unit length"
    if normalised:
        return "a normalising layer made them"
    if table.shape[1] in _EMBEDDING_SIZES:
        return f"{table.shape[1]} is a usual size of embeddings"
    return ""


def _all_one(found: Tensor, of_table: Tensor) -> bool:
    half = of_table.dtype in (torch.float16, torch.bfloat16)
    return torch.allclose(found, torch.ones_like(found), rtol=0, atol=1e-2 if half else 1e-3)


def _listed(row: Tensor) -> str:
    shown = ", ".join(f"{value:.4g}" for value in row[:5].tolist())
    return f"{shown}, ..." if len(row) > 5 else shown
