"""What a saliency map explains: a callable that makes one number of one face's output, as in pytorch-grad-cam."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.counted import counted
from faceshards.errors import TargetError
from faceshards.ops.tensor import tensor_of

Target: TypeAlias = Callable[[Tensor], Tensor]
"""The output of one face, (classes,) or (dimensions,), to a number."""

Targets: TypeAlias = int | Target | Sequence[int | Target] | Tensor | NDArray[Any]
"""One for all faces or one a face. An integer, also numpy's or a tensor's, is a class, see `ClassTarget`."""

ZERO = "all zeros, which has no direction"

_WANTED = "a class number, a callable such as CosineTarget(reference), or one of them a face"


class SoftmaxTarget:
    """The softmax of the output at one class, from logits.

        maps = FSCAM(classifier)(images, [SoftmaxTarget(3), SoftmaxTarget(7)], regions=regions)

    Args:
        class_id: from 0.

    Raises:
        TargetError: `class_id` is no whole number from 0; in a call, the output has no such class, or is one logit.
    """

    def __init__(self, class_id: int) -> None:
        self.class_id = class_number(class_id, "class_id")

    def __call__(self, output: Tensor) -> Tensor:
        """(classes,) logits to a probability."""
        check_class(self.class_id, output)
        return torch.softmax(exact(output), -1)[self.class_id]

    def __str__(self) -> str:
        return str(self.class_id)


class ClassTarget(SoftmaxTarget):
    """The probability of a class: what FS-CAM explains in the paper, and what an integer stands for.

        maps = FSCAM(classifier)(images, ClassTarget(3), regions=regions)  # or 3

    It is `SoftmaxTarget` for logits. `FSCAM` takes outputs that are probabilities already as they are: where every row
    of a call has no negative entry and the sum 1. It refuses embeddings: where every row has unit length, or a
    normalising layer made them. It refuses four outputs or more that all lie between 0 and 1 without the sum 1, as a
    sigmoid's do: a softmax would be one too many.
    """


class OutputTarget:
    """One entry of the output as it is: what Captum calls a target.

        maps = FSCAM(classifier)(images, OutputTarget(3), regions=regions)  # the logit of class 3

    Args:
        index: from 0.
        name: what to call it in tables; None for the index.

    Raises:
        TargetError: `index` is no whole number from 0; in a call, the output has no such entry.
    """

    def __init__(self, index: int, name: str | None = None) -> None:
        self.index = class_number(index, "index")
        self.name = name

    def __call__(self, output: Tensor) -> Tensor:
        """(D,) to its entry."""
        _check_index(self.index, output, f"output {self.index}")
        return output[self.index]

    def __str__(self) -> str:
        return str(self.index) if self.name is None else self.name


class BinaryTarget:
    """A single logit for the one or the other answer, as pytorch-grad-cam's `BinaryClassifierOutputTarget`.

        maps = FSCAM(real_or_fake)(images, BinaryTarget(0), regions=regions)  # what speaks for class 0

    Args:
        category: 1 is the logit itself, 0 its negative.

    Raises:
        TargetError: another category; in a call, more outputs than one.
    """

    def __init__(self, category: int) -> None:
        if class_number(category, "category") > 1:
            raise TargetError(f"category: expected 0 or 1, found {category}")
        self.category = int(category)

    def __call__(self, output: Tensor) -> Tensor:
        """(1,) to plus or minus its entry."""
        if output.shape != (1,):
            raise TargetError(f"BinaryTarget: expected one logit a face; the model's output has {tuple(output.shape)}")
        return output[0] if self.category else -output[0]

    def __str__(self) -> str:
        return str(self.category)


class CosineTarget:
    """The cosine similarity of an embedding to a reference face's, in [-1, 1].

        maps = FSCAM(embed)(images, [CosineTarget(r) for r in embed(others)], regions=regions)

    Args:
        reference: the other embedding, (dimensions,) or (1, dimensions).
        name: what to call it in tables.

    Raises:
        TargetError: `reference` is no such embedding, has entries that are no finite numbers, or is zero; in a call,
            the output has other dimensions, or is zero, which has no direction.
    """

    def __init__(self, reference: Tensor | NDArray[Any], name: str = "reference") -> None:
        given = (tensor_of(reference) if isinstance(reference, np.ndarray) else torch.as_tensor(reference)).detach()
        if given.ndim not in (1, 2) or given.numel() != given.shape[-1] or not given.numel() or given.is_complex():
            raise TargetError(f"reference: expected one embedding (dimensions,); found {tuple(given.shape)}")
        reference = exact(given).flatten()
        self.name = name
        if not reference.isfinite().all() or not reference.any():
            raise TargetError(
                "reference: expected an embedding of finite numbers, not all zero; found one without a direction"
            )
        self._direction = directions(reference[None])[0]

    def __call__(self, output: Tensor) -> Tensor:
        """(dimensions,) to a similarity."""
        if output.shape != self._direction.shape:
            raise TargetError(
                f"{self.name}: expected embeddings of shape {tuple(self._direction.shape)} as the reference's, found "
                f"{tuple(output.shape)}"
            )
        if not output.any():
            raise TargetError(f"{self.name}: expected an embedding to compare it with; found {ZERO}")
        ours = directions(output[None])[0]
        return (ours * self._direction.to(ours)).sum().clamp(-1, 1).to(exact(output).dtype)

    def __str__(self) -> str:
        return self.name


def target_of_each(targets: Targets, faces: int) -> list[Target]:
    """One callable a face.

    Raises:
        TargetError: something else than classes and callables, or another number of them than faces.
    """
    if isinstance(targets, (Tensor, np.ndarray)) and targets.dtype != np.dtype(object):
        if targets.ndim > 1:
            raise TargetError(f"targets: expected {_WANTED}; found an array of shape {tuple(targets.shape)}")
        targets = [class_number(t, "targets") for t in targets] if targets.ndim else class_number(targets, "targets")
    given: Any = targets  # whatever callers pass
    if callable(given) or isinstance(given, (str, bytes, Mapping, Set)) or not isinstance(given, Iterable):
        return [_target(given)] * faces
    each = list(given)
    if len(each) != faces:
        raise TargetError(
            f"targets: expected one target, or one for each of {counted(faces, 'face')}, found {len(each)}"
        )
    return [_target(t) for t in each]


def class_number(given: Any, name: str) -> int:
    """A whole number from 0: an int, numpy's, or a tensor or array of one; raises TargetError for others, and bools."""
    kind = given.dtype if isinstance(given, (Tensor, np.ndarray, np.generic)) else type(given)
    try:
        if kind in (bool, torch.bool, np.dtype(bool)) or np.ndim(given):
            raise TypeError
        number = operator.index(given)
    except (TypeError, ValueError, RuntimeError):  # numpy's and torch's for numbers that are not whole
        raise TargetError(f"{name}: expected {_WANTED}; found {_shown(given)}") from None
    if number < 0:
        raise TargetError(f"{name}: expected a class number from 0, found {number}, which stands for no class")
    return number


def check_class(class_id: int, output: Tensor, what: str | None = None) -> None:
    """Raise TargetError where an output (classes,) has no such class, or is a single logit, whose softmax is always 1.

    Args:
        class_id: from 0.
        output: of one face.
        what: what to call it in an error; None for its number.
    """
    what = f"class {class_id}" if what is None else what
    if output.shape == (1,):
        raise TargetError(
            f"{what}: the model has 1 output, a single logit, and the softmax of one entry is always 1; pass "
            "no targets for the logit itself, or BinaryTarget(0), BinaryTarget(1) or OutputTarget(0)"
        )
    _check_index(class_id, output, what)


def _check_index(index: int, output: Tensor, what: str) -> None:
    if output.ndim != 1:
        raise TargetError(
            f"{what}: the model's output of a face has the shape {tuple(output.shape)}, expected (D,); pass a "
            "callable that makes one number of it"
        )
    count = len(output)
    if index >= count:
        raise TargetError(f"{what}: the model has {count} outputs, 0-{count - 1}; it was trained on other classes?")


def _target(given: Any) -> Target:
    if isinstance(given, type):
        raise TargetError(f"targets: expected {_WANTED}; found the class {given.__name__} itself, make one of it")
    target: Target = given if callable(given) else ClassTarget(class_number(given, "targets"))
    return target


def directions(rows: Tensor) -> Tensor:
    """(n, D) to unit length whatever their magnitude, float64 where the device has it.

    A row that is zero or not finite becomes NaN.
    """
    precise = rows.float() if rows.device.type == "mps" else rows.double()
    scaled = precise / precise.abs().amax(1, keepdim=True)  # whose squares neither overflow nor vanish
    return scaled / scaled.square().sum(1, keepdim=True).sqrt()


def exact(output: Tensor) -> Tensor:
    """As float32, or float64 where it is that."""
    return output if output.dtype == torch.float64 else output.float()


def _shown(given: Any) -> str:
    if isinstance(given, (Tensor, np.ndarray)):
        return f"{given.dtype} {tuple(given.shape)}"
    return f"{given!r} ({type(given).__name__})"
