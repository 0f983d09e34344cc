"""What a model may give, and what is said of anything else."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from faceshards.cam import FSCAM, OutputTarget, numpy_model
from faceshards.errors import ModelError, ModelFailedError


class ModelOutput(OrderedDict):
    """As Hugging Face's: a dict whose entries are attributes too."""

    def __getattr__(self, name: str) -> object:
        return self[name]


@dataclass
class Classified:
    features: torch.Tensor
    logits: torch.Tensor


@dataclass
class Alone:
    scores: torch.Tensor
    note: str = "one tensor"


Named = namedtuple("Named", ["loss", "logits"])
Inception = namedtuple("Inception", ["out", "aux"])

FORMS = {
    "tensor": lambda y: y,
    "array": lambda y: y.numpy(),
    "array that runs backwards": lambda y: np.flip(np.flip(y.numpy(), 1).copy(), 1),
    "tuple": lambda y: (y, "extra"),
    "list": lambda y: [y, y * 2],
    "named tuple with logits": lambda y: Named(None, y),
    "named tuple": lambda y: Inception(y, y * 2),
    "dict with logits": lambda y: {"loss": torch.tensor(1.0), "logits": y},
    "dict of one": lambda y: {"output": y},
    "ModelOutput": lambda y: ModelOutput(hidden_states=(y,), logits=y),
    "dataclass with logits": lambda y: Classified(y * 2, y),
    "dataclass of one tensor": Alone,
    "object with logits": lambda y: SimpleNamespace(logits=y, features=y * 2),
    "trailing ones": lambda y: y[:, :, None, None],
    "double": lambda y: y.double(),
    "with gradient": lambda y: y.clone().requires_grad_(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_logits_are_found_in_what_models_give(network, noise, regions, form, mode) -> None:
    for targets in (None, 1):
        expected = FSCAM(network, mode=mode).region_scores(noise, targets, regions=regions)
        found = FSCAM(lambda x: form(network(x)), mode=mode).region_scores(noise, targets, regions=regions)
        assert np.allclose(found, expected, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize(
    ("give", "taught"),
    [
        (lambda y: {"embedding": y, "pooled": y}, "dict with 'embedding', 'pooled', and no 'logits'; say which"),
        (lambda y: {}, "gives a dict"),
        (lambda y: None, "gives a NoneType"),
        (lambda y: "face", "gives a str"),
        (lambda y: (), "gives a tuple of nothing"),
        (lambda y: ("loss", y), "gives a tuple of str, Tensor"),
        (lambda y: list(y), r"gives \(5,\) first in a list"),
        (lambda y: y.sum(), r"gives \(\); expected .*one row a face"),
        (lambda y: y.mean(0, keepdim=True), r"gives \(1, 5\)"),
        (lambda y: y[:-1], "one row a face"),
        (lambda y: y[:, :0], "one row a face"),
        (lambda y: y + 1j, "complex64"),
        (lambda y: y.to_sparse(), "sparse_coo"),
        (lambda y: y.to("meta"), "on meta"),
        (lambda y: torch.nn.Linear(1, 1), "gives a Linear"),
        (lambda y: np.array([{"a": 1}] * len(y)), "gives a ndarray"),
    ],
    ids=[
        "dict of two",
        "empty dict",
        "None",
        "text",
        "empty tuple",
        "text first",
        "list of rows",
        "one number",
        "mean of the batch",
        "a face too few",
        "no outputs",
        "complex",
        "sparse",
        "without values",
        "module",
        "objects",
    ],
)
def test_anything_else_is_refused_by_what_it_is(network, noise, regions, give, taught) -> None:
    cam = FSCAM(lambda x: give(network(x)))
    for targets in (None, 1, OutputTarget(0)):
        with pytest.raises(ModelError, match=taught):
            cam(noise, targets, regions=regions)


def test_a_model_that_answers_batches_of_one_in_another_form_is_refused(network, noise, regions) -> None:
    squeezed = lambda x: network(x).squeeze()  # noqa: E731 (it reads best here)
    with pytest.raises(ModelError, match=r"gives \(5,\)"):
        FSCAM(squeezed, batch_size=3)(noise, 0, regions=regions)  # ten copies: the last is alone
    one = lambda x: network(x)[:, :1].squeeze()  # noqa: E731 (it reads best here)
    expected = FSCAM(lambda x: network(x)[:, :1]).region_scores(noise, regions=regions)
    found = FSCAM(one, batch_size=3).region_scores(noise, regions=regions)
    assert np.allclose(found, expected, atol=1e-6, equal_nan=True)


def test_rows_that_change_their_length_are_refused(noise, regions) -> None:
    with pytest.raises(ModelError, match="rows of the same shape for every batch"):
        FSCAM(lambda x: torch.ones(len(x), len(x)), batch_size=4)(noise, OutputTarget(0), regions=regions)


def test_a_picture_a_face_needs_a_target_that_reads_pictures(network, noise, regions) -> None:
    segments = lambda x: network(x)[:, :, None, None] * torch.ones(2, 2)  # noqa: E731 (it reads best here)
    with pytest.raises(ModelError, match=r"gives \(3, 5, 2, 2\); expected logits"):
        FSCAM(segments)(noise, regions=regions)
    found = FSCAM(segments).region_scores(noise, lambda row: row[1].sum(), regions=regions)
    expected = FSCAM(network).region_scores(noise, OutputTarget(1), regions=regions)
    assert np.allclose(found, 4 * expected, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize(
    ("change", "taught"),
    [
        (lambda x: (x * 255).byte(), r"uint8 \(\d+, 3, 24, 20\)"),
        (lambda x: x.double(), "float64"),
        (lambda x: x.half(), "float16"),
        (lambda x: x[:, :1], r"float32 \(\d+, 1, 24, 20\)"),
        (lambda x: x[:, :, :12], r"float32 \(\d+, 3, 12, 20\)"),
    ],
    ids=["uint8", "double", "half", "grey", "low"],
)
def test_images_that_a_model_refuses_are_named_with_the_models_own_words(
    network, noise, regions, change, taught
) -> None:
    network(noise)  # its last layer learns its size from the first batch
    images = change(noise)
    maps = regions[:, : images.shape[2]]
    for call in (
        lambda: FSCAM(network)(images, regions=maps),
        lambda: FSCAM(network)(images, 1, regions=maps),
        lambda: FSCAM(network).attribute(images, target=1, feature_mask=maps),
    ):
        with pytest.raises(ModelFailedError, match=f"refuses faces of {taught}.*RuntimeError") as error:
            call()
        assert isinstance(error.value, RuntimeError)
        assert isinstance(error.value, ModelError)
        assert isinstance(error.value.__cause__, RuntimeError)


def test_models_of_another_precision_give_the_same_map(network, noise, regions) -> None:
    expected = FSCAM(network)(noise, 1, regions=regions)
    double = FSCAM(network.double())(noise.double(), 1, regions=regions)
    assert np.allclose(double, expected, atol=1e-4)
    brain = FSCAM(network.bfloat16())(noise.bfloat16(), 1, regions=regions)
    assert np.allclose(brain, expected, atol=0.1)


def test_a_session_that_gives_a_list_of_its_outputs_is_taken_by_its_first(network, noise, regions) -> None:
    session = lambda x: [network(torch.from_numpy(x)).numpy(), "other"]  # noqa: E731 (it reads best here)
    expected = FSCAM(network)(noise, 1, regions=regions)
    assert np.allclose(FSCAM(numpy_model(session))(noise, 1, regions=regions), expected, atol=1e-5)
    rows = lambda x: list(network(torch.from_numpy(x)).numpy())  # noqa: E731 (it reads best here)
    assert np.allclose(FSCAM(numpy_model(rows))(noise, 1, regions=regions), expected, atol=1e-5)
    named = lambda x: {"logits": network(torch.from_numpy(x)).numpy()}  # noqa: E731 (it reads best here)
    assert np.allclose(FSCAM(numpy_model(named))(noise, 1, regions=regions), expected, atol=1e-5)


@pytest.mark.parametrize("container", [tuple, list])
@pytest.mark.parametrize("faces", [1, 2, 3])
def test_scores_with_something_behind_them_are_taken_and_what_is_behind_is_not(
    network, noise, regions, container, faces
) -> None:
    one = lambda x: network(x)[:, 0]  # noqa: E731 (it reads best here)

    def detect(x: np.ndarray) -> tuple[np.ndarray, ...] | list[np.ndarray]:
        scores = one(torch.from_numpy(x)).numpy()
        return container([scores, np.full(len(x), 7)])

    few, maps = noise[:faces], regions[:faces]
    expected = FSCAM(one, batch_size=5).region_scores(few, OutputTarget(0), regions=maps)
    found = FSCAM(numpy_model(detect), batch_size=5).region_scores(few, OutputTarget(0), regions=maps)
    assert np.allclose(found, expected, atol=1e-5, equal_nan=True)


def test_a_list_that_may_be_rows_or_two_outputs_is_refused(network, noise, regions) -> None:
    two = numpy_model(lambda x: list(network(torch.from_numpy(x)).numpy()[:, :2]))
    with pytest.raises(ModelError, match=r"a list of 2 arrays \(2,\) for 2 faces; .*np.stack"):
        FSCAM(two, batch_size=2)(noise, 1, regions=regions)
