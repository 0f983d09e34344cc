from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from faceshards.build.params import SourceParams, load_params
from faceshards.errors import ParamsError
from faceshards.regions import REGION_NAMES
from faceshards.source import SourceFormat


@pytest.fixture
def edited(root: Path, tmp_path: Path):
    def edit(*changes: tuple[str, str]) -> Path:
        text = (root / "params.yaml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "params.yaml"
        path.write_text(text)
        return path

    return edit


def test_the_projects_own_params_are_read_whole(root: Path) -> None:
    params = load_params(root / "params.yaml")
    assert params.source.path == "manifests/demo.yaml"
    assert params.erase.n_regions == (1, 5)
    assert len(params.erase.classes) == 19


def test_a_colour_is_three_channels(edited) -> None:
    assert load_params(edited(("fill: random", "fill: [1, 2, 255]"))).erase.fill == (1, 2, 255)


def test_regions_are_said_as_in_python(edited, root: Path) -> None:
    classes = (root / "params.yaml").read_text().partition("  classes:\n")[2].partition("  # Region maps")[0]
    for said, meant in {
        " [nose, 17]": {"nose": 1, "mouth": 1},
        " {10: 2, mouth: 1}": {"nose": 2, "mouth": 1},
        " null": dict.fromkeys(REGION_NAMES[1:20], 1),
    }.items():
        change = (f"  classes:\n{classes}", f"  classes:{said}\n")
        assert load_params(edited(change, ("n_regions: [1, 5]", "n_regions: 2"))).erase.classes == meant
    assert load_params(edited(("n_regions: [1, 5]", "n_regions: 2"))).erase.n_regions == (2, 2)


@pytest.mark.parametrize("name", ["landmarks", "labels", "limit", "accept_licence"])
def test_what_a_source_may_lack_is_null(edited, root: Path, name: str) -> None:
    assert f"  {name}: null" in (root / "params.yaml").read_text()
    assert getattr(load_params(edited()).source, name) is None


PATHS = [
    "source.landmarks",
    "source.labels",
    "source.accept_licence",
    "plan.earlier",
    "plan.remove",
    "align.yunet_model",
]


@pytest.mark.parametrize("name", [*PATHS, "run.scheduler"])
def test_an_empty_path_is_refused_by_name_for_it_would_be_the_working_directory(edited, name: str) -> None:
    key = name.partition(".")[2]
    with pytest.raises(ParamsError, match=f"{name}: String should have at least 1 character; found ''"):
        load_params(edited((f"  {key}: null", f"  {key}: ''")))


def test_params_name_the_formats_that_there_are() -> None:
    assert set(get_args(get_type_hints(SourceParams)["format"])) == set(get_args(SourceFormat))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("path: manifests/demo.yaml", "path: ''"), "source.path: String should have at least 1 character; found ''"),
        (("path: manifests/demo.yaml", "path: null"), "source.path: Input should be a valid string; found None"),
        (("path: manifests/demo.yaml", "path: 12"), "source.path: Input should be a valid string; found 12"),
        (("  landmarks: null", "  landmarks: false"), "source.landmarks: Input should be a valid string; found False"),
        (("  variants: 4", "  variants: 4\n  varients: 4"), "erase.varients"),
        (("  variants: 4", "  variants: '4'"), "erase.variants"),
        (("  images: true", "  images: false"), "erase.images"),
        (("  variants: 4", "  variants: 4.0"), "erase.variants"),
        (("  seed: 0\n", ""), "plan.seed"),
        (("erase:\n  seed: 0\n", "erase:\n"), "erase.seed"),
        (("n_regions: [1, 5]", "n_regions: [5, 1]"), "erase.n_regions: must be (least, greatest); found [5, 1]"),
        (("n_regions: [1, 5]", "n_regions: 2.5"), "erase.n_regions: must be a whole number from 1 to 25"),
        (("n_regions: [1, 5]", "n_regions: true"), "erase.n_regions: must be a whole number from 1 to 25"),
        (("fill: random", "fill: [0, 0, 256]"), "of whole numbers from 0 to 255; found [0, 0, 256]"),
        (("fill: random", "fill: randm"), "erase.fill: must be random, random_1, random_mix, mean, or a colour"),
        (("min_area: 16", "min_area: 0"), "erase.min_area: must be 1 or more"),
        (("min_area: 16", "min_area: 1.5"), "erase.min_area: must be a whole number, found 1.5"),
        (("    nose: 1", "    nose: -1"), "erase.classes: the probability of nose must be 0 or more, found -1"),
        (("    nose: 1", "    nose: true"), "erase.classes: the probability of nose must be a finite number"),
        (("    nose: 1", "    30: 1"), "erase.classes: 30 is no region"),
        (("workers: auto", "workers: 0"), "run.workers: Input should be greater than or equal to 1; found 0"),
        (("    nose: 1", "    noze: 1"), "erase.classes: 'noze' is no region"),
        (("    train: 0.8", "    train: 0.9"), "plan.splits: the shares must add up to 1, not 1.1"),
        (
            ("chunk_rows: 32", "chunk_rows: 31"),
            "store.chunk_rows: shard_rows must be a multiple of chunk_rows; found 2048 and 31",
        ),
        (("order: shuffled", "order: random"), "plan.order"),
        (("  earlier: null", "  earlier: 3"), "plan.earlier"),
        (("device: cpu", "device: gpu"), "parse.device"),
        (("align:\n", "allign:\n"), "allign"),
    ],
)
def test_what_does_not_fit_is_named(edited, change: tuple[str, str], named: str) -> None:
    with pytest.raises(ParamsError) as error:
        load_params(edited(change))
    assert named in str(error.value)


def test_all_mistakes_are_told_at_once(edited) -> None:
    with pytest.raises(ParamsError) as error:
        load_params(edited(("variants: 4", "variants: -1"), ("gallery: 24", "gallery: none")))
    assert "erase.variants" in str(error.value)
    assert "report.gallery" in str(error.value)


def test_numbers_are_read_as_dvc_reads_them(edited) -> None:
    assert load_params(edited(("max_skipped: 0.2", "max_skipped: 1e-3"))).align.max_skipped == 0.001


@pytest.mark.parametrize("text", ["a: [", "- 1", ""], ids=["broken", "list", "empty"])
def test_a_file_that_holds_no_params_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError, match=r"params\.yaml"):
        load_params(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no such file"):
        load_params(tmp_path / "nothing.yaml")
