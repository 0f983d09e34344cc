"""What a `Loader` is made of: wrong arguments are told when it is made."""

import multiprocessing
from typing import Any

import pytest
from epochs import BATCH, BATCHES, ERASE, FACES, WORKERS_START, loader, numbered, seen

import faceshards
from faceshards.errors import ParamsError

pytest.importorskip("torch")

pytestmark = WORKERS_START


def test_a_path_and_a_data_set_open_the_same(faces: faceshards.Dataset) -> None:
    by_path = faceshards.Loader(faces.store.path, BATCH, shuffle=True, view=ERASE, seed=5)
    assert seen(by_path) == numbered(faces, 0)
    assert by_path.dataset.split == "train"
    with pytest.raises(ParamsError, match=r"split='val'.* opened with 'train'"):
        faceshards.Loader(faces, BATCH, split="val")
    assert seen(faceshards.Loader(faceshards.open(faces.store.path, view=ERASE), BATCH, shuffle=True, seed=5)) == (
        numbered(faces, 0)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": -1},
        {"num_workers": 1.5},
        {"prefetch_factor": 0},
        {"persistent_workers": True},
        {"num_workers": 1, "timeout": -1},
        {"num_workers": 1, "multiprocessing_context": "thread"},
        {"multiprocessing_context": "fork"},
        {"epoch": -1},
        {"pin_memory": "no"},
        {"num_workers": 1, "persistent_workers": "no"},
        {"num_workers": 1, "timeout": True},
        {"split": ""},
        {"rank": 1},
        {"rank": 2, "world_size": 2},
        {"on_error": "ignore"},
        {"view": "erased"},
        {"fields": "image"},
        {"fields": ["depth"]},
        {"threads": -1},
    ],
    ids=str,
)
def test_a_wrong_argument_is_told_when_the_loader_is_made(faces: faceshards.Dataset, options: dict[str, Any]) -> None:
    with pytest.raises(ParamsError):
        loader(faces, **options)


@pytest.mark.parametrize("given", [None, 3, ["data/shards"], [1, 2]])
def test_what_is_no_data_set_is_told_in_words(given: Any) -> None:
    with pytest.raises(ParamsError, match=r"dataset is a path or URL of a store, or what faceshards\.open gave"):
        faceshards.Loader(given, BATCH)


def test_workers_start_by_a_context_as_well(faces: faceshards.Dataset) -> None:
    running = loader(faces, num_workers=1, multiprocessing_context=multiprocessing.get_context("fork"))
    assert seen(running) == numbered(faces, 0)


def test_a_loader_says_what_it_is(faces: faceshards.Dataset) -> None:
    assert repr(loader(faces)).endswith("view=Erase(" + repr(ERASE)[6:] + ", num_workers=0): 7 batches of 40 faces")


def test_nobody_else_samples_for_a_loader(faces: faceshards.Dataset) -> None:
    running = loader(faces)
    assert (len(running.sampler), len(running.batch_sampler)) == (FACES, BATCHES)
    with pytest.raises(ParamsError, match="ignore_data_skip=True"):
        list(running.batch_sampler)
