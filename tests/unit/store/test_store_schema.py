import pytest
from stores import face_spec

from faceshards.errors import StoreSpecError
from faceshards.store.schema import ArraySpec, SplitSpec, StoreSpec


@pytest.mark.parametrize(("shard_rows", "chunk_rows"), [(8, 3), (0, 0), (4, 8), (8, 0)])
def test_a_shard_is_a_whole_number_of_chunks(shard_rows: int, chunk_rows: int) -> None:
    with pytest.raises(StoreSpecError, match="positive multiple"):
        face_spec(shard_rows=shard_rows, chunk_rows=chunk_rows)


def test_every_dimension_of_an_array_has_a_name() -> None:
    with pytest.raises(StoreSpecError, match="differ in length"):
        ArraySpec("image", "uint8", (8, 8, 3), ("y", "x"))


def test_two_arrays_of_one_name_are_refused() -> None:
    twice = (ArraySpec("identity", "int64"), ArraySpec("identity", "int32"))
    with pytest.raises(StoreSpecError, match="array named twice: identity"):
        StoreSpec("x", "CC0-1.0", twice, {"train": SplitSpec(1)}, 1, 1)


def test_a_stage_column_cannot_take_the_name_of_a_base_column() -> None:
    column = face_spec().manifest_schema.field("identity")
    with pytest.raises(StoreSpecError, match="column named twice: identity"):
        StoreSpec("x", "CC0-1.0", (), {"train": SplitSpec(1)}, 1, 1, columns=(column,))


def test_the_last_shard_holds_the_rest() -> None:
    spec = face_spec({"train": 21, "none": 0}, shard_rows=8)
    assert [spec.shard_range("train", shard) for shard in range(spec.shard_count("train"))] == [
        (0, 8),
        (8, 16),
        (16, 21),
    ]
    assert spec.shard_count("none") == 0
