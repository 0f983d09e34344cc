import copy

import numpy as np
import pytest
import torch

from faceshards.errors import FaceError, FaceTypeError, ParamsError
from faceshards.regions import Region
from faceshards.transforms import FSErasing, RandomHorizontalFlip


def erased_regions(out: torch.Tensor, regions: torch.Tensor) -> list[set[int]]:
    """Region ids of the pixels that are no longer 7, face by face."""
    return [set(r[(o != 7).any(0)].tolist()) for o, r in zip(out, regions, strict=True)]


def test_only_regions_that_a_face_shows_are_drawn(images: torch.Tensor, regions: torch.Tensor) -> None:
    out, same = FSErasing(p=1, n_regions=5)(images, regions)
    assert same is regions
    assert erased_regions(out, regions) == [{Region.NOSE, Region.MOUTH}] * 8


def test_each_face_of_a_batch_is_drawn_for_on_its_own(images: torch.Tensor, regions: torch.Tensor) -> None:
    out, _ = FSErasing(p=1, n_regions=1, generator=torch.Generator().manual_seed(1))(images, regions)
    assert {frozenset(e) for e in erased_regions(out, regions)} == {frozenset({10}), frozenset({17})}
    out, _ = FSErasing(p=0.5, n_regions=5, generator=torch.Generator().manual_seed(0))(images, regions)
    assert {len(e) for e in erased_regions(out, regions)} == {0, 2}


def test_one_draw_for_the_batch(images: torch.Tensor, regions: torch.Tensor) -> None:
    seen = set()
    for seed in range(20):
        erase = FSErasing(p=0.5, n_regions=1, same_on_batch=True, generator=torch.Generator().manual_seed(seed))
        out = erased_regions(erase(images, regions)[0], regions)
        assert out == [out[0]] * 8
        seen.add(frozenset(out[0]))
    assert seen == {frozenset(), frozenset({10}), frozenset({17})}


def test_classes_and_areas_say_what_may_go(images: torch.Tensor, regions: torch.Tensor) -> None:
    def union(**options: object) -> set[int]:
        return set().union(*erased_regions(FSErasing(p=1, n_regions=25, **options)(images, regions)[0], regions))

    assert union(classes=["hair", Region.NOSE]) == {Region.HAIR, Region.NOSE}
    assert union(classes={10: 1, "mouth": 0}) == {Region.NOSE}
    assert union(min_area=1) == {Region.NOSE, Region.MOUTH, Region.LEFT_EYE}
    assert union(classes=np.arange(25), min_area=241) == set()


def test_probabilities_are_relative(images: torch.Tensor, regions: torch.Tensor) -> None:
    images, regions = images.repeat(200, 1, 1, 1), regions.repeat(200, 1, 1)
    erase = FSErasing(p=1, n_regions=1, classes={"nose": 3, "mouth": 1}, generator=torch.Generator().manual_seed(1))
    noses = (erase.make_params([images, regions])["erased"] == 1 << Region.NOSE).mean()
    assert abs(noses - 0.75) < 0.04


def test_params_are_drawn_once_and_replayed(images: torch.Tensor, regions: torch.Tensor) -> None:
    erase = FSErasing(p=1, fill="random_mix")
    params = erase.make_params([images, regions])
    first, second = erase.transform(images, params), erase.transform(images, params)
    assert torch.equal(first, second)
    for face, mask in zip(erased_regions(first, regions), params["erased"], strict=True):
        assert face == set(Region.of_mask(int(mask)))


def test_a_pair_and_a_nest_of_the_same_tensors_lose_the_same(images: torch.Tensor, regions: torch.Tensor) -> None:
    def erase() -> FSErasing:
        return FSErasing(p=1, generator=torch.Generator().manual_seed(2))

    pair, nest = erase()(images, regions), erase()({"face": images, "map": regions})
    assert torch.equal(pair[0], nest["face"])
    assert pair[1] is nest["map"] is regions


def test_noise_is_drawn_anew_for_each_channel_face_and_call(images: torch.Tensor, regions: torch.Tensor) -> None:
    erase = FSErasing(p=1, n_regions=5)
    calls = torch.stack([erase(images, regions)[0] for _ in range(2)])
    erased = calls[..., 8:24, :].flatten(3)  # nose and mouth
    assert len(erased.unique()) > 0.7 * erased.numel()
    assert abs(erased.mean()) < 0.05
    assert abs(erased.std() - 1) < 0.05


def test_draws_follow_the_generator_or_else_torchs_seed(images: torch.Tensor, regions: torch.Tensor) -> None:
    def draw(generator: torch.Generator | None = None) -> torch.Tensor:
        return FSErasing(p=1, generator=generator)(images, regions)[0]

    torch.manual_seed(3)
    first = draw()
    second = draw()
    torch.manual_seed(3)
    assert torch.equal(draw(), first)
    assert not torch.equal(first, second)
    state = torch.get_rng_state()
    assert torch.equal(draw(torch.Generator().manual_seed(1)), draw(torch.Generator().manual_seed(1)))
    assert torch.equal(torch.get_rng_state(), state)


def test_nests_keep_their_form_and_other_leaves_pass(images: torch.Tensor, regions: torch.Tensor) -> None:
    sample = {"face": [images[0], regions[0].long()], "label": 4, "name": "a", "points": torch.ones(5, 2)}
    out = FSErasing(p=1)(sample)
    assert list(out) == list(sample)
    assert out["label"] == 4
    assert out["points"] is sample["points"]
    assert not torch.equal(out["face"][0], images[0])
    label = torch.tensor(3)
    image, same, label_out = FSErasing(p=1)(images[0], regions[0], label)
    assert label_out is label
    assert torch.equal(same, regions[0])
    assert not torch.equal(image, images[0])


def test_a_face_that_is_not_drawn_is_not_copied(images: torch.Tensor, regions: torch.Tensor) -> None:
    assert FSErasing(p=0)(images, regions)[0] is images


def test_inplace(images: torch.Tensor, regions: torch.Tensor) -> None:
    assert FSErasing(p=1, inplace=True)(images, regions)[0] is images
    assert erased_regions(images, regions)[0]


def test_it_can_be_copied_and_shows_what_it_does() -> None:
    erase = copy.deepcopy(FSErasing(n_regions=2, classes=["nose"], fill=(0, 0, 0)))
    assert repr(erase) == (
        "FSErasing(p=0.5, n_regions=(2, 2), classes={'nose': 1.0}, min_area=16, fill=(0, 0, 0), same_on_batch=False, "
        "inplace=False)"
    )


def test_unusable_inputs_are_refused_with_the_remedy(images: torch.Tensor, regions: torch.Tensor) -> None:
    with pytest.raises(
        FaceTypeError, match=r"one region map.*found \['Tensor torch.float32 \(8, 3, 40, 30\)', 'int'\]"
    ):
        FSErasing()(images, 3)
    with pytest.raises(FaceTypeError, match="ToImage"):
        FSErasing()("face.png", "regions.png")
    with pytest.raises(FaceTypeError, match="Normalize before"):
        FSErasing()(images.int(), regions)


def test_two_tensors_that_could_be_the_map_or_the_image_are_refused(
    images: torch.Tensor, regions: torch.Tensor
) -> None:
    depth = torch.ones(8, 40, 30, dtype=torch.int16)
    for sample in ({"image": images, "depth": depth, "map": regions}, {"map": regions, "image": images, "b": regions}):
        with pytest.raises(FaceTypeError, match=r"expected an image tensor .* and one region map"):
            FSErasing(p=1)(sample)
    with pytest.raises(FaceTypeError, match=r"one plain tensor that can be the image; mark .* tv_tensors\.Image"):
        FSErasing(p=1)({"depth": depth[:, None].float(), "image": images, "map": regions})


@pytest.mark.parametrize("p", [0, 1])
@pytest.mark.parametrize(
    "shape", [(8, 3, 80, 60), (8, 3, 20, 15), (8, 3, 80, 15), (4, 3, 40, 30), (3, 40, 30), (8, 3, 30, 40), (40, 30)]
)
def test_a_draw_is_not_repeated_on_images_of_another_size(
    images: torch.Tensor, regions: torch.Tensor, shape: tuple[int, ...], p: int
) -> None:
    erase = FSErasing(p=p)
    params = erase.make_params([images, regions])
    with pytest.raises(FaceError, match=r"region maps' number and size \(8, 40, 30\), found"):
        erase.transform(torch.zeros(shape), params)
    with pytest.raises(FaceTypeError, match=r"must be a torch\.Tensor, found ndarray"):
        erase.transform(images.numpy(), params)


@pytest.mark.parametrize("p", [0, 1])
def test_a_fill_that_the_image_cannot_hold_is_refused_whatever_is_drawn(
    images: torch.Tensor, regions: torch.Tensor, p: int
) -> None:
    with pytest.raises(
        ParamsError, match=r"fill must be a whole number from 0 to 255 for an image of torch\.uint8; found 300"
    ):
        FSErasing(p=p, fill=300)(images.byte(), regions)
    with pytest.raises(ParamsError, match="one for each of 3 channels; found 2"):
        FSErasing(p=p, fill=(1, 2))(images, regions)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p": 1.5}, "p is a probability from 0 to 1"),
        ({"p": True}, "p must be a finite number"),
        ({"p": "0.5"}, "p must be a finite number"),
        ({"p": float("nan")}, "p must be a finite number"),
        ({"fill": "noise"}, "fill must be .*random_mix; found 'noise'"),
        ({"fill": float("inf")}, "fill must be a finite number"),
        ({"fill": True}, "fill must be a finite number"),
        ({"fill": b"random"}, "fill must be a finite number, .*found b'random'"),
        ({"fill": None}, "fill must be a finite number"),
        ({"inplace": 1}, "inplace must be True or False"),
        ({"same_on_batch": "no"}, "same_on_batch must be True or False"),
        ({"generator": 0}, "generator must be a torch.Generator or None"),
    ],
)
def test_impossible_parameters_are_refused_and_named(options: dict, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        FSErasing(**options)


def test_p_and_fill_are_checked_when_set_later_and_the_choice_is_not_set_in_parts() -> None:
    erase = FSErasing(n_regions=2, classes=["nose"])
    erase.p, erase.fill = 1, "mean"
    assert repr(erase).startswith("FSErasing(p=1.0, n_regions=(2, 2), classes={'nose': 1.0}, min_area=16, fill='mean'")
    for name, value in {"p": 50, "fill": "noise"}.items():
        with pytest.raises(ParamsError, match=name):
            setattr(erase, name, value)
    for name in ("n_regions", "classes", "min_area"):
        with pytest.raises(AttributeError):
            setattr(erase, name, 3)
    assert (erase.n_regions, erase.classes, erase.min_area) == ((2, 2), {"nose": 1.0}, 16)


def test_nothing_is_no_sample() -> None:
    for transform in (FSErasing(), RandomHorizontalFlip()):
        with pytest.raises(FaceTypeError, match="found nothing"):
            transform()


def test_channels_that_are_last_are_told() -> None:
    sample = {"image": torch.zeros(8, 40, 30, 3), "region": torch.zeros(8, 40, 30).byte(), "name": ["a"] * 8}
    with pytest.raises(FaceTypeError, match=r"'8 str'\]\. Channels are last: image\.movedim\(-1, -3\)"):
        FSErasing()(sample)


def test_a_dtype_that_torch_cannot_write_to_is_refused(regions: torch.Tensor) -> None:
    with pytest.raises(FaceTypeError, match=r"torch cannot write to places of torch\.uint16"):
        FSErasing(p=1, fill=3)(torch.zeros(8, 3, 40, 30, dtype=torch.uint16), regions)


def test_an_image_without_width_stays_so() -> None:
    assert FSErasing(p=1)(torch.zeros(2, 3, 8, 0), torch.zeros(2, 8, 0).byte())[0].shape == (2, 3, 8, 0)


def test_the_mean_of_doubles_is_a_double(regions: torch.Tensor) -> None:
    image = torch.full((3, 40, 30), 1 / 3, dtype=torch.float64)
    out = FSErasing(p=1, fill="mean")(image, regions[0])[0]
    assert (out - 1 / 3).abs().max() < 1e-14
