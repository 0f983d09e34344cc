"""The fuzz targets of a store: on sound files, on files that once got a raw error out, and on a few faults."""

import json
import random
from pathlib import Path

import pytest
from run import CORPUS
from store_targets import TARGETS, seeds

CASES = Path(__file__).parents[3] / "shared" / "cases" / "hostile"
FOLDERS = {
    "dataset-json": "dataset_json",
    "inventory": "inventory",
    "manifest": "manifest",
    "sha256sums": "sha256sums",
    "zarr-json": "zarr_json",
}
cases = [(target, path) for folder, target in FOLDERS.items() for path in sorted((CASES / folder).glob("*"))]
fuzzed = [(target, path) for target in TARGETS for path in sorted((CORPUS / target).glob("*"))]


@pytest.mark.parametrize("name", TARGETS)
def test_a_sound_file_is_read(name: str) -> None:
    TARGETS[name](seeds()[name])


@pytest.mark.parametrize("name", TARGETS)
def test_no_end_of_a_file_and_no_flip_gets_another_error_out(name: str) -> None:
    data = seeds()[name]
    rng = random.Random(0)
    for _ in range(1):
        at = rng.randrange(len(data))
        TARGETS[name](data[:at])
        TARGETS[name](data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])


@pytest.mark.parametrize(("name", "path"), fuzzed, ids=lambda value: value.name if isinstance(value, Path) else value)
def test_what_fuzzing_found_is_found_no_more(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


@pytest.mark.skipif(not cases, reason="the cases beside the repository are not here")
@pytest.mark.parametrize(("name", "path"), cases, ids=lambda value: value.name if isinstance(value, Path) else value)
def test_what_once_got_another_error_out_no_longer_does(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("chunk_rows", -2),
        ("shard_rows", 10**18),
        ("format_version", True),
        ("splits train rows", 10**9),
        ("splits train classes", [[0, 2**70]]),
        ("arrays image shape", [112, 112, 4]),
        ("arrays image dtype", "O"),
        ("arrays", {}),
    ],
)
def test_numbers_and_types_that_no_store_has_are_refused(keys: str, value: object) -> None:
    content = json.loads(seeds()["dataset_json"])
    *above, last = keys.split()
    part = content
    for key in above:
        part = part[key]
    part[last] = value
    TARGETS["dataset_json"](json.dumps(content).encode())
