"""The whole pipeline on ten small demo faces, through its library functions."""

import hashlib
from dataclasses import replace
from pathlib import Path

from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.erase import erase_faces
from faceshards.build.params import Params, RunParams, load_params
from faceshards.build.parse import parse_faces
from faceshards.build.plan import plan_faces

ROOT = Path(__file__).parents[1]
PINNED = ROOT / "manifests/facesynthetics_sha256.parquet"
RECIPE = "kind: demo\nseed: 3\nidentities: 5\nviews: 2\nsize: 256\n"


def run_pipeline(params: Params, data: Path) -> Path:
    """All stages up to the shards; returns the final store."""
    download_and_plan(params, data)
    align_faces(data / "source", data / "plan", data / "aligned", params.align, params.store, params.run)
    parse_faces(data / "aligned", data / "parsed", params.parse, params.store, params.run)
    erase_faces(data / "aligned", data / "parsed", data / "shards", params.erase, params.store, params.run)
    return data / "shards"


def download_and_plan(params: Params, data: Path) -> None:
    """The stages `download` and `plan`."""
    make_source(params.source, params.run, data / "source", PINNED)
    plan_faces(data / "source", data / "plan", params.plan)


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".work" not in path.parts
    }


def small_params(recipe: Path, run: RunParams, faces: str = RECIPE) -> Params:
    """The project's params, with the faces of a recipe that is written to `recipe`, in shards of four."""
    recipe.write_text(faces)
    whole = load_params(ROOT / "params.yaml")
    return replace(
        whole,
        source=replace(whole.source, path=str(recipe)),
        plan=replace(whole.plan, splits={"train": 0.6, "val": 0.4}),
        erase=replace(whole.erase, variants=2),
        store=replace(whole.store, shard_rows=4, chunk_rows=2),
        run=run,
    )
