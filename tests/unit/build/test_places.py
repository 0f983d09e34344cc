"""A parser whose classes are in another order than is said of it is told, for it raises nothing and may be sure."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from faceshards.build.arrays import REGION
from faceshards.build.places import misplaced, places_of
from faceshards.parsing.schemes import SCHEMES, ClassMap, SchemeName
from faceshards.records import UInt8Array
from faceshards.regions import REGION_NAMES
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import OK, SplitSpec, StoreSpec
from faceshards.store.writer import create, write_shard

ORDERS: tuple[SchemeName, ...] = ("celebamask_hq", "celebamask_bisenet", "celebamask_farl")


@pytest.fixture(scope="module")
def regions(small_run: Path) -> UInt8Array:
    """Of ten demo faces, by the bundled parser."""
    parsed = Store.open(small_run / "parsed")
    return np.concatenate([parsed.read(split, REGION.name) for split in parsed.splits])


def store_of(folder: Path, regions: UInt8Array) -> Store:
    count = len(regions)
    spec = StoreSpec("n", "MIT", (REGION,), {"all": SplitSpec(count, ((0, 1),))}, 12, 4, columns=())
    create(folder, spec)
    rows = [{"sample_id": f"{i}", "source_id": f"{i}.png", "identity": 0, "status": OK} for i in range(count)]
    table = pa.Table.from_pylist(rows, schema=spec.rows_schema)
    write_shard(folder, spec, "all", 0, {REGION.name: regions}, table, np.arange(count))
    finish(folder, spec, {})
    return Store.open(folder)


def classes_of(regions: UInt8Array, order: SchemeName) -> UInt8Array:
    """What a network of that order answers for these regions."""
    names = SCHEMES[order]
    merged = ["skin" if 1 <= i <= 9 else name.rpartition("_")[2] for i, name in enumerate(REGION_NAMES)]
    table = [
        names.index(name if name in names else of if of in names else "background")
        for name, of in zip(REGION_NAMES, merged, strict=True)
    ]
    return np.array(table, np.uint8)[regions]


def read_as(classes: UInt8Array, order: SchemeName) -> UInt8Array:
    """The regions, by somebody who takes the network's order for this one."""
    read = ClassMap.of(order)
    winners = np.zeros(len(read.names), np.uint8)
    winners[list(read.kept)] = np.arange(len(read.kept))
    return read.regions(winners[classes])


def test_the_parts_lie_in_their_places_where_the_order_is_right(regions: UInt8Array, tmp_path: Path) -> None:
    for order in ORDERS:
        places = places_of(store_of(tmp_path / order, read_as(classes_of(regions, order), order)))
        assert min(places.values()) > 0.6, places
        assert misplaced(places) is None


@pytest.mark.parametrize(("order", "taken_for"), tuple(itertools.permutations(ORDERS, 2)))
def test_an_order_taken_for_another_is_told(
    order: SchemeName, taken_for: SchemeName, regions: UInt8Array, tmp_path: Path
) -> None:
    said = misplaced(places_of(store_of(tmp_path / "s", read_as(classes_of(regions, order), taken_for))))
    assert said is not None
    assert "the parser's classes are in another order" in said


def test_a_parser_that_takes_left_for_right_is_told(regions: UInt8Array, tmp_path: Path) -> None:
    said = misplaced(places_of(store_of(tmp_path / "s", np.ascontiguousarray(regions[:, :, ::-1]))))
    assert said is not None
    assert "left cheek 0%, right cheek 0%" in said


def test_a_few_faces_say_nothing_of_a_parser(regions: UInt8Array, tmp_path: Path) -> None:
    assert places_of(store_of(tmp_path / "s", regions[:7])) == {}
    assert misplaced({}) is None
