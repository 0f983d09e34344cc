"""Each entry of the zoo against what its publisher says, and run with a network of the very same layout."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from adapters import colours
from downloads import QUICK
from file_server import FileServer
from stand_ins import IMAGENET, PLAIN, copied_entry, entry, write_stand_in

from faceshards.errors import WeightsError
from faceshards.parsing import load_parser
from faceshards.parsing.adapterparams import read_adapter
from faceshards.records import UInt8Array
from faceshards.regions import Region
from faceshards.zoo.catalogue import description_of, zoo
from faceshards.zoo.obtain import obtain

BISENET = (
    *("background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r", "nose"),
    *("mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat"),
)
CELEBAMASK_HQ = (
    *("background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip"),
    *("l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)
FARL = (
    *("background", "neck", "face", "cloth", "rr", "lr", "rb", "lb", "re", "le", "nose", "imouth", "llip", "ulip"),
    *("hair", "eyeg", "hat", "earr", "neck_l"),
)
FARL_LAPA = ("background", "face", "rb", "lb", "re", "le", "nose", "ulip", "imouth", "llip", "hair")
SEGFACE_LAPA = ("background", "face_lr_rr", "lb", "rb", "le", "re", "nose", "ul", "im", "ll", "hair")

PUBLISHED: dict[str, tuple[tuple[str, ...], int, Any]] = {
    "zoo/bisenet-resnet18.yaml": (BISENET, 512, IMAGENET),
    "zoo/bisenet-resnet34.yaml": (BISENET, 512, IMAGENET),
    "zoo/bisenet-zllrunning.yaml": (BISENET, 512, IMAGENET),
    "zoo/farl-celebamask.yaml": (FARL, 448, PLAIN),
    "zoo/farl-lapa.yaml": (FARL_LAPA, 448, PLAIN),
    "zoo/segface-celebamask.yaml": (FARL, 512, IMAGENET),
    "zoo/segface-lapa.yaml": (SEGFACE_LAPA, 512, IMAGENET),
    "zoo/segformer-celebamask.yaml": (CELEBAMASK_HQ, 512, IMAGENET),
}
"""Classes in order, side of the square input, mean and std, as the publishers have them."""

SIDED = {
    "eye": (Region.LEFT_EYE, Region.RIGHT_EYE),
    "brow": (Region.LEFT_BROW, Region.RIGHT_BROW),
    "ear": (Region.LEFT_EAR, Region.RIGHT_EAR),
}
WHOLE = {
    "background": Region.BACKGROUND,
    "glasses": Region.GLASSES,
    "nose": Region.NOSE,
    "mouth": Region.MOUTH,
    "upper_lip": Region.UPPER_LIP,
    "lower_lip": Region.LOWER_LIP,
    "neck": Region.NECK,
    "clothing": Region.CLOTHING,
    "hair": Region.HAIR,
    "headwear": Region.HEADWEAR,
}
MEANING = {
    **dict.fromkeys(("skin", "face", "face_lr_rr"), "skin"),
    **dict.fromkeys(("l_brow", "r_brow", "rb", "lb"), "brow"),
    **dict.fromkeys(("l_eye", "r_eye", "re", "le"), "eye"),
    **dict.fromkeys(("l_ear", "r_ear", "rr", "lr"), "ear"),
    **dict.fromkeys(("eye_g", "eyeg"), "glasses"),
    **dict.fromkeys(("mouth", "imouth", "im"), "mouth"),
    **dict.fromkeys(("u_lip", "ulip", "ul"), "upper_lip"),
    **dict.fromkeys(("l_lip", "llip", "ll"), "lower_lip"),
    **dict.fromkeys(("neck", "neck_l"), "neck"),
    **dict.fromkeys(("cloth",), "clothing"),
    **dict.fromkeys(("hat",), "headwear"),
    **dict.fromkeys(("ear_r", "earr"), "none"),
    **{name: name for name in ("background", "nose", "hair")},
}
"""The publishers' names, where a first or last l and r are sides, and what they mean."""

CELL, COLUMNS, EDGE = 14, 4, 3
"""A picture has a square of CELL pixels for each class on its left half, and mirrored on its right."""


def picture(n: int) -> UInt8Array:
    """(1, 112, 112, 3): a square of each class's colour on both halves, in the colour of the first class."""
    image = np.tile(colours(n)[0], (112, 112, 1))
    for i in range(n):
        image[square(i)] = image[:, ::-1][square(i)] = colours(n)[i]
    return image[None]


def square(i: int, edge: int = 0) -> tuple[slice, slice]:
    row, column = divmod(i, COLUMNS)
    return tuple(slice(CELL * at + edge, CELL * (at + 1) - edge) for at in (row, column))  # type: ignore[return-value]


def halves(regions: UInt8Array, i: int) -> tuple[set[int], set[int]]:
    """The regions within the square of class i on the left half of the picture, and on the right."""
    face = regions[0]
    return set(face[square(i, EDGE)].flat), set(face[:, ::-1][square(i, EDGE)].flat)


class Run(NamedTuple):
    """An entry that was run as a stand-in: the regions of `picture`, and what a store would tell of the parser."""

    name: str
    regions: UInt8Array
    provenance: Mapping[str, str]


@pytest.fixture(scope="module", params=list(PUBLISHED))
def parsed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run an entry, downloaded from a server."""
    name: str = request.param
    if entry(name).get("url", ".onnx").endswith(".onnx"):
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("entry")
    classes, *_ = PUBLISHED[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESHARDS_PARSERS", str(folder / "kept"))
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.chdir(folder)
        published = read_adapter(description_of(name))
        write_stand_in(name, folder / published.file_name)
        with FileServer((folder / published.file_name).read_bytes()) as server:
            description = copied_entry(
                name, folder, model=None, url=server.url(published.file_name), sha256=None, bytes=len(server.data)
            )
            accepted = published.licence.accept if published.licence else None
            obtain(description, accepted, transfer=QUICK, progress=False)
        parser = load_parser(description, "cpu")
        return Run(name, parser.parse(picture(len(classes))), parser.provenance)


def test_every_entry_is_told_of_here() -> None:
    assert set(zoo()) == set(PUBLISHED)


def test_every_class_becomes_its_region_on_both_sides_of_the_face(parsed: Run) -> None:
    classes, *_ = PUBLISHED[parsed.name]
    for i, class_name in enumerate(classes):
        left, right = halves(parsed.regions, i)
        meaning = MEANING[class_name]
        if meaning in SIDED:  # whichever side the network names: the place decides, as the viewer sees it
            assert ({*left}, {*right}) == ({SIDED[meaning][0]}, {SIDED[meaning][1]}), class_name
        elif meaning == "skin":
            assert left | right <= set(range(Region.RIGHT_CHEEK, Region.AROUND_LEFT_EYE + 1)), class_name
        elif meaning == "none":
            assert left | right <= {region for other in second_best(i, classes) for region in other}, class_name
        else:
            assert left == right == {WHOLE[meaning]}, class_name


def test_a_store_tells_where_its_parser_comes_from_and_under_what_terms(parsed: Run) -> None:
    licence = entry(parsed.name)["licence"]
    assert parsed.provenance["weights_licence"] == f"{licence['accept']}: {licence['terms'].strip()}"
    assert parsed.provenance["weights_from"].startswith("http://127.0.0.1")


def second_best(i: int, classes: tuple[str, ...]) -> list[tuple[int, ...]]:
    """What the classes with the next nearest colours become."""
    far = ((colours(len(classes)).astype(int) - colours(len(classes))[i].astype(int)) ** 2).sum(1)
    far[i] = far.max() + 1
    meanings = [MEANING[classes[j]] for j in np.flatnonzero(far <= far.min() * 1.3)]
    return [SIDED[m] if m in SIDED else (WHOLE[m],) if m in WHOLE else tuple(range(1, 10)) for m in meanings]


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_entry_feeds_its_network_as_the_publisher_does(name: str) -> None:
    params = read_adapter(description_of(name))
    classes, side, (mean, std) = PUBLISHED[name]
    assert (params.size, params.channels, params.scale) == ((side, side), "rgb", 255)
    assert (params.mean, params.std) == (mean, std)
    assert len(params.class_names) == len(classes)


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_entry_names_its_source_its_licence_and_whether_it_was_run(name: str) -> None:
    params = read_adapter(description_of(name))
    assert params.homepage
    assert params.paper
    assert params.licence
    assert params.licence.accept
    assert re.fullmatch(r"(not )?run \(\d{4}-\d\d-\d\d\)", params.tested)
    assert (params.url is None) == (params.export is not None)
    if "huggingface" in (params.url or ""):
        assert re.search(r"/resolve/[0-9a-f]{40}/", str(params.url))


def test_all_but_those_whose_hash_nobody_publishes_are_known_by_their_hash() -> None:
    unknown = {name for name in zoo() if read_adapter(description_of(name)).sha256 is None}
    assert unknown == {"zoo/farl-lapa.yaml", "zoo/segface-celebamask.yaml", "zoo/segface-lapa.yaml"}


@pytest.mark.parametrize(("name", "classes"), [("zoo/farl-lapa.yaml", 19), ("zoo/segformer-celebamask.yaml", 11)])
def test_a_network_of_another_number_of_classes_is_refused(name: str, classes: int, tmp_path: Path) -> None:
    if "segformer" in name:
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
    published = read_adapter(description_of(name))
    write_stand_in(name, tmp_path / published.file_name, classes)
    description = copied_entry(name, tmp_path, url=None, sha256=None, bytes=None, model=published.file_name)
    with pytest.raises(WeightsError, match=rf"expected the {30 - classes} classes .*; the network gives {classes}"):
        load_parser(description, "cpu")
