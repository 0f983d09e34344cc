"""Rows about stores: flipped bits, swapped bytes, files of another length, descriptions signed anew."""

import json
import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

from damage import DAMAGES, flipped, noticed, other_length, values
from edited_stores import with_file
from outcomes import Outcome
from stores import build_faces, face_spec, tree
from swaps import build, tried_swap
from swaps import values as values_of_all
from table import Row, Try

from faceshards.errors import FaceShardsError
from faceshards.store import dataset_json
from faceshards.store.schema import Profile
from faceshards.store.verify import verify

_ODD = (None, True, -1, 0, 1, 10**9, 10**30, 0.5, "", "x", "../x", "\0", [], {}, [1], {"a": 1}, "9" * 5000)


def small(folder: Path, profile: Profile = "portable") -> Path:
    """A store of two splits."""
    return build_faces(folder / "work", folder / "store", face_spec({"train": 6, "val": 2}, 4, 2, profile=profile))


def flips(profile: Profile, folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """One bit of one file, every file as likely as another."""
    store = small(folder, profile)
    expected, files = values(store), sorted(tree(store))
    for _ in range(times):
        path = store / rng.choice(files)
        data = path.read_bytes()
        path.write_bytes(flipped(data, rng.randrange(8 * len(data))))
        yield noticed(store, path.relative_to(store).as_posix(), expected)
        path.write_bytes(data)


def swaps(profile: Profile, folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """Files, shards of like arrays, chunks, and shards of another version of the same people."""
    one, other = build(folder / "one", profile, 1), build(folder / "other", profile, 2)
    expected = values_of_all(one)
    for _ in range(times):
        yield tried_swap(one, other, folder / "copy", expected, rng)


def lengths(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """Every file, in each profile."""
    cases = []
    for profile in get_args(Profile):
        store = small(folder / profile, profile)
        expected = values(store)
        cases += [(store, expected, file, damage) for file in tree(store) for damage in DAMAGES]
    rng.shuffle(cases)
    for store, expected, file, damage in cases[: times or None]:
        data = (store / file).read_bytes()
        other_length(store / file, damage)
        outcome, what = noticed(store, file, expected)
        yield outcome, f"{damage}: {what}"
        (store / file).write_bytes(data)


def rehashed(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """A value of `dataset.json` or of a `zarr.json` is another, and all hashes are made to agree."""
    store = small(folder)
    expected = values(store)
    files = [file for file in sorted(tree(store)) if file.endswith(".json")]
    for _ in range(times):
        path = Path(shutil.copytree(store, folder / "copy"))
        file, value = rng.choice(files), rng.choice(_ODD)
        content = json.loads((path / file).read_bytes())
        content.pop("sha256", None)
        where = _put(content, value, rng)
        what = f"{file}: {where} is {str(value)[:20]!r}"
        try:
            _signed(path, file, content)
            same = values(path) == expected
            problems = verify(path).problems
            if same or problems:
                yield (Outcome.NAMED if problems else Outcome.HELD), what
            else:
                yield Outcome.FAILED, f"{what}: other values without a word"
        except FaceShardsError as error:
            yield Outcome.NAMED, f"{what}: {error}"
        except Exception as error:
            yield Outcome.FAILED, f"{what}: {type(error).__name__}: {error}"
        shutil.rmtree(path)


def _put(content: Any, value: Any, rng: random.Random) -> str:
    """Put a value in the place of another, at any depth; says where."""
    keys: list[Any] = sorted(content) if isinstance(content, dict) else list(range(len(content)))
    key = rng.choice(keys)
    if content[key] and isinstance(content[key], dict | list) and rng.random() < 0.8:
        return f"{key}.{_put(content[key], value, rng)}"
    if rng.random() < 0.2:
        del content[key]
        return f"{key}, which is gone,"
    content[key] = value
    return str(key)


def _signed(store: Path, file: str, content: Any) -> None:
    if file == "dataset.json":
        (store / file).write_bytes(dataset_json.encode(content))
    else:
        with_file(store, file, json.dumps(content).encode())


ROWS = [
    *(
        Row(f"flips {profile}", 300, "one bit of one file of a store", partial(flips, profile))
        for profile in get_args(Profile)
    ),
    *(
        Row(f"swaps {profile}", 150, "sound bytes in the place of others", partial(swaps, profile))
        for profile in get_args(Profile)
    ),
    Row("lengths", 0, "each file of a store missing, empty, truncated or longer, in each profile", lengths),
    Row("re-hashed edits", 300, "a store's JSON says something else, and all hashes agree with it", rehashed),
]
