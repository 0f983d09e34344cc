"""What was promised and does not arrive is an error, whatever carries it."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forked import run_with_torch
from stores import arrays_of, build_faces, face_spec

import faceshards
from faceshards.errors import IteratorEndedError, LostBatchError
from faceshards.loader import workers
from faceshards.loader.workers import Workers

pytest.importorskip("torch")

FACES, BATCH = 44, 4

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out", face_spec({"train": FACES}))


@pytest.mark.parametrize("lost", [0, 5, 10])
def test_a_batch_that_is_lost_is_an_error_that_names_it_and_the_remedy(
    path: Path, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = Workers._received

    def losing(self: Workers, sent: Any) -> Iterator[Any]:
        return received(self, [(batch for batch in sent[0] if batch.number != lost)])

    monkeypatch.setattr(Workers, "_received", losing)
    running = iter(faceshards.Loader(path, BATCH, num_workers=2))
    assert sum(len(next(running)["image"]) for _ in range(lost)) == lost * BATCH
    with pytest.raises(LostBatchError, match=rf"batch {lost} of 11 of epoch 0 .*--shm-size.*/dev/shm has "):
        next(running)
    for _ in range(2):
        with pytest.raises(IteratorEndedError, match=f"ended with an error at batch {lost} of 11"):
            next(running)


def test_a_batch_too_many_is_an_error_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    received = Workers._received

    def doubling(self: Workers, sent: Any) -> Iterator[Any]:
        return received(self, [(batch for batch in sent[0] for _ in range(1 if batch.number < 10 else 2))])

    monkeypatch.setattr(Workers, "_received", doubling)
    with pytest.raises(LostBatchError, match="epoch 0 has 11 batches, and one more arrived"):
        list(faceshards.Loader(path, BATCH, num_workers=2))


_EVERYTHING_ARRIVES = """
import os, sys, faceshards
if __name__ == "__main__":
    shared = os.memfd_create
    spawned = {"multiprocessing_context": "spawn", "num_workers": 1}  # which takes seconds a worker
    for options in ({}, {"pin_memory": True}, spawned):
        for memory in (True, False):
            if memory:
                os.memfd_create = shared
            else:
                del os.memfd_create  # batches then go through pipes
            options = {"num_workers": 2, **options}
            loader = faceshards.Loader(sys.argv[1], 32, shuffle=True, view="erase", **options)
            print(sum(len(batch["image"]) for batch in loader), loader.state_dict()["epoch"])
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="mounts a /dev/shm of its own: needs root")
def test_a_small_shared_memory_loses_nothing(tmp_path: Path) -> None:
    # A container's /dev/shm has 64 MB. Here it has less than a batch, which is 1.6 MB.
    spec = face_spec({"train": 96}, shard_rows=32, chunk_rows=16, arrays=arrays_of(112))
    path = build_faces(tmp_path / "work", tmp_path / "out", spec)
    script = f'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec {sys.executable} -c "$0" "$1"'
    run = subprocess.run(
        ["unshare", "-m", "bash", "-c", script, _EVERYTHING_ARRIVES, str(path)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    if "unshare failed" in run.stderr or "permission denied" in run.stderr:
        pytest.skip(f"this sandbox allows no mounts: {run.stderr.strip()}")
    assert run.stdout.splitlines() == ["96 1"] * 6, run.stderr


def test_pinning_without_a_device_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a device")
    with caplog.at_level(logging.WARNING):
        loader = faceshards.Loader(path, BATCH, pin_memory=True)
    assert "no CUDA device" in caplog.text
    assert sum(len(batch["image"]) for batch in loader) == FACES


_LEFT_IN_THE_MIDDLE = """
import sys, faceshards
if __name__ == "__main__":
    faces = faceshards.open(sys.argv[1], view="variants")
    held = [next(faces.batches(4, shuffle=True))]
    batches = faces.batches(4, threads=2)
    next(batches)
    of_workers = ((0, False), (2, False), (2, True))
    loaders = [faceshards.Loader(faces, 4, num_workers=n, persistent_workers=p) for n, p in of_workers]
    running = [iter(loader) for loader in loaders]
    held += [next(epoch) for epoch in running]
    loop = [running]
    loop.append(loop)
    it = iter(faceshards.Loader(sys.argv[1], 4, num_workers=1))
    batch = next(it)
    print("done")
"""


def test_a_process_that_ends_in_mid_epoch_says_nothing(path: Path) -> None:
    run = run_with_torch("-c", _LEFT_IN_THE_MIDDLE, path)
    assert (run.stdout, run.stderr, run.returncode) == ("done\n", "", 0)


def test_persistent_workers_of_which_one_died_are_started_anew(path: Path) -> None:
    running = faceshards.Loader(path, 1, num_workers=2, persistent_workers=True, shuffle=True)
    broken = iter(running)
    next(broken)
    assert running._live is not None
    os.kill(running._live._loader._iterator._workers[0].pid, signal.SIGKILL)
    with pytest.raises(LostBatchError, match=r"did not arrive: DataLoader worker .*num_workers=0"):
        list(broken)
    assert sum(len(batch["image"]) for batch in running) == FACES


def kill_and_wait(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    time.sleep(60)


def test_persistent_workers_of_which_one_died_between_two_epochs_are_started_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "_LOOK_EVERY_S", 0.1)
    running = faceshards.Loader(path, BATCH, num_workers=1, persistent_workers=True, shuffle=True)
    assert len(list(running)) == 11
    assert running._live is not None
    with pytest.raises(RuntimeError, match="killed by signal"):  # torch tells it wherever the process is
        kill_and_wait(running._live._loader._iterator._workers[0].pid)
    expected = [batch["sample_id"].tolist() for batch in running.dataset.batches(BATCH, shuffle=True, epoch=1)]
    assert [batch["sample_id"] for batch in running] == expected
    assert "other workers are started" in caplog.text


def test_what_was_left_out_is_counted_also_after_the_epoch(path: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(path, tmp_path / "store"))
    next((damaged / "train.zarr/image").glob("c.*")).unlink()
    loader = faceshards.Loader(damaged, BATCH, on_error="skip")
    assert sum(len(batch["image"]) for batch in loader) + loader.skipped == FACES
    assert loader.skipped > 0


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="mounts a /dev/shm of its own: needs root")
def test_a_store_opens_where_nothing_can_be_shared(path: Path) -> None:
    script = f'mount -t tmpfs -o ro tmpfs /dev/shm && exec {sys.executable} -c "$0" "$1"'
    opening = "import sys, faceshards; print(len(list(faceshards.Loader(sys.argv[1], 4))))"
    command = ["unshare", "-m", "bash", "-c", script, opening, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if "unshare failed" in run.stderr or "permission denied" in run.stderr:
        pytest.skip(f"this sandbox allows no mounts: {run.stderr.strip()}")
    assert run.stdout == "11\n", run.stderr
