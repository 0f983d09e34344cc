"""What a `dataset.json` says of a store, held against what a store can be: nothing below this looks at it again."""

from collections.abc import Mapping
from math import prod
from typing import Any, get_args

import numpy as np

from faceshards.errors import StoreFormatError
from faceshards.store.jsonvalue import LARGEST, JsonValue
from faceshards.store.names import NAME, alike, is_inside, is_name
from faceshards.store.schema import DATASET_JSON, FORMAT_VERSION, INVENTORY, MANIFEST, USABLE, Profile

DTYPES = ("bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)), "float32", "float64")
CHUNK_BYTES = 2**30
"""The most that one chunk of an array may take once it is decoded."""

_ROWS = 2**31 - 1  # `row` of the manifest is int32
_CLASS_IDS = 2**48
_AXES, _SIDE = 6, 2**16
_FACE = ("y", "x", "channel")
_FORMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "image": ("uint8", _FACE),
    "region": ("uint8", _FACE[:2]),
    "truth": ("uint8", _FACE[:2]),
    "variant": ("uint8", ("erasure", *_FACE)),
    "erased": ("uint32", ("erasure",)),
    "identity": ("int64", ()),
    USABLE.name: (USABLE.dtype, ()),
}
"""dtype and dimensions of the arrays that faceshards knows by name. A dimension has one length in all of them."""


def title_of(content: Mapping[str, Any]) -> str:
    """What people call the data set of a `dataset.json`: its title, or its name."""
    return str(content["about"].get("title") or content["name"])


def check_description(content: object, file: str) -> None:
    """See that a `dataset.json` describes a store that this release can read.

    Args:
        content: of the file, as `json` reads it.
        file: what to call it in an error.

    Raises:
        StoreFormatError: it describes none, or one of a later format.
    """
    top = JsonValue(content, file)
    top.member("format").same("faceshards")
    check_version(content, file)
    for name in ("name", "licence"):
        top.member(name).text()
    _check_about(top.member("about"))
    _check_provenance(top.member("provenance"))
    chunk_rows = top.member("chunk_rows").whole(1, _ROWS)
    shard_rows = top.member("shard_rows")
    if shard_rows.whole(1, _ROWS) % chunk_rows:
        shard_rows.refuse(f"a multiple of chunk_rows, which is {chunk_rows}")
    top.member("profile").one_of(get_args(Profile))
    _check_splits(top, shard_rows.whole())
    check_arrays(top.member("arrays"), chunk_rows)
    _check_files(top.member("files"))


def check_version(content: object, file: str) -> None:
    """See that it is of a format that this release reads; see `check_description`."""
    version = JsonValue(content, file).member("format_version")
    if version.whole(1) > FORMAT_VERSION:
        raise StoreFormatError(
            f"{file} has format version {version.value}; this release reads up to {FORMAT_VERSION}. Upgrade faceshards"
        )


def _check_about(about: JsonValue) -> None:
    for name, text in about.members().items():
        text.text()
        # It becomes a link of the report.
        if name == "homepage" and not str(text.value).startswith(("https://", "http://")):
            text.refuse("a page on the web, https://...")


def _check_provenance(provenance: JsonValue) -> None:
    for part in provenance.members().values():
        if isinstance(part.value, Mapping):
            part.members()
    for release in provenance.members().get("versions", JsonValue({}, "")).members().values():
        release.text()


def _check_splits(top: JsonValue, shard_rows: int) -> None:
    splits = top.member("splits")
    _check_names(splits)
    samples = rows = 0
    for split in splits.members().values():
        here = split.member("rows").whole(0, _ROWS)
        usable = split.member("samples").whole(0, here)
        split.member("shards").same(-(-here // shard_rows))
        rows, samples = rows + here, samples + usable
        last = 0
        for ids in split.member("classes").items():
            first, stop = (end.whole(0, _CLASS_IDS) for end in _pair(ids))
            if not last <= first < stop:
                ids.refuse(f"a range [first, stop) of class ids from {last} on")
            last = stop
    top.member("samples").same(samples)
    top.member("skipped").whole(0, rows - samples)


def _pair(value: JsonValue) -> list[JsonValue]:
    if len(found := value.items()) != 2:
        value.refuse("a list of two")
    return found


def check_arrays(arrays: JsonValue, chunk_rows: int) -> None:
    """See that arrays are such as a store can have.

    Args:
        arrays: by name, as `ArraySpec.description` gives them.
        chunk_rows: rows that are decoded at once.

    Raises:
        StoreFormatError: they are not.
    """
    _check_names(arrays)
    if USABLE.name not in arrays.members():
        arrays.refuse(f"an array {USABLE.name!r} among them")
    lengths: dict[str, tuple[str, int]] = {"channel": ("every image", 3)}
    for name, array in arrays.members().items():
        dtype = array.member("dtype").one_of(DTYPES)
        shape = [length.whole(1, _SIDE) for length in array.member("shape").items(_AXES)]
        axes = array.member("dimension_names")
        names = [axis.text() for axis in axes.items(_AXES)]
        if len(names) != len(shape) or not all(map(is_name, names)) or len({*names, "sample"}) <= len(names):
            axes.refuse(f"a name for each of {len(shape)} dimensions but the first, each another")
        _check_fill(array.member("fill_value"), np.dtype(dtype))
        if (size := chunk_rows * prod(shape) * np.dtype(dtype).itemsize) > CHUNK_BYTES:
            array.refuse(f"at most {CHUNK_BYTES} bytes in a chunk of {chunk_rows} rows, which come to {size}")
        if name in _FORMS:
            array.member("dtype").same(_FORMS[name][0])
            axes.same(list(_FORMS[name][1]))
            for axis, length in zip(names, shape, strict=True):
                whose, known = lengths.setdefault(axis, (name, length))
                if length != known:
                    array.member("shape").refuse(f"{known} along {axis!r}, as in {whose}")


def _check_fill(fill: JsonValue, dtype: np.dtype[Any]) -> None:
    if dtype.kind == "b":
        fits = isinstance(fill.value, bool)
    elif dtype.kind == "f":
        fits = type(fill.value) in (int, float) and abs(fill.value) <= float(np.finfo(dtype).max)
    else:
        fits = type(fill.value) is int and np.iinfo(dtype).min <= fill.value <= np.iinfo(dtype).max
    if not fits:
        fill.refuse(f"a value of {dtype}")


def _check_files(files: JsonValue) -> None:
    for name in (MANIFEST, INVENTORY):
        files.member(name)
    names = files.members()
    if alike([DATASET_JSON, *names]) or not all(is_inside(name) and "/" not in name for name in names):
        files.refuse(f"names of files beside {DATASET_JSON}, no two of them alike")
    for name, file in names.items():
        if name == DATASET_JSON or name.lower().endswith(".zarr"):
            file.refuse("the name of another file")
        file.same({"bytes": file.member("bytes").whole(0, LARGEST), "sha256": file.member("sha256").sha256()})


def _check_names(named: JsonValue) -> None:
    """Of splits or arrays: there are some, each is a name, and no two are one folder on some system."""
    names = named.members()
    if not names:
        named.refuse("at least one")
    for name, value in names.items():
        if not is_name(name):
            value.refuse(f"under a name of {NAME}")
    if twice := alike(names):
        named.refuse(f"names that differ by more than upper and lower case, unlike {twice[0]!r}")
