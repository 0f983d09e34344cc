"""Stage `plan`: every face's split, row and class id, and a digest of what it is made from."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceshards.build.duplicates import Duplicates, find_duplicates
from faceshards.build.earlier import Earlier, read_earlier
from faceshards.build.facelist import NOBODY, FaceList, doubtful_people, list_faces
from faceshards.build.nameindex import NameIndex
from faceshards.build.nameless import NAMES, Numbering, read_numbering, write_names
from faceshards.build.params import PlanParams
from faceshards.build.placing import Placement, place
from faceshards.build.planfile import write_plan
from faceshards.build.removal import read_removal, removed
from faceshards.build.source import read_note
from faceshards.build.workdir import work_dir
from faceshards.counted import counted
from faceshards.errors import ParamsError, SourceFormatError
from faceshards.source.base import Source, warnings_of
from faceshards.store.durable import sha256_of, write_file
from faceshards.store.schema import DATASET_JSON

DUPLICATES = "duplicates.csv"
"""The file of the plan that lists all faces of one image: ``set,sample_id,person,split,row``."""


@dataclass(frozen=True)
class PlanOutcome:
    """What a plan came to.

    Attributes:
        faces: all that the source has.
        placed: those that have a place; the others are removed ones.
        removed: those that ``plan.remove`` names.
        people: named people who have a face in the plan.
        splits: for each split that has rows: ``rows``, ``faces``, ``holes`` (rows without a face) and ``people``.
        kept: faces that stand where the earlier version has them.
        new: faces that have a place for the first time, or another one than before.
        relabelled: those of the new ones that were another person's in the earlier version.
        gone: faces of the earlier version that have no place now.
        duplicates: faces of one image.
        renumbered: the source numbers its people, and some have another class id than their number.
        doubtful: names of people who may be none, see `doubtful_people`.
        of_source: what the source says of itself, see `warnings_of`.
        unmatched: entries of ``plan.remove`` that name no face of the source. An earlier version may have had them.
        named: whether faces and people have their names, and not numbers.
    """

    faces: int
    placed: int
    removed: int
    people: int
    splits: dict[str, dict[str, int]]
    kept: int
    new: int
    relabelled: int
    gone: int
    duplicates: Duplicates
    renumbered: bool
    doubtful: tuple[str, ...]
    of_source: tuple[str, ...]
    unmatched: tuple[str, ...]
    named: bool = True

    @property
    def told(self) -> dict[str, Any]:
        """All of it as values for files that others read: texts with names are only counted where there are numbers."""
        told = asdict(self)
        if not self.named:
            told |= {name: len(told[name]) for name in ("doubtful", "of_source", "unmatched")}
        return told

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should look at, a sentence or two each."""
        said = [
            f"plan.remove: `{entry}` names no face of the source; right if the face went from the source as well (an "
            "earlier version may have had it), else check the spelling"
            for entry in self.unmatched
        ]
        said += self.of_source
        found = self.duplicates
        if found.across_people or found.across_splits:
            said.append(
                f"{counted(found.across_people, 'image')} under the names of two people or more, "
                f"{found.across_splits} in two splits or more; {DUPLICATES} of the plan lists them, and plan.remove "
                "can leave them out: " + "; ".join(found.first)
            )
        if self.doubtful:
            said.append(
                f"source.path: all faces are taken to be of {', '.join(self.doubtful)}, by the names of their folders; "
                "if these are no people, give a folder of images of nobody as source.path, or the folder whose "
                "subfolders are the people"
            )
        if self.renumbered:
            said.append(
                "plan.splits: the source numbers its people, and some have another class id than their number, as each "
                "split has class ids of its own; with all people in one split (plan.splits: {train: 1.0}) label n is "
                "class n"
            )
        if self.gone + self.relabelled and not self.kept:
            said.append(
                f"plan.earlier: none of its {counted(self.gone + self.relabelled, 'face')} stands in the source under "
                "its name; all of its rows are holes now; is it a version of other faces?"
            )
        return tuple(said)


def plan_faces(source: Path, out: Path, params: PlanParams) -> PlanOutcome:
    """Plan the faces that the stage `download` left in the folder `source`; the plan is `out`, for `Plan.open`.

    Raises:
        ParamsError: the first split would be empty; ``plan.earlier`` or ``plan.remove`` does not read; or the earlier
            version has a split that the params lack.
        SourceFormatError: two faces have one sample id.

    Example:
        >>> plan_faces(Path("data/source"), Path("data/plan"), load_params(Path("params.yaml")).plan).splits
        >>> Plan.open(Path("data/plan")).faces("train", 0, 2048)
    """
    note = read_note(source)
    _refuse_outs("plan.earlier", params.earlier, out)
    _refuse_outs("plan.remove", params.remove, out)
    _refuse_outs("plan.names_key", params.names_key, out)
    with work_dir(out) as work:
        return plan_source(note.open(source), work, params)


def plan_source(source: Source, folder: Path, params: PlanParams) -> PlanOutcome:
    """Plan the faces of a source into a folder that is there. Raises as `plan_faces`."""
    numbering = None if params.names_key is None else read_numbering(Path(params.names_key))
    earlier = _earlier(params, numbering)
    entries = [] if params.remove is None else read_removal(Path(params.remove))
    named = faces = list_faces(source)
    without, unmatched = removed(named, entries)
    if numbering is not None:
        faces = numbering.applied(named)
        by_number, unmatched = removed(faces, unmatched)
        without |= by_number
        write_names(folder / NAMES, named, faces)
    index = NameIndex(faces.sample_id, params.seed)
    if (twice := index.repeated()) is not None:
        one, other = (source.face(number) for number in twice)
        raise SourceFormatError(
            f"expected every face under a name of its own; found {one.source_id} and {other.source_id} both as "
            f"{one.sample_id!r}; rename one of the files"
        )
    placement = place(faces, index, without, earlier, params)
    del earlier, index  # of millions of faces they are large
    splits = _counts(faces, placement)
    first = next(iter(params.splits))
    if not splits.get(first, {}).get("faces"):
        raise ParamsError(
            f"plan.splits: by hash, none of the people of {counted(len(faces) - without.sum(), 'face')} went to "
            f"{first}, with its share of {params.splits[first]:g}"
            + (", and none of the earlier version's faces in it is left" if first in splits else "")
            + "; take more people, another plan.seed, or a greater share"
        )
    duplicates, table = find_duplicates(source, faces, placement)
    placed = sum(of["faces"] for of in splits.values())
    outcome = PlanOutcome(
        faces=len(faces),
        placed=placed,
        removed=len(faces) - placed,
        people=sum(of["people"] for of in splits.values()),
        splits=splits,
        kept=placement.kept,
        new=placed - placement.kept,
        relabelled=placement.relabelled,
        gone=placement.gone,
        duplicates=duplicates,
        renumbered=placement.renumbered,
        doubtful=tuple(doubtful_people(named)),
        of_source=warnings_of(source),
        unmatched=tuple(map(str, unmatched)),
        named=numbering is None,
    )
    write_file(folder / DUPLICATES, table)
    told = {name: value for name, value in outcome.told.items() if name != "splits"}
    told["made_by"] = {
        "seed": params.seed,
        "splits": params.splits,
        "order": params.order,
        "earlier": None if params.earlier is None else sha256_of(Path(params.earlier)),
        "names_key": None if numbering is None else numbering.mark,
    }
    rows = {name: placement.splits[name] for name in splits}
    write_plan(folder, rows, {name: placement.batches(faces, name) for name in rows}, told)
    return outcome


def _earlier(params: PlanParams, numbering: Numbering | None) -> Earlier:
    """The version to continue; one of nobody where there is none."""
    if params.earlier is None:
        return Earlier()
    earlier = read_earlier(Path(params.earlier), params.seed)
    mark = None if numbering is None else numbering.mark
    if earlier.names_key != mark:
        has, wanted = (
            "the names of the source" if of is None else f"numbers by the key {of}" for of in (earlier.names_key, mark)
        )
        raise ParamsError(
            f"plan.names_key: expected what the version {params.earlier} has, {has}; found {wanted}, so that none "
            "of its faces would be known again; name its key, or set plan.earlier to null to plan anew"
        )
    for split in earlier.splits:
        if split not in params.splits:
            raise ParamsError(
                f"plan.splits: expected also {split}, which the version {params.earlier} has; name all of its splits, "
                "in whatever shares, or set plan.earlier to null to plan anew"
            )
    return earlier


def _refuse_outs(param: str, named: str | None, out: Path) -> None:
    """Check the path of a file that a param names.

    Raises:
        ParamsError: nothing is there, or it belongs to a store that the pipeline makes anew from it.
    """
    if named is None:
        return
    path = Path(named)
    if not path.is_file():
        raise ParamsError(f"{param}: expected a file at {named}; found none; check the path")
    if path.resolve().parent.parent == out.resolve().parent and (path.resolve().parent / DATASET_JSON).exists():
        raise ParamsError(
            f"{param}: {named} belongs to a store that this pipeline makes anew; copy it to a folder of yours, such as "
            "manifests, and name the copy"
        )


def _counts(faces: FaceList, placement: Placement) -> dict[str, dict[str, int]]:
    """What `PlanOutcome.splits` says of the splits that have rows."""
    counts = {}
    for place_of, (name, of) in enumerate(placement.splits.items()):
        if of.rows:
            person = faces.person[placement.split == place_of]
            seen = np.zeros(len(faces.people), bool)
            seen[person[person != NOBODY]] = True
            counts[name] = {
                "rows": of.rows,
                "faces": len(person),
                "holes": of.rows - len(person),
                "people": int(seen.sum()),
            }
    return counts
