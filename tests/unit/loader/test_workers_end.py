"""Workers end with their loader, also where a cycle of references holds it, as a Lightning trainer does."""

import gc
import multiprocessing
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from stores import build_faces

import faceshards

torch = pytest.importorskip("torch")

TORCH_WAITS_S = 100  # for each worker that was not told to end; 5 by itself, which a busy machine can take


@pytest.mark.parametrize("live", [True, False], ids=["between epochs", "of an epoch that was broken off"])
def test_the_garbage_collector_ends_them_without_waiting(
    live: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", TORCH_WAITS_S)
    shards = build_faces(tmp_path / "work", tmp_path / "shards")
    before = {process.pid for process in multiprocessing.active_children()}
    held = SimpleNamespace(loader=faceshards.Loader(shards, 4, num_workers=2, persistent_workers=live))
    held.me, held.batches = held, iter(held.loader)
    assert len(list(held.batches) if live else [next(held.batches)]) == (6 if live else 1)
    assert len({process.pid for process in multiprocessing.active_children()} - before) == 2
    del held
    began = time.monotonic()
    gc.collect()
    assert {process.pid for process in multiprocessing.active_children()} <= before
    assert time.monotonic() - began < TORCH_WAITS_S / 2
