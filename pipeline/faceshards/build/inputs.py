"""The files that params name, as links in one folder, so that DVC sees when one of them changes.

`dvc.yaml` can name only paths that are always there, and most of these params are null or ``bundled``. DVC says little
of a path that is mistyped or missing. So a first stage links each file from a fixed place, or writes the param's value
there, and the stages that read a file depend on its link. DVC hashes what a link leads to.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from faceshards.build.params import Params, nothing_at
from faceshards.build.weights import BUNDLED, kept_model, weights_files
from faceshards.errors import ParamsError
from faceshards.source.fetch.remote import Transfer
from faceshards.source.names import shown
from faceshards.source.parts import files_of
from faceshards.store.durable import write_file
from faceshards.zoo.catalogue import description_of, is_entry
from faceshards.zoo.obtain import obtain
from faceshards.zoo.onnxfiles import external_files
from faceshards.zoo.pins import make_pins

_NAMED = 5
_OF_SEVERAL = ("source.path", "source.labels", "align.yunet_model")


def link_inputs(params: Params, folder: Path, pins: Path) -> None:
    """Link what the params that name files do; download a network that ``parse.weights`` names by its description.

    The params are ``source.path``, ``source.landmarks``, ``source.labels``, ``plan.earlier``, ``plan.remove``,
    ``plan.names_key``, ``align.yunet_model`` and ``parse.weights``.

    Args:
        params: of the whole pipeline. Paths are relative to the working directory.
        folder: takes ``source``, ``landmarks``, ``labels``, ``earlier``, ``remove``, ``names_key`` and
            ``yunet_model``: each a link, a text file that says null, or a folder of links where the path stands for
            several files: a ``.rec`` with its ``.idx``, the parts of a zip, an ONNX model with its tensors. It also
            takes the folder ``weights`` with a link a file: the weights, or a description with its model and the files
            of that. Of a network that is downloaded it takes the SHA-256 in its place, and of an entry of the zoo a
            copy.
        pins: the file of `faceshards.zoo.pins`, made where it is not there; a network of unknown hash is pinned in it.

    Raises:
        ParamsError: there is nothing at one of the paths, a description is no YAML, or a folder holds files that DVC
            cannot hash, or links to folders.
        SourceNotFoundError: a file that belongs to one of the paths is missing.
        LicenceError, DownloadError, WeightsError: as `faceshards.zoo.obtain.obtain`.
    """
    for param, named in (("source.path", params.source.path), ("source.labels", params.source.labels)):
        if named is not None:
            _refuse_unhashable(param, Path(named))
    for param, named in params.paths.items():
        _link(param, named, folder / ("source" if param == "source.path" else param.partition(".")[2]))
    _link_weights(params, folder / "weights", pins)


def check_weights(weights: str, folder: Path) -> None:
    """See that the files of a description are those that `link_inputs` linked: a description may name others since.

    Args:
        weights: the param ``parse.weights``.
        folder: as `link_inputs` filled it; where it is not there, nothing is checked.

    Raises:
        ParamsError: other files are linked.
        WeightsError: as `weights_files`.
    """
    links = folder / "weights"
    if not links.is_dir() or weights == BUNDLED or kept_model(weights) is not None:
        return
    wanted = {path.resolve() for path in weights_files(weights)}
    linked = {path.resolve() for path in links.iterdir() if path.is_symlink()}
    if wanted != linked:
        raise ParamsError(
            f"parse.weights: {weights} names other files than when the stage inputs ran, so that DVC would not see "
            f"them change ({', '.join(sorted(str(path) for path in wanted ^ linked))}); run `dvc repro --force "
            "--single-item inputs`, then `dvc repro`"
        )


def _refuse_unhashable(param: str, source: Path) -> None:
    """Refuse a folder in which DVC would stumble over a file, wait for one, or pass one over, without a word of which.

    Raises:
        ParamsError: naming the first of the files.
    """
    found = [f"{shown(str(path.relative_to(source)))} ({why})" for path, why in _unhashable(source)]
    if found:
        raise ParamsError(
            f"{param}: {source}: expected files that DVC can hash; found {len(found)} that it cannot: "
            f"{', '.join(found[:_NAMED])}; rename, repair, remove or copy them"
        )


def _unhashable(folder: Path) -> Iterator[tuple[Path, str]]:
    for at, _, _ in os.walk(folder):
        with os.scandir(at) as entries:
            for entry in entries:
                if entry.name == ".dvcignore":
                    yield Path(entry.path), "by which DVC passes files over that faceshards reads"
                elif any("\ud800" <= letter <= "\udfff" for letter in entry.name):
                    yield Path(entry.path), "its name is no UTF-8"
                elif entry.is_symlink() and not Path(entry.path).exists():
                    yield Path(entry.path), "a link that leads nowhere"
                elif entry.is_symlink() and entry.is_dir():
                    yield Path(entry.path), "a link to a folder, whose files DVC passes over"
                elif not (entry.is_symlink() or entry.is_file() or entry.is_dir()):
                    yield Path(entry.path), "a pipe, a socket or a device"


def _link_weights(params: Params, folder: Path, pins: Path) -> None:
    _remove(folder)
    make_pins(pins)
    weights = params.parse.weights
    if weights == BUNDLED:
        write_file(folder / BUNDLED, b"")
    elif kept_model(weights) is not None:
        transfer = Transfer(connections=params.run.connections)
        obtained = obtain(weights, params.parse.accept_licence, pins=pins, transfer=transfer, tell=click.echo)
        if obtained.pinned_in is not None:
            click.echo(f"{weights}: pinned in {pins}, which is to be committed: SHA-256 {obtained.sha256}")
        description = description_of(weights)
        # In the place of links: these files lie outside the project, elsewhere on each machine.
        if is_entry(description):
            write_file(folder / description.name, description.read_bytes())
        else:
            _link("parse.weights", weights, folder / description.name)
        write_file(folder / f"{obtained.path.name}.sha256", f"{obtained.sha256}\n".encode())
    else:
        _link_each("parse.weights", weights_files(weights), folder)


def _link(param: str, named: str | None, link: Path) -> None:
    """Link what a param names; a folder of links where that is several files, and ``null`` where it is nothing."""
    _remove(link)
    if named is None:
        write_file(link, b"null\n")
        return
    path = Path(named)
    files = _files_of(path) if param in _OF_SEVERAL and path.is_file() else [path]
    if len(files) == 1:
        _link_one(param, path, link)
    else:
        _link_each(param, files, link)


def _link_each(param: str, paths: list[Path], folder: Path) -> None:
    for number, path in enumerate(paths):
        again = path.name in (other.name for other in paths[:number])
        _link_one(param, path, folder / (f"{number}_{path.name}" if again else path.name))


def _link_one(param: str, path: Path, link: Path) -> None:
    if not path.exists():
        raise nothing_at(param, path)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(path if path.is_absolute() else os.path.relpath(path, link.parent))


def _files_of(path: Path) -> list[Path]:
    return [path, *external_files(path)] if path.suffix == ".onnx" else files_of(path)


def _remove(path: Path) -> None:
    """Remove what an earlier run left; a link, never what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
