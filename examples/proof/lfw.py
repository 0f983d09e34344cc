"""Labeled Faces in the Wild by its own protocol: who may be trained on, and which pairs are then verified.

View 2's ten folds share no person. Half ``"a"`` is trained on the people of folds 1 to 5 and verifies the pairs of
folds 6 to 10, half ``"b"`` the other way round, so that every pair is verified by a net that knows none of its people
(unrestricted, with no outside data for the net).
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

import faceshards
from examples.recognition.verification.lfw_pairs import read_lfw_pairs
from examples.recognition.verification.protocol import IntArray, Pairs, all_pairs
from faceshards.errors import SourceFormatError, SourceNotFoundError

HalfName: TypeAlias = Literal["a", "b", "dev"]

SPLIT = "all"
LEFT_OUT = Path(__file__).with_name("left_out.csv")

_TRAINED_ON: dict[HalfName, tuple[int, ...]] = {"a": (0, 1, 2, 3, 4), "b": (5, 6, 7, 8, 9), "dev": (0, 1, 2, 3)}
_DEV_FOLD, _DEV_PHOTOS = 4, 5


@dataclass(frozen=True, slots=True, eq=False)
class Half:
    """One direction of the comparison.

    Attributes:
        train: (N,) int64 samples to train on, of the store.
        labels: (N,) int64 their people, 0 .. `people` - 1.
        people: how many people are trained on.
        pairs: by sample of the store; its folds count from 0.
        missing: pairs of these folds that are left out because a face of theirs is not in the store.
    """

    train: IntArray
    labels: IntArray
    people: int
    pairs: Pairs
    missing: int


def open_lfw(shards: Path) -> faceshards.Dataset:
    """The store of LFW that README.md says how to make."""
    return faceshards.open(shards, split=SPLIT)


def read_half(name: HalfName, sample_ids: Sequence[str], protocol: Path, min_photos: int = 2) -> Half:
    """One direction: who is trained on and what is verified.

    ``"dev"`` is for choices of settings. It trains on the people of folds 1 to 4 and verifies all pairs among at most
    five photographs of each person of fold 5, so it looks at nothing that half ``"a"`` verifies.

    Args:
        name: of the half.
        sample_ids: of the store, in its order: ``"Name/Name_0001"``.
        protocol: folder with LFW's `people.txt` and `pairs.txt`.
        min_photos: people with fewer usable photographs are not trained on.

    Raises:
        SourceNotFoundError: a file of the protocol is missing.
        SourceFormatError: one is not as it should be, or a person of the store is in no fold.
    """
    folds = read_people(protocol / "people.txt")
    names = np.array([sample_id.split("/")[0] for sample_id in sample_ids])
    if strangers := sorted(set(names.tolist()) - set(folds)):
        raise SourceFormatError(
            f"{protocol / 'people.txt'}: expected every person of the store; {len(strangers)} are in no fold, "
            f"such as {strangers[0]}: was the store made from LFW's folder?"
        )
    fold = np.array([folds[person] for person in names.tolist()])
    left_out = read_left_out(LEFT_OUT)
    usable = np.isin(fold, _TRAINED_ON[name]) & np.array([sample_id not in left_out for sample_id in sample_ids])
    people, count = np.unique(names[usable], return_counts=True)
    train = np.flatnonzero(usable & np.isin(names, people[count >= min_photos]))
    labels = np.unique(names[train], return_inverse=True)[1].astype(np.int64)
    pairs, missing = _dev_pairs(names, fold) if name == "dev" else _view_2(name, sample_ids, protocol)
    return Half(train.astype(np.int64), labels, int(labels.max()) + 1, pairs, missing)


def read_people(path: Path) -> dict[str, int]:
    """LFW's `people.txt`: the fold of each person, from 0.

    The first line says how many folds there are. Each fold is a line with its number of people and a line
    ``name<tab>photographs`` for each of them.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: expected LFW's list of people; found no such file")
    lines = path.read_text(encoding="utf-8").splitlines()
    out: dict[str, int] = {}
    at = 1
    try:
        for fold in range(int(lines[0])):
            many = int(lines[at])
            rows = [line.split("\t") for line in lines[at + 1 : at + 1 + many]]
            out |= {name: fold for name, photographs in rows if int(photographs) > 0}
            at += 1 + many
    except (ValueError, IndexError):
        raise SourceFormatError(
            f"{path}: expected the number of folds, then for each fold its number of people and a line "
            f"'name<tab>photographs' a person; found something else at or after line {at + 1}"
        ) from None
    return out


def read_left_out(path: Path) -> dict[str, str]:
    """Photographs that nobody is trained on, and why: by sample id."""
    with path.open(newline="") as file:
        return {row["sample_id"]: row["reason"] for row in csv.DictReader(file)}


def _view_2(name: HalfName, sample_ids: Sequence[str], protocol: Path) -> tuple[Pairs, int]:
    pairs, _ = read_lfw_pairs(protocol / "pairs.txt", sample_ids)
    own = np.flatnonzero(~np.isin(pairs.fold, _TRAINED_ON[name]))
    kept = _subset(pairs, own)
    every = int((protocol / "pairs.txt").read_text().split(None, 2)[1]) * 2 * (10 - len(_TRAINED_ON[name]))
    return replace(kept, fold=kept.fold - kept.fold.min()), every - len(own)


def _dev_pairs(names: NDArray[np.str_], fold: NDArray[np.int64]) -> tuple[Pairs, int]:
    at = np.flatnonzero(fold == _DEV_FOLD)
    at = at[np.argsort(names[at], kind="stable")]
    _, first, person = np.unique(names[at], return_index=True, return_inverse=True)
    few = np.arange(len(at)) - first[person] < _DEV_PHOTOS
    at, person = at[few], person[few]
    pairs = all_pairs(person.astype(np.int64))
    return replace(pairs, first=at[pairs.first], second=at[pairs.second]), 0


def _subset(pairs: Pairs, which: IntArray) -> Pairs:
    return Pairs(pairs.first[which], pairs.second[which], pairs.same[which], pairs.fold[which])
