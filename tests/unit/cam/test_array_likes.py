"""Maps, scores and faces are taken as arrays, tensors or nested lists; anything else is refused in words."""

import numpy as np
import pytest
import torch

from faceshards.cam import (
    FSCAM,
    CosineTarget,
    numpy_model,
    overlay_regions,
    overlay_saliency,
    pointing_game,
    region_bars,
    saliency_of_scores,
)
from faceshards.errors import ParamsError
from faceshards.regions import N_REGIONS, Region

MAPS = np.full((1, 4, 4), Region.NOSE, np.uint8)
MAPS[0, 2:] = Region.MOUTH
PEAK = np.zeros((1, 4, 4))
PEAK[0, 0, 0] = 1
SCORES = np.full((1, N_REGIONS), np.nan, np.float32)
SCORES[0, [Region.NOSE, Region.MOUTH]] = 0.25, -0.75
FACE = np.full((4, 4, 3), 100, np.uint8)

CALLS = {
    "pointing_game": (pointing_game, {"saliency": PEAK, "regions": MAPS}),
    "saliency_of_scores": (saliency_of_scores, {"scores": SCORES, "regions": MAPS}),
    "overlay_regions": (overlay_regions, {"image": FACE, "regions": MAPS[0]}),
    "overlay_saliency": (overlay_saliency, {"image": FACE, "saliency": PEAK[0]}),
    "region_bars": (region_bars, {"scores": SCORES[0], "spread": np.abs(SCORES[0])}),
}
EACH = [(name, argument) for name, (_, arguments) in CALLS.items() for argument in arguments]


def read_only(array: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def backwards(array: np.ndarray) -> np.ndarray:
    """The same values by negative strides, as of a picture that was flipped."""
    return np.ascontiguousarray(array[..., ::-1])[..., ::-1]


def of_another_machine(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("S"))


FORMS = {"tensor": torch.from_numpy, "lists": np.ndarray.tolist, "read-only": read_only, "backwards": backwards}
FORMS |= {"bytes the other way round": of_another_machine}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("name", "argument"), EACH)
def test_other_forms_of_an_array_give_the_same(name, argument, form) -> None:
    call, arguments = CALLS[name]
    if argument == "image" and form is np.ndarray.tolist:
        with pytest.raises(ParamsError, match="image: expected a uint8 face"):
            call(**arguments | {argument: form(arguments[argument])})
        return
    found = call(**arguments | {argument: form(arguments[argument])})
    expected = call(**arguments)
    assert found == expected if isinstance(expected, str) else np.array_equal(found, expected)


@pytest.mark.parametrize("form", [backwards, of_another_machine, read_only])
def test_a_run_takes_regions_baselines_references_and_outputs_however_they_lie_in_memory(form) -> None:
    weights = np.random.default_rng(0).standard_normal((48, 5)).astype(np.float32)
    faces, baseline = torch.ones(1, 3, 4, 4), np.arange(48, dtype=np.float32).reshape(3, 4, 4)

    def scores(of) -> np.ndarray:
        model = numpy_model(lambda images: of(images.reshape(len(images), -1) @ weights))
        target = CosineTarget(of(weights[0]))
        return FSCAM(model, baseline=of(baseline)).region_scores(faces, target, regions=of(MAPS))

    np.testing.assert_array_equal(scores(form), scores(np.asarray))


def test_a_map_of_more_than_one_face_or_channel_is_not_drawn() -> None:
    for shape in ((4, 4, 1), (4, 4, 3), (2, 4, 4)):
        with pytest.raises(ParamsError, match=r"^saliency: expected a map \(H, W\), found "):
            overlay_saliency(FACE, np.zeros(shape))


@pytest.mark.parametrize(
    "wrong", ["face", None, {"a": 1}, [[1], [1, 2]], object()], ids=["text", "none", "dict", "ragged", "object"]
)
@pytest.mark.parametrize(("name", "argument"), [e for e in EACH if e[1] != "spread"])
def test_anything_else_is_named_with_the_argument(name, argument, wrong) -> None:
    call, arguments = CALLS[name]
    with pytest.raises(ParamsError, match=f"^{argument}: expected an array of numbers; found "):
        call(**arguments | {argument: wrong})


def test_bars_of_whole_numbers_are_sorted_by_them() -> None:
    whole = np.arange(N_REGIONS)
    for dtype in (np.uint8, np.int8, np.uint64):
        assert region_bars(whole.astype(dtype)) == region_bars(whole.astype(float))
