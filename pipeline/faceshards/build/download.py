"""Stage `download`: make sure that the faces are there, and note down how to open them."""

from pathlib import Path

from faceshards.build.licences import (
    CELEBAMASK_LICENCE,
    DEMO_LICENCE,
    FACESYNTHETICS_LICENCE,
    LAPA_LICENCE,
    UNSTATED_LICENCE,
)
from faceshards.build.params import RunParams, SourceParams
from faceshards.build.source import ResolvedSource, write_note
from faceshards.build.workdir import key_of, work_dir
from faceshards.source.base import Source
from faceshards.source.demo import DemoRecipe
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.fetch.pinned import holds_pinned_files
from faceshards.source.fetch.recipe import DownloadRecipe, Recipe, is_recipe, read_recipe
from faceshards.source.fetch.resolve import resolve
from faceshards.source.open import open_source


def make_source(params: SourceParams, run: RunParams, out: Path, pinned: Path) -> ResolvedSource:
    """Render, download, or find the faces in place; open them once, so that a wrong path fails here and not later.

    Args:
        params: which faces.
        run: how many connections a download has.
        out: takes what a recipe asks for, and the note of how to open it.
        pinned: hashes of the files of FaceSynthetics' first 1,000 frames, which must match wherever they lie.

    Raises:
        SourceNotFoundError, SourceFormatError, LicenceError, DownloadError: as `resolve`, `open_source` and
            `holds_pinned_files`.
    """
    path = Path(params.path)
    recipe = read_recipe(path) if is_recipe(path) else None
    with work_dir(out, key_of(__name__, params, path.read_text() if recipe else None)) as work:
        data = resolve(path, work, accept_licence=params.accept_licence, connections=run.connections)
        note = ResolvedSource(
            name=_name(path),
            data=str(data) if recipe is None else data.relative_to(work).as_posix(),
            in_place=recipe is None,
            format=params.format,
            landmarks=params.landmarks,
            labels=params.labels,
            limit=params.limit,
            licence=_licence(recipe, open_source(data, params.format), pinned),
        )
        note.open(work)
        write_note(note, work)
    return note


def _name(path: Path) -> str:
    """Of a data set: that of its file or folder, without endings and the dot of a hidden one."""
    named = path if path.name not in ("", "..") else path.resolve()
    return named.name.lstrip(".").split(".")[0] or "faces"


def _licence(recipe: Recipe | None, source: Source, pinned: Path) -> str:
    if isinstance(recipe, DownloadRecipe):
        return recipe.licence
    if isinstance(recipe, DemoRecipe):
        return DEMO_LICENCE
    if isinstance(source, FaceSynthetics) and holds_pinned_files(source.files, pinned):
        return FACESYNTHETICS_LICENCE
    # Others may lay out data of their own like these sets; `dataset.licence` then names its licence.
    return {"celebamask": CELEBAMASK_LICENCE, "lapa": LAPA_LICENCE}.get(source.name, UNSTATED_LICENCE)
