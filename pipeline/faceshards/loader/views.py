"""What a batch shows of its samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import ParamsError
from faceshards.loader.draws import Stream
from faceshards.ops.erasing import Erase
from faceshards.records import Batch
from faceshards.rng import UInt64Array, words
from faceshards.store.schema import USABLE, ArraySpec

View: TypeAlias = Literal["original", "variants", "all_variants", "erase"] | Erase
"""What a batch shows.

``"original"``: `image` as it was. ``"variants"``: one precomputed erased variant a visit in place of `image`, and
`erased` its mask. ``"all_variants"``: `image` and, beside it, all K variants in `variant` and their masks in `erased`.
``"erase"``, or an `Erase` with options of its own: regions of `image` erased on the fly, and `erased` the mask.
"""


class Selection(NamedTuple):
    """Some samples of one chunk.

    Attributes:
        rows: (n,) int64, their places in the chunk.
        keys: (n,) uint64 that their draws depend on; None where the view draws nothing.
    """

    rows: NDArray[np.int64]
    keys: UInt64Array | None


class Rows(NamedTuple):
    """Where the values of samples are.

    Attributes:
        values: (m, ...)
        at: (n,) int64 indices into them, one a sample.
    """

    values: NDArray[Any]
    at: NDArray[np.int64]

    def copy(self) -> NDArray[Any]:
        """The samples' values, C-contiguous."""
        out = np.empty((len(self.at), *self.values.shape[1:]), self.values.dtype)
        self.copy_to(out, np.arange(len(self.at)))
        return out

    def copy_to(self, out: NDArray[Any], to: NDArray[np.int64], part: slice = slice(None)) -> None:
        """Write the values of some of the samples to ``out[to]``."""
        at = self.at[part]
        if _consecutive(to) and _consecutive(at):
            out[to[0] : to[-1] + 1] = self.values[at[0] : at[-1] + 1]
            return
        # Not `out[to] = values[at]`, which copies everything twice.
        for target, origin in zip(to.tolist(), at.tolist(), strict=True):
            out[target] = self.values[origin]

    def copy_run(self, start: int, out: NDArray[Any]) -> None:
        """Write the values of the samples from one on, whose rows are neighbours, to (n, ...) `out`."""
        first = int(self.at[start])
        out[:] = self.values[first : first + len(out)]


class Part(NamedTuple):
    """Where some of a chunk's samples go, whose rows are neighbours.

    Attributes:
        start: the first of them, among all that are wanted of the chunk.
        arrays: by field, of a batch or several.
        to: the place of them in these.
    """

    start: int
    arrays: Batch
    to: slice


def _consecutive(indices: NDArray[np.int64]) -> bool:
    return bool(indices[-1] - indices[0] == len(indices) - 1 and (indices[1:] > indices[:-1]).all())


_NAMED = get_args(get_args(View)[0])
_HIDDEN = {"original": {"variant", "erased"}, "variants": {"variant"}, "all_variants": set[str](), "erase": {"variant"}}
_NEEDED = {"original": (), "variants": ("variant",), "all_variants": ("variant",), "erase": ("image", "region")}


@dataclass(frozen=True)
class BoundView:
    """A view of a store with certain arrays.

    Attributes:
        arrays: the store's, by name.
        view: see `View`.

    Raises:
        ParamsError: an unknown view, or one that these arrays do not allow.
    """

    arrays: Mapping[str, ArraySpec]
    view: View

    def __post_init__(self) -> None:
        if not isinstance(self.view, Erase) and self.view not in _NAMED:
            hint = "; a transform is no view" if callable(self.view) else ""
            raise ParamsError(
                f"unknown view {self.view!r}; expected a faceshards.Erase, or one of: {', '.join(_NAMED)}{hint}"
            )
        if lacking := [name for name in _NEEDED[self._kind] if name not in self.arrays]:
            what = "variants" if lacking == ["variant"] else " and ".join(lacking)
            raise ParamsError(f"view {self._kind!r}: the store holds no {what}; use the erase stage's store")

    @property
    def fields(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype, of one sample, of every array that may be asked for, by field."""
        arrays = self.arrays.items()
        fields = {name: (spec.shape, spec.numpy_dtype) for name, spec in arrays if name != USABLE.name}
        return fields | ({"erased": ((), np.dtype(np.uint32))} if self._kind in ("variants", "erase") else {})

    @property
    def stream(self) -> Stream | None:
        """The kind of this view's draws; None where it draws nothing."""
        return {"variants": Stream.VARIANT, "erase": Stream.ERASE}.get(self._kind)

    @property
    def default_fields(self) -> tuple[str, ...]:
        """What is shown where no fields are named."""
        return tuple(name for name in self.fields if name not in _HIDDEN[self._kind])

    def reads(self, fields: Sequence[str]) -> tuple[str, ...]:
        """Which of the store's arrays some fields are made of."""
        if self._kind == "variants":
            swapped = {"image": "variant"}
            return tuple(dict.fromkeys(swapped.get(name, name) for name in fields))
        if self._kind == "erase" and {"image", "erased"} & set(fields):
            return tuple(dict.fromkeys(["image", "region", *(name for name in fields if name != "erased")]))
        return tuple(fields)

    def shows_stored(self, field: str) -> bool:
        """Whether a field is an array of the store, and nothing else."""
        return self._kind in ("original", "all_variants") or field not in ("image", "erased")

    def show(self, chunks: Mapping[str, NDArray[Any]], fields: Sequence[str], of: Selection) -> dict[str, Rows]:
        """Fields of samples of one chunk.

        Args:
            chunks: of the arrays that `reads` names.
            fields: which.
            of: which samples.
        """
        shown = {name: Rows(chunk, of.rows) for name, chunk in chunks.items()}
        if self._kind in ("variants", "erase") and {"image", "erased"} & set(fields):
            drawn = self._variants(chunks, of) if self._kind == "variants" else self._erase(chunks, of)
            shown |= {name: Rows(values, np.arange(len(values))) for name, values in drawn.items()}
        return {name: shown[name] for name in fields}

    def _variants(self, chunks: Mapping[str, NDArray[Any]], of: Selection) -> dict[str, NDArray[Any]]:
        choice = variant_choice(_known(of.keys), self.arrays["variant"].shape[0])
        made_of = {"image": "variant", "erased": "erased"}
        return {name: chunks[array][of.rows, choice] for name, array in made_of.items() if array in chunks}

    def _erase(self, chunks: Mapping[str, NDArray[Any]], of: Selection) -> dict[str, NDArray[Any]]:
        options = self.view if isinstance(self.view, Erase) else Erase()
        images = Rows(chunks["image"], of.rows).copy()
        masks = options.apply(images, chunks["region"][of.rows], _known(of.keys))
        return {"image": images, "erased": masks}

    @property
    def _kind(self) -> str:
        return "erase" if isinstance(self.view, Erase) else self.view


def variant_choice(keys: UInt64Array, variants: int) -> NDArray[np.int64]:
    """The one of K variants that each sample shows: (n,) keys to (n,) int64 in 0 .. `variants` - 1."""
    return (words(keys, 1)[:, 0] % np.uint64(variants)).astype(np.int64)


def _known(keys: UInt64Array | None) -> UInt64Array:
    if keys is None:
        raise TypeError("a view that draws needs keys")
    return keys
