import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import tree

from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import ArraySpec, SplitSpec, StoreSpec
from faceshards.store.verify import verify
from faceshards.store.writer import create, write_shard


class Content(NamedTuple):
    spec: StoreSpec
    data: dict[tuple[str, str], np.ndarray]
    order: list[tuple[str, int]]


@st.composite
def contents(draw: st.DrawFn) -> Content:
    chunk_rows = draw(st.integers(1, 4))
    tails = draw(st.lists(st.lists(st.integers(1, 3), max_size=3), min_size=1, max_size=2))
    arrays = tuple(
        ArraySpec(
            f"a{i}",
            draw(st.sampled_from(["uint8", "uint32", "int64", "float32"])),
            tuple(tail),
            tuple("xyz"[: len(tail)]),
        )
        for i, tail in enumerate(tails)
    )
    splits = draw(st.dictionaries(st.sampled_from(["train", "val", "all"]), st.integers(0, 9), min_size=1, max_size=2))
    extents = {name: SplitSpec(rows) for name, rows in splits.items()}
    spec = StoreSpec("any", "CC0-1.0", arrays, extents, chunk_rows * draw(st.integers(1, 3)), chunk_rows)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    data = {
        (split, a.name): rng.integers(0, 2**7, (rows, *a.shape)).astype(a.dtype)
        for split, rows in splits.items()
        for a in arrays
    }
    return Content(spec, data, draw(st.permutations(spec.shards)))


def build(work: Path, content: Content, order: list[tuple[str, int]]) -> Path:
    spec = content.spec
    create(work, spec)
    for split, shard in order:
        start, stop = spec.shard_range(split, shard)
        rows = [
            {
                "sample_id": f"{split}{i}",
                "source_id": "",
                "identity": -1,
                "status": "ok",
            }
            for i in range(start, stop)
        ]
        arrays = {a.name: content.data[split, a.name][start:stop] for a in spec.arrays}
        write_shard(work, spec, split, shard, arrays, pa.Table.from_pylist(rows, spec.rows_schema))
    finish(work, spec, {})
    return work


@given(contents(), st.data())
@settings(max_examples=12, deadline=None)
def test_what_is_written_is_read_and_the_order_of_writing_leaves_no_trace(
    content: Content, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one = build(Path(folder) / "one", content, content.spec.shards)
        other = build(Path(folder) / "other", content, content.order)
        assert tree(one) == tree(other)
        assert verify(one).problems == ()
        store = Store.open(one)
        for (split, array), expected in content.data.items():
            start = data.draw(st.integers(0, len(expected)))
            stop = data.draw(st.integers(start, len(expected)))
            found = store.read(split, array, start, stop)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected[start:stop])
