"""A loader finds its rank: by hand, from torch.distributed, or from the environment, when an iteration starts."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from stores import build_faces, face_spec, sample_id

import faceshards
from faceshards.errors import ParamsError

torch = pytest.importorskip("torch")
FACES = 21


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> faceshards.Dataset:
    root = tmp_path_factory.mktemp("store")
    return faceshards.open(build_faces(root / "work", root / "out", face_spec({"train": FACES})))


@pytest.fixture(autouse=True)
def no_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def environment(monkeypatch: pytest.MonkeyPatch, rank: int | str, world_size: int | str) -> None:
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("WORLD_SIZE", str(world_size))


def rows(loader: faceshards.Loader) -> list[int]:
    return [int(name.split("-")[1]) for batch in loader for name in batch["sample_id"]]


@pytest.fixture
def group_of_one(tmp_path: Path) -> Iterator[None]:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_alone_a_process_gets_everything(faces: faceshards.Dataset) -> None:
    assert rows(faceshards.Loader(faces, 4)) == list(range(FACES))


def test_the_environment_names_the_rank(faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = faceshards.Loader(faces, 4, uneven="keep")
    assert len(loader) == 6
    shares = []
    for rank in range(2):
        environment(monkeypatch, rank, 2)
        assert len(loader) == 3
        shares.append(rows(loader))
        assert [i for b in faces.batches(4, uneven="keep") for i in b["sample_id"].tolist()] == [
            sample_id("train", row) for row in shares[rank]
        ]
    assert shares[0] + shares[1] == list(range(FACES))


def test_workers_have_the_rank_of_their_trainer(faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = faceshards.Loader(faces, 4, uneven="keep", num_workers=2, persistent_workers=True)
    shares = []
    for rank in range(2):
        environment(monkeypatch, rank, 2)
        shares.append(rows(loader))
    assert shares[0] + shares[1] == list(range(FACES))


def test_what_is_given_by_hand_wins(faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, 1, 2)
    assert rows(faceshards.Loader(faces, 4, rank=0, world_size=1)) == list(range(FACES))


def test_a_process_group_wins_over_the_environment(
    faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch, group_of_one: None
) -> None:
    environment(monkeypatch, 1, 2)
    assert rows(faceshards.Loader(faces, 4)) == list(range(FACES))


@pytest.mark.parametrize(("rank", "world_size"), [("", "2"), ("first", "2"), ("1", ""), ("1", "two"), ("2", "2")])
def test_an_environment_that_does_not_say_which_process_this_is_is_refused(
    faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch, rank: str, world_size: str
) -> None:
    environment(monkeypatch, rank, world_size)
    with pytest.raises(ParamsError, match=r"RANK|rank"):
        next(iter(faceshards.Loader(faces, 4)))


def test_before_lightning_has_said_the_rank_the_length_is_of_one_process(
    faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert len(faceshards.Loader(faces, 4)) == 6


def test_a_world_of_one_needs_no_rank(faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert len(rows(faceshards.Loader(faces, 4))) == FACES


@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"epoch": 0}, {"world_size": 1}])
def test_a_rank_that_may_be_an_epoch_ahead_is_told_once_and_only_where_it_matters(
    faces: faceshards.Dataset, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    loader = faceshards.Loader(faces, 4, **{"shuffle": True, "rank": 0, "world_size": 2} | options)
    for _ in range(2):
        next(iter(loader))
        list(loader)
    assert caplog.text.count("left after batch 1, and the next one is epoch 1: a rank that did so alone") == (
        not options
    )


def test_a_trainer_that_sets_the_epoch_or_always_stops_at_the_same_batch_is_told_nothing(
    faces: faceshards.Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    loader = faceshards.Loader(faces, 4, shuffle=True, rank=0, world_size=2)
    for _ in range(3):
        list(islice(loader, 2))
    for tell in (loader.set_epoch, loader.sampler.set_epoch):
        for epoch in range(3):
            next(iter(loader))
            tell(epoch)
            list(loader)
    assert caplog.text == ""


@pytest.mark.parametrize("given", [{"rank": 0}, {"world_size": 2}])
def test_half_of_a_rank_is_refused(faces: faceshards.Dataset, given: dict[str, int]) -> None:
    with pytest.raises(ParamsError, match="rank and world_size go together"):
        faceshards.Loader(faces, 4, **given)
    with pytest.raises(ParamsError, match="rank and world_size go together"):
        faces.batches(4, **given)


@pytest.mark.parametrize("short", [{"drop_last": True}, {"rank": 7, "world_size": 22, "uneven": "drop"}])
def test_an_epoch_without_a_batch_is_told(
    faces: faceshards.Dataset, short: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert list(faces.batches(22, **short)) == []
    assert list(faceshards.Loader(faces, 22, **short)) == []
    assert caplog.text.count("gets no batch in an epoch: 21 faces in batches of 22") == 2
