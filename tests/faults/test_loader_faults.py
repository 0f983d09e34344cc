"""Damage and death while a trainer is fed: an error that says what and where, soon; or the rest, counted."""

import logging
import shutil
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from forked import run_with_torch
from stores import build_faces, face_arrays, face_spec, sample_id

import faceshards
from faceshards.errors import CorruptShardError, FaceShardsError, MissingShardError
from faceshards.store.schema import Profile

ROWS = 22
BATCH = 3
SECOND_SHARD = "train.zarr/image/c.1.0.0.0"  # rows 8 to 15, chunks of 4

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture(scope="module", params=get_args(Profile))
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound")
    profile: Profile = request.param
    return build_faces(root / "work", root / "out", face_spec({"train": ROWS}, profile=profile))


@pytest.fixture
def path(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "store"))


def damage(file: Path, how: str) -> None:
    data = file.read_bytes()
    file.unlink()
    if how == "flipped":
        file.write_bytes(bytes([data[0] ^ 4]) + data[1:])
    elif how != "missing":
        file.write_bytes({"empty": b"", "truncated": data[:-9], "index": data[:-9] + bytes(9)}[how])


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("flipped", CorruptShardError, r"c\.1\.0\.0\.0: rows 8\.\.11 of split 'train' do not decode .*CRC.*verify"),
        (
            "index",
            CorruptShardError,
            r"c\.1\.0\.0\.0: its index does not decode .*`faceshards repair` mends it from another copy",
        ),
        ("missing", MissingShardError, r"c\.1\.0\.0\.0 belongs to the store and is not on the disk.*dvc checkout"),
        ("empty", CorruptShardError, r"c\.1\.0\.0\.0: expected [\d,]+ bytes, found 0"),
        ("truncated", CorruptShardError, r"c\.1\.0\.0\.0: expected [\d,]+ bytes, found [\d,]+"),
    ],
)
def test_damage_is_an_error_or_leaves_out_just_its_samples(
    path: Path, how: str, error: type[FaceShardsError], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    damage(path / SECOND_SHARD, how)
    faces = faceshards.open(path)
    with pytest.raises(error, match=message):
        list(faces.batches(BATCH, shuffle=True))
    batches = faces.batches(BATCH, shuffle=True, on_error="skip")
    with caplog.at_level(logging.WARNING):
        found = {name: image for b in batches for name, image in zip(b["sample_id"], b["image"], strict=True)}
    lost = range(8, 12) if how == "flipped" else range(8, 16)
    assert sorted(found) == [sample_id("train", row) for row in range(ROWS) if row not in lost]
    assert batches.skipped == batches.state_dict()["skipped"] == len(lost)
    assert "c.1.0.0.0" in caplog.text
    written = face_arrays("train", 0, ROWS)["image"]
    for name, image in found.items():
        np.testing.assert_array_equal(image, written[int(name.split("-")[1])])


@pytest.mark.parametrize("batch_size", [4, 8, 20])  # whole chunks, which are read in runs
@pytest.mark.parametrize("threads", [0, 2])
def test_damage_in_a_run_of_chunks_leaves_out_just_its_samples(path: Path, batch_size: int, threads: int) -> None:
    damage(path / SECOND_SHARD, "flipped")
    faces = faceshards.open(path)
    with pytest.raises(CorruptShardError, match=r"c\.1\.0\.0\.0: rows 8\.\.11 of split 'train' do not decode .*CRC"):
        list(faces.batches(batch_size, threads=threads))
    batches = faces.batches(batch_size, threads=threads, on_error="skip")
    found = {name: image for b in batches for name, image in zip(b["sample_id"], b["image"], strict=True)}
    left = [row for row in range(ROWS) if row not in range(8, 12)]
    assert list(found) == [sample_id("train", row) for row in left]
    np.testing.assert_array_equal(np.stack(list(found.values())), face_arrays("train", 0, ROWS)["image"][left])
    assert batches.skipped == 4


def test_any_flipped_bit_is_noticed(path: Path) -> None:
    file = path / SECOND_SHARD
    data = file.read_bytes()
    written = face_arrays("train", 8, 16)["image"]
    for bit in np.random.default_rng(0).choice(8 * len(data), 60, replace=False).tolist():
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        try:
            image = faceshards.open(path)[8:16]["image"]
        except CorruptShardError:
            continue
        np.testing.assert_array_equal(image, written)
    # Bits between the chunks, if there are any, are nobody's data; `verify` sees them by the file's hash.


@pytest.mark.parametrize("threads", [0, 2])
def test_an_iterator_that_failed_is_at_its_end(path: Path, threads: int) -> None:
    damage(path / SECOND_SHARD, "missing")
    batches = faceshards.open(path).batches(BATCH, threads=threads)
    before = [next(batches)["sample_id"].tolist() for _ in range(8 // BATCH)]
    assert before == [[sample_id("train", 3 * i + k) for k in range(BATCH)] for i in range(8 // BATCH)]
    with pytest.raises(MissingShardError):
        list(batches)
    assert list(batches) == []


@pytest.fixture
def workers_loader(tmp_path: Path) -> Any:
    """A torch loader with two workers, over a store of its own."""
    pytest.importorskip("torch")
    path = build_faces(tmp_path / "work", tmp_path / "out", face_spec({"train": 10 * ROWS}))
    return faceshards.Loader(path, BATCH, num_workers=2)


def test_damage_seen_by_a_worker_is_an_error_in_the_trainer(workers_loader: Any, tmp_path: Path) -> None:
    damage(tmp_path / "out" / SECOND_SHARD, "flipped")
    with pytest.raises(CorruptShardError, match=r"rows 8\.\.11"):
        list(workers_loader)


@pytest.mark.filterwarnings("ignore:.*worker processes in total:UserWarning")  # more than this machine has cores
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_workers_keep_taking_turns_where_whole_batches_are_lost(tmp_path: Path, workers: int) -> None:
    pytest.importorskip("torch")
    path = build_faces(tmp_path / "work", tmp_path / "out", face_spec({"train": ROWS}))
    damage(path / SECOND_SHARD, "missing")

    def loader(num_workers: int) -> Any:
        return faceshards.Loader(path, BATCH, num_workers=num_workers, on_error="skip")

    whole = [batch["sample_id"].tolist() for batch in faceshards.open(path).batches(BATCH, on_error="skip")]
    assert len(whole) == 6, "rows 9 to 11 and 12 to 14 are two batches of which nothing is left"
    assert [batch["sample_id"] for batch in loader(workers)] == whole
    stopped = loader(workers)
    running = iter(stopped)
    seen = [next(running)["sample_id"] for _ in range(4)]
    resumed = loader(workers)
    resumed.load_state_dict(stopped.state_dict())
    assert seen + [batch["sample_id"] for batch in resumed] == whole


_TRAINER_WHOSE_WORKER_DIES = """
import os, signal, sys
from pathlib import Path
import faceshards

def children():
    me = os.getpid()
    return set(map(int, Path(f"/proc/{me}/task/{me}/children").read_text().split()))

running = iter(faceshards.Loader(sys.argv[1], 3, num_workers=2))
next(running)
os.kill(min(children()), signal.SIGKILL)
list(running)
print("read to the end")
"""


def test_a_killed_worker_ends_in_an_error_and_not_in_a_wait_without_end(tmp_path: Path) -> None:
    # In a process of its own: torch raises from a signal handler, wherever the process then is.
    path = build_faces(tmp_path / "work", tmp_path / "out", face_spec({"train": 40 * ROWS}))
    trainer = run_with_torch("-c", _TRAINER_WHOSE_WORKER_DIES, path)
    assert trainer.returncode != 0
    assert "read to the end" not in trainer.stdout
    assert "Error" in trainer.stderr
