"""The ``zarr.json`` of an array, held against what `dataset.json` says of it: no reader believes it beyond that."""

from collections.abc import Mapping
from typing import Any

from faceshards.errors import StoreFormatError
from faceshards.store.codecs import axes_order, codec_names
from faceshards.store.jsonvalue import JsonValue, read_json
from faceshards.store.layout import StoreLayout
from faceshards.store.remedies import IF_WRONG

_LITTLE = {"endian": "little"}


def check_array(data: bytes, layout: StoreLayout, split: str, array: str, file: str) -> dict[str, Any]:
    """Read an array's metadata.

    Args:
        data: bytes of its ``zarr.json`` (Zarr v3 core specification, sharding codec 1.0).
        layout: of the store.
        split: whose array it is.
        array: its name.
        file: what to call the metadata in an error.

    Returns:
        The content, of an array of just the shape, dtype, chunks and codecs that faceshards gives it.

    Raises:
        StoreFormatError: it is of another array, or no JSON.
    """
    content = read_metadata(data, file)
    compare_array(JsonValue(content, file), layout, split, array)
    return content


def read_metadata(data: bytes, file: str) -> dict[str, Any]:
    """Any ``zarr.json`` as an object.

    Raises:
        StoreFormatError: it is none.
    """
    try:
        content = read_json(data)
    except ValueError as error:
        raise StoreFormatError(f"{file}: expected JSON; found {error}. {IF_WRONG}") from error
    JsonValue(content, file).members()
    return dict(content)


def check_group(data: bytes, layout: StoreLayout, split: str, attributes: Mapping[str, Any], file: str) -> None:
    """See that the ``zarr.json`` of a split's group describes just the arrays of the store, for readers of plain Zarr.

    Args:
        data: its bytes.
        layout: of the store.
        split: whose group it is.
        attributes: some that it must have.
        file: what to call it in an error.

    Raises:
        StoreFormatError: it does not.
    """
    found = JsonValue(read_metadata(data, file), file)
    found.member("zarr_format").same(3)
    found.member("node_type").same("group")
    for name, value in attributes.items():
        found.member("attributes").member(name).same(value)
    arrays = found.member("consolidated_metadata").member("metadata")
    if sorted(arrays.members()) != sorted(layout.arrays):
        arrays.refuse(f"the arrays {', '.join(layout.arrays)}")
    for name, array in arrays.members().items():
        compare_array(array, layout, split, name)


def compare_array(found: JsonValue, layout: StoreLayout, split: str, array: str) -> None:
    """See that metadata are those of an array; see `check_array`."""
    spec = layout.arrays[array]
    found.member("zarr_format").same(3)
    found.member("node_type").same("array")
    found.member("shape").same([layout.splits[split], *spec.shape])
    found.member("data_type").same(spec.dtype)
    found.member("dimension_names").same(["sample", *spec.dimension_names])
    fill = found.member("fill_value")
    if type(fill.value) not in (bool, int, float) or fill.value != spec.fill_value:
        fill.refuse(str(spec.fill_value))
    shards = {"chunk_shape": [layout.shard_rows, *spec.shape]}
    found.member("chunk_grid").same({"name": "regular", "configuration": shards})
    found.member("chunk_key_encoding").same({"name": "default", "configuration": {"separator": "."}})
    if transformers := found.members().get("storage_transformers"):
        transformers.same([])
    codecs = found.member("codecs")
    if [_name(codec) for codec in codecs.items()] != ["sharding_indexed"]:
        codecs.refuse("sharding_indexed alone")
    sharding = codecs.items()[0].member("configuration")
    sharding.member("chunk_shape").same([layout.inner_rows(array), *spec.shape])
    sharding.member("index_location").same("end")
    index = sharding.member("index_codecs")
    if [_name(codec) for codec in index.items()] != ["bytes", "crc32c"]:
        index.refuse("bytes and crc32c")
    index.items()[0].member("configuration").same(_LITTLE)
    _compare_codecs(sharding.member("codecs"), layout, array)


def _compare_codecs(codecs: JsonValue, layout: StoreLayout, array: str) -> None:
    spec = layout.arrays[array]
    expected = codec_names(spec, layout.profile)
    if [_name(codec) for codec in codecs.items()] != expected:
        codecs.refuse(f"{', '.join(expected)}, as the profile {layout.profile!r} has it")
    for codec, name in zip(codecs.items(), expected, strict=True):
        if name == "bytes":
            codec.member("configuration").same(_LITTLE)
        elif name == "transpose":
            codec.member("configuration").same({"order": axes_order(spec)})


def _name(codec: JsonValue) -> Any:
    return codec.member("name").value
