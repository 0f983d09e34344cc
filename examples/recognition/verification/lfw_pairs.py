"""LFW's list of pairs (`pairs.txt`): ten folds, each of as many pairs of one person and of two."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from examples.recognition.verification.protocol import Pairs
from faceshards.errors import SourceFormatError, SourceNotFoundError


def read_lfw_pairs(path: Path, sample_ids: Sequence[str]) -> tuple[Pairs, int]:
    """Read a list whose faces were made into shards from LFW's folder: ``Name/Name_0001.jpg``.

    The first line says how many folds and how many pairs of each kind in a fold; then come for each fold its genuine
    pairs, ``name n1 n2``, and its impostor pairs, ``name1 n1 name2 n2``, with tabs between.

    Args:
        path: of the list.
        sample_ids: of the store, ``"Name/Name_0001"``.

    Returns:
        The pairs by index of `sample_ids`, and how many are left out because a face of theirs is not in the store (one
        that no detector found, say).

    Raises:
        SourceNotFoundError: no such file.
        SourceFormatError: a line is not as it should be, named by its number; or no pair has both faces.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: expected LFW's list of pairs; found no such file")
    index = {sample_id: i for i, sample_id in enumerate(sample_ids)}
    lines = path.read_text(encoding="utf-8").splitlines()
    each = _pairs_of_a_kind(path, lines)
    rows, missing = [], 0
    for number, line in enumerate(lines[1:], start=2):
        same, faces = _pair(f"{path}: line {number}", line)
        place = (number - 2) % (2 * each)
        if same != (place < each):
            raise SourceFormatError(
                f"{path}: line {number}: expected {each} pairs of one person, then {each} of two, in every fold; "
                f"found {line!r} out of place"
            )
        first, second = (index.get(face) for face in faces)
        if first is None or second is None:
            missing += 1
        else:
            rows.append((first, second, same, (number - 2) // (2 * each)))
    if not rows:
        raise SourceFormatError(
            f"{path}: expected pairs of faces of the store; found none of its {len(lines) - 1} pairs there: "
            "was the store made from LFW's folder?"
        )
    columns = np.array(rows, np.int64).T
    return Pairs(columns[0], columns[1], columns[2].astype(bool), columns[3]), missing


def _pairs_of_a_kind(path: Path, lines: list[str]) -> int:
    words = lines[0].split() if lines else []
    if len(words) != 2 or not all(word.isdecimal() and int(word) for word in words):
        raise SourceFormatError(
            f"{path}: line 1: expected the numbers of folds and of pairs of a kind in a fold, such as '10 300'; "
            f"found {lines[0] if lines else 'an empty file'!r}"
        )
    folds, each = map(int, words)
    if len(lines) - 1 != folds * each * 2:
        raise SourceFormatError(
            f"{path}: expected {folds} folds of {each} pairs of one person and {each} of two; found "
            f"{len(lines) - 1} lines after the first"
        )
    return each


def _pair(where: str, line: str) -> tuple[bool, list[str]]:
    match line.split("\t"):
        case [name, a, b] if a.isdecimal() and b.isdecimal():
            return True, [_sample_id(name, a), _sample_id(name, b)]
        case [name, a, other, b] if a.isdecimal() and b.isdecimal():
            return False, [_sample_id(name, a), _sample_id(other, b)]
    raise SourceFormatError(f"{where}: expected 'name n1 n2' or 'name1 n1 name2 n2', with tabs between; found {line!r}")


def _sample_id(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}"
