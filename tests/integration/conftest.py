"""A small run of the whole pipeline through its library functions, made once for all tests that look at it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.erase import erase_faces
from faceshards.build.params import Params, RunParams, load_params
from faceshards.build.parse import parse_faces

PINNED = Path(__file__).parents[2] / "manifests/facesynthetics_sha256.parquet"
RECIPE = "kind: demo\nseed: 3\nidentities: 5\nviews: 2\nsize: 256\n"


def run_pipeline(params: Params, data: Path) -> Path:
    """All stages up to the shards; returns the final store."""
    make_source(params.source, params.run, data / "source", PINNED)
    align_faces(data / "source", data / "aligned", params.align, params.store, params.run)
    parse_faces(data / "aligned", data / "parsed", params.parse, params.store, params.run)
    erase_faces(data / "aligned", data / "parsed", data / "shards", params.erase, params.store, params.run)
    return data / "shards"


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".work" not in path.parts
    }


@pytest.fixture(scope="session")
def small_params(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Params]:
    """The project's params with ten demo faces in shards of four, and a given number of workers."""
    recipe = tmp_path_factory.mktemp("recipe") / "small.yaml"
    recipe.write_text(RECIPE)

    def params(workers: int = 1) -> Params:
        whole = load_params(root / "params.yaml")
        return replace(
            whole,
            source=replace(whole.source, path=str(recipe), landmarks=str(root / "manifests/landmarks.csv")),
            erase=replace(whole.erase, variants=2, splits={"train": 0.6, "val": 0.4}),
            store=replace(whole.store, shard_rows=4, chunk_rows=2),
            run=RunParams(workers=workers),
        )

    return params


@pytest.fixture(scope="session")
def small_run(small_params: Callable[..., Params], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `data` folder of a finished small run."""
    data = tmp_path_factory.mktemp("small") / "data"
    run_pipeline(small_params(), data)
    return data
