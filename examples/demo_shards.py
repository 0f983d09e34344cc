"""Small shards for the notebooks: rendered faces of invented people, through the same stages as `dvc repro`."""

from dataclasses import replace
from pathlib import Path

from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.erase import erase_faces
from faceshards.build.params import load_params
from faceshards.build.parse import parse_faces
from faceshards.build.plan import plan_faces

_PROJECT = Path(__file__).resolve().parents[1]


def demo_shards(folder: str | Path, *, people: int = 12, views: int = 8) -> Path:
    """Render faces and turn them into shards, as the project's params say but with the renderer's own region maps.

    Args:
        folder: takes all that is made; what an earlier call left there is made anew.
        people: of whom four fifths are in the split "train" and the others in "val".
        views: pictures of each.

    Returns:
        The folder for `faceshards.open`.
    """
    data = Path(folder)
    data.mkdir(parents=True, exist_ok=True)
    recipe = data / "demo.yaml"
    recipe.write_text(f"kind: demo\nseed: 0\nidentities: {people}\nviews: {views}\nsize: 256\n")
    params = load_params(_PROJECT / "params.yaml")
    source = replace(params.source, path=str(recipe))
    plan = replace(params.plan, order="source")  # people one after the other, for whoever looks
    parse = replace(params.parse, mirror=False)  # half the time; the shards take the renderer's own maps
    erase = replace(params.erase, regions="truth")
    run = replace(params.run, workers=1)  # so few faces are one shard, and a second process would have nothing to do
    make_source(source, run, data / "source", _PROJECT / "manifests/facesynthetics_sha256.parquet")
    plan_faces(data / "source", data / "plan", plan)
    align_faces(data / "source", data / "plan", data / "aligned", params.align, params.store, run)
    parse_faces(data / "aligned", data / "parsed", parse, params.store, run)
    erase_faces(data / "aligned", data / "parsed", data / "shards", erase, params.store, run)
    return data / "shards"
