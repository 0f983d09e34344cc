"""The pictures of a folder of people, by name: which there are, which are hidden, and by what each is called."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from faceshards.counted import counted
from faceshards.errors import SourceFormatError
from faceshards.source.files import is_folder
from faceshards.source.names import composed, shown
from faceshards.source.pictures import has_picture_suffix, looks_like_picture, stem

_HIDDEN_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})
_LABEL_TAIL = re.compile(
    r"[_.-](?:seg|segm|segmentation|mask|label|labels|labelmap|parsing|parse|anno|annotation|gt)$", re.I
)


class Found(NamedTuple):
    """A file that looks like a picture.

    Attributes:
        path: below the root, with slashes, as Python's file functions give it.
        keep_suffix: another picture has this name with another suffix.
        keep_form: another picture or folder has this name in another Unicode form.
        hidden: the file or a folder that it lies in is hidden, or belongs to a system.
        labels: it is named as the labels of a picture beside it.
    """

    path: str
    keep_suffix: bool = False
    keep_form: bool = False
    hidden: bool = False
    labels: bool = False


@dataclass(frozen=True)
class Listing:
    """What lies in a folder: names of pictures, hidden pictures, subfolders and hidden subfolders, each in order."""

    pictures: list[str]
    hidden: list[str]
    folders: list[str]
    hidden_folders: list[str]


def pictures_of(root: Path) -> Iterator[Found]:
    """The pictures of ``root`` or of ``root/<identity>`` in order of their paths, the hidden ones of a folder last.

    Raises:
        SourceFormatError: no pictures, pictures both in the root and in subfolders, or pictures too deep.
    """
    here = list_folder(root)
    yield from _named("", here.pictures, keep_form=False)
    yield from _hidden_below(root, "", here)
    found = bool(here.pictures)
    forms = Counter(map(composed, here.folders))
    # With the slash, for "a b/" comes before "a/".
    for folder in sorted(here.folders, key=lambda folder: f"{folder}/"):
        prefix = f"{folder}/"
        there = list_folder(root / folder)
        _refuse_deeper(root, prefix, there.folders, (root, root / folder))
        if here.pictures and there.pictures:
            raise SourceFormatError(
                f"{root}: expected images in one subfolder a person, or all in the root; found both, "
                f"{shown(here.pictures[0])} and {shown(prefix + there.pictures[0])}; move the images of the root away, "
                "or into a subfolder"
            )
        yield from _named(prefix, there.pictures, keep_form=forms[composed(folder)] > 1)
        yield from _hidden_below(root, prefix, there)
        found |= bool(there.pictures)
    if not found:
        raise SourceFormatError(f"{root}: expected pictures, such as .jpg, .png or .heic; found none")


def has_images(root: Path) -> bool:
    """Whether a folder holds pictures that are not hidden, at any depth."""
    return next(_visible(root, (root,)), None) is not None


def _visible(folder: Path, within: tuple[Path, ...]) -> Iterator[Path]:
    """The pictures below a folder, its own before those of its subfolders; a loop of links is entered once."""
    listing = list_folder(folder)
    yield from (folder / name for name in listing.pictures)
    for name in listing.folders:
        deeper = folder / name
        if not any(deeper.samefile(outer) for outer in within):
            yield from _visible(deeper, (*within, deeper))


def _refuse_deeper(root: Path, prefix: str, folders: list[str], within: tuple[Path, ...]) -> None:
    for folder in folders:
        place = root / prefix / folder
        # A loop of links leads to a folder that was listed already; its pictures are too deep here.
        first = next(_visible(place, (*within, place)), None)
        if first is not None:
            path = first.relative_to(root)
            more = len(path.parts) - 3
            raise SourceFormatError(
                f"{root}: expected root/<identity>/<image>; found {shown(path.as_posix())}, "
                f"{'a level' if more < 1 else counted(more + 1, 'level')} deeper; give the folder whose subfolders "
                f"are the persons, such as {shown(str(first.parent.parent))}"
            )


def _named(prefix: str, names: list[str], keep_form: bool) -> Iterator[Found]:
    """The pictures of one folder, with what their names must keep so that no two are called the same."""
    stems = Counter(composed(stem(name)) for name in names)
    wholes = Counter(map(composed, names))
    for name in names:
        called = composed(stem(name))
        keep_suffix = stems[called] > 1
        tail = _LABEL_TAIL.search(called)
        yield Found(
            prefix + name,
            keep_suffix,
            keep_form or (keep_suffix and wholes[composed(name)] > 1),
            labels=tail is not None and bool(stems[called[: tail.start()]]),
        )


def _hidden_below(root: Path, prefix: str, listing: Listing) -> Iterator[Found]:
    yield from (found._replace(hidden=True) for found in _named(prefix, listing.hidden, keep_form=False))
    for folder in listing.hidden_folders:
        within = f"{prefix}{folder}/"
        for path, _, files in sorted(os.walk(root / within)):
            below = f"{Path(path).relative_to(root).as_posix()}/"
            pictures = sorted(filter(has_picture_suffix, files))
            yield from (found._replace(hidden=True) for found in _named(below, pictures, keep_form=False))


def list_folder(folder: Path) -> Listing:
    """What lies in a folder.

    Raises:
        SourceFormatError: it cannot be read.
    """
    listing = Listing([], [], [], [])
    try:
        # Entries know what they are without a look at each file.
        with os.scandir(folder) as entries:
            found = sorted((entry.name, is_folder(entry)) for entry in entries)
    except OSError as error:
        raise SourceFormatError(f"{folder}: expected a folder that can be read; {error.strerror}") from error
    for name, holds_files in found:
        if holds_files:
            (listing.hidden_folders if name[0] == "." or name in _HIDDEN_FOLDERS else listing.folders).append(name)
        elif looks_like_picture(folder / name, name):
            (listing.hidden if name[0] == "." else listing.pictures).append(name)
    return listing
