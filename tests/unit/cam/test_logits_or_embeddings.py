"""What is explained without a target: a class or a logit where it is certain, and an embedding's entry never."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from faceshards.cam import FSCAM, BinaryTarget, ClassTarget, CosineTarget, OutputTarget, SoftmaxTarget
from faceshards.cam import perturbation_curves as curves
from faceshards.errors import ParamsError, TargetError

PIXELS = 3 * 24 * 20


def linear(outputs: int, *behind: nn.Module, scale: float = 1.0) -> nn.Module:
    torch.manual_seed(0)
    layer = nn.Linear(PIXELS, outputs)
    layer.weight.data *= scale
    return nn.Sequential(nn.Flatten(), layer, *behind).eval()


class Unit(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(x)


@pytest.mark.parametrize("classes", [2, 3, 5, 7, 8, 10, 40, 100, 101, 200, 365, 1000, 2622, 8631, 10575, 85742])
def test_the_class_that_logits_predict_is_explained(noise, regions, classes) -> None:
    net = linear(classes)
    scores = FSCAM(net).region_scores(noise, regions=regions)
    predicted = net(noise).argmax(1)
    assert np.array_equal(scores, FSCAM(net).region_scores(noise, predicted, regions=regions), equal_nan=True)
    alone = torch.softmax(net(noise[:1] * (regions[:1] == 0)[:, None]), 1)[0, predicted[0]]
    assert scores[0, 0] == pytest.approx(alone.item(), rel=1e-4)


@pytest.mark.parametrize("mode", ["keep", "erase"])
@pytest.mark.parametrize(
    "net",
    [
        linear(512, nn.BatchNorm1d(512)),  # InsightFace's iresnets
        linear(512, nn.BatchNorm1d(512, affine=False)),
        linear(20, nn.BatchNorm1d(20)),
        linear(20, nn.LayerNorm(20), nn.Dropout(0.4)),
        linear(20, nn.SyncBatchNorm(20)),
        linear(512),  # a layer without a norm behind it
        linear(128),  # FaceNet's, dlib's
        linear(160),
        linear(256),
        linear(1024),
        linear(2048),
        linear(4096),
        linear(128, nn.ReLU()),
        linear(512, Unit()),
        linear(17, Unit()),
        linear(512, scale=1e-3),
    ],
    ids=lambda net: " ".join(str(m).split("(")[0] for m in net[1:]) + f" {net[1].out_features}",
)
def test_embeddings_raw_or_of_unit_length_are_refused_and_the_remedies_named(noise, regions, net, mode) -> None:
    cam = FSCAM(net, mode=mode)
    for call in (cam, cam.region_scores):
        with pytest.raises(TargetError, match=r"CosineTarget\(reference\).*outputs='logits'.*--outputs logits"):
            call(noise, regions=regions)
    with pytest.raises(TargetError, match="CosineTarget"):
        curves(net, noise, np.zeros((3, 24, 20)))
    with torch.no_grad():
        assert cam(noise, [CosineTarget(r) for r in net(noise)], regions=regions).max() == 1


def test_a_function_that_gives_descriptors_is_refused_as_a_module_is(noise, regions) -> None:
    net = linear(128)

    def describe(x: torch.Tensor) -> np.ndarray:
        return net(x).numpy().astype(np.float64)

    with pytest.raises(TargetError, match="128 is a usual size of embeddings"):
        FSCAM(describe)(noise, regions=regions)


@pytest.mark.filterwarnings("ignore")  # TorchScript is deprecated, and still what people have
def test_torchscript_that_ends_in_a_norm_is_refused_and_a_classifier_is_not(noise, regions) -> None:
    raw = linear(20, nn.BatchNorm1d(20), nn.Dropout())
    classify = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(PIXELS), linear(20)[1]).eval()
    for made in (torch.jit.script, lambda net: torch.jit.trace(net, noise)):
        with pytest.raises(TargetError, match="a normalising layer made them"):
            FSCAM(made(raw))(noise, regions=regions)
        assert np.allclose(
            FSCAM(made(classify))(noise, regions=regions), FSCAM(classify)(noise, regions=regions), atol=1e-5
        )


def test_one_who_knows_says_so(noise, regions) -> None:
    net = linear(512)
    predicted = net(noise).argmax(1)
    found = FSCAM(net, outputs="logits").region_scores(noise, regions=regions)
    assert np.array_equal(found, FSCAM(net).region_scores(noise, predicted, regions=regions), equal_nan=True)
    assert curves(net, noise, np.zeros((3, 24, 20)), outputs="logits", steps=2).scores.shape == (3, 3)
    small = FSCAM(linear(20), outputs="embeddings")
    for targets in (None, 3, SoftmaxTarget(3), [SoftmaxTarget(3), OutputTarget(0), OutputTarget(0)]):
        with pytest.raises(TargetError, match="CosineTarget"):
            small(noise, targets, regions=regions)
    with pytest.raises(ParamsError, match="outputs: expected 'logits', 'embeddings' or None; found 'probabilities'"):
        FSCAM(net, outputs="probabilities")


def test_a_class_of_unit_embeddings_is_refused_also_when_it_is_named(noise, regions) -> None:
    with pytest.raises(TargetError, match="embeddings, all of unit length"):
        FSCAM(linear(17, Unit()))(noise, 3, regions=regions)
    assert FSCAM(linear(17, Unit()), outputs="logits")(noise, 3, regions=regions).max() == 1


class Behind(nn.Module):
    def __init__(self, change) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.change(x)


NORMED = {
    "batch norm": linear(512, nn.BatchNorm1d(512)),
    "layer norm": linear(20, nn.LayerNorm(20), nn.Dropout()),
    "float64": linear(20, nn.BatchNorm1d(20), Behind(torch.Tensor.double)),
    "half": linear(20, nn.BatchNorm1d(20), Behind(torch.Tensor.half)),
    "copy": linear(20, nn.BatchNorm1d(20), Behind(torch.clone)),
    "times 64": linear(20, nn.BatchNorm1d(20), Behind(lambda x: x * 64)),
    "negative": linear(20, nn.BatchNorm1d(20), Behind(torch.neg)),
    "array": linear(20, nn.BatchNorm1d(20), Behind(lambda x: x.detach().numpy())),
}


@pytest.mark.parametrize("mode", ["keep", "erase"])
@pytest.mark.parametrize("net", NORMED.values(), ids=NORMED)
def test_a_class_of_what_a_norm_made_is_refused_also_when_it_is_named(noise, regions, net, mode) -> None:
    net.eval()
    mixed = [CosineTarget(torch.ones(net(noise).shape[1])), 3, OutputTarget(1)]
    for targets in (None, 3, ClassTarget(3), [0, 1, 2], mixed):
        with pytest.raises(TargetError, match=r"a normalising layer made.*CosineTarget.*outputs='logits'"):
            FSCAM(net, mode=mode, batch_size=4)(noise, targets, regions=regions)
    with pytest.raises(TargetError, match="a normalising layer made"):
        curves(net, noise, np.zeros((3, 24, 20)), 3, steps=2)
    assert FSCAM(net, mode=mode, outputs="logits")(noise, 3, regions=regions).max() == 1
    assert FSCAM(net, mode=mode)(noise, SoftmaxTarget(3), regions=regions).max() == 1
    assert FSCAM(net, mode=mode)(noise, OutputTarget(3), regions=regions).max() == 1
    assert not any(m._forward_hooks for m in net.modules())


@pytest.mark.filterwarnings("ignore")  # TorchScript is deprecated, and still what people have
def test_a_class_of_torchscript_that_ends_in_a_norm_is_refused_when_it_is_named(noise, regions) -> None:
    made = torch.jit.script(linear(20, nn.BatchNorm1d(20)))
    with pytest.raises(TargetError, match="a normalising layer made"):
        FSCAM(made)(noise, 3, regions=regions)
    assert FSCAM(made, outputs="logits")(noise, 3, regions=regions).max() == 1


def test_a_norm_in_the_middle_of_a_classifier_makes_it_no_embedding(noise, regions) -> None:
    net = nn.Sequential(OrderedDict(head=linear(10)[1], norm=nn.BatchNorm1d(PIXELS), flat=nn.Flatten())).eval()
    classify = nn.Sequential(net.flat, net.norm, net.head).eval()
    assert FSCAM(classify)(noise, regions=regions).max() == 1
    assert FSCAM(classify)(noise, 3, regions=regions).max() == 1
    of_as_many = nn.Sequential(*linear(10, nn.BatchNorm1d(10), nn.Linear(10, 10))).eval()
    for targets in (None, 3):
        assert FSCAM(of_as_many)(noise, targets, regions=regions).max() == 1


@pytest.mark.parametrize("mode", ["keep", "erase"])
@pytest.mark.parametrize("shape", ["column", "vector"])
def test_a_single_logit_is_explained_as_it_is_with_its_sign(noise, regions, mode, shape) -> None:
    net = linear(1)
    model = net if shape == "column" else lambda x: net(x)[:, 0]
    scores = FSCAM(model, mode=mode).region_scores(noise, regions=regions)
    with torch.no_grad():
        whole = net(noise)[0].item()
        nose = noise[0] * (regions[0] == 10) if mode == "keep" else noise[0] * (regions[0] != 10)
        part = net(nose[None])[0].item()
    assert scores[0, 10] == pytest.approx(part if mode == "keep" else whole - part, abs=1e-5)
    assert np.nanmin(scores) < 0 < np.nanmax(scores)
    for target, sign in ((OutputTarget(0), 1), (BinaryTarget(1), 1), (BinaryTarget(0), -1)):
        found = FSCAM(model, mode=mode).region_scores(noise, target, regions=regions)
        assert np.allclose(found, sign * scores, equal_nan=True)


@pytest.mark.parametrize("target", [0, 1, SoftmaxTarget(0), [0, 0, 0]])
def test_no_class_of_a_single_logit_is_explained(noise, regions, target) -> None:
    with pytest.raises(TargetError, match=r"the model has 1 output.*BinaryTarget"):
        FSCAM(linear(1))(noise, target, regions=regions)


def test_a_binary_target_is_for_one_logit_and_two_answers(noise, regions) -> None:
    with pytest.raises(TargetError, match="category: expected 0 or 1, found 2"):
        BinaryTarget(2)
    with pytest.raises(TargetError, match="expected one logit a face"):
        FSCAM(linear(2))(noise, BinaryTarget(1), regions=regions)


@pytest.mark.parametrize("mode", ["keep", "erase"])
@pytest.mark.parametrize("targets", [None, 3], ids=["predicted", "class"])
def test_probabilities_do_not_go_through_a_softmax_again(noise, regions, mode, targets) -> None:
    net = linear(5)
    of_logits = FSCAM(net, mode=mode).region_scores(noise, targets, regions=regions)
    ended = FSCAM(nn.Sequential(net, nn.Softmax(1)), mode=mode).region_scores(noise, targets, regions=regions)
    assert np.allclose(of_logits, ended, atol=1e-6, equal_nan=True)


def test_a_class_is_told_in_tables_by_its_number_and_a_logit_by_its_name() -> None:
    assert [str(t) for t in (ClassTarget(3), SoftmaxTarget(4), OutputTarget(5), BinaryTarget(1))] == list("3451")
    assert str(OutputTarget(0, "logit")) == "logit"


@pytest.mark.parametrize("mode", ["keep", "erase"])
@pytest.mark.parametrize("end", [nn.Sigmoid(), Behind(lambda x: x.softmax(1) * 0.99)], ids=["sigmoid", "short"])
@pytest.mark.parametrize("classes", [4, 40])
def test_shares_of_one_that_are_no_distribution_do_not_go_through_a_softmax(noise, regions, mode, end, classes) -> None:
    net = linear(classes, end)
    for targets in (None, 3, [0, 1, 2]):
        with pytest.raises(TargetError, match=r"not 1; pass targets=OutputTarget.*outputs='logits'"):
            FSCAM(net, mode=mode, batch_size=4)(noise, targets, regions=regions)
    with pytest.raises(TargetError, match="OutputTarget"):
        curves(net, noise, np.zeros((3, 24, 20)), 3, steps=2)
    for target in (OutputTarget(3), SoftmaxTarget(3)):
        assert FSCAM(net, mode=mode)(noise, target, regions=regions).max() == 1
    assert FSCAM(net, mode=mode, outputs="logits")(noise, 3, regions=regions).max() == 1


def test_logits_that_lie_there_by_chance_in_part_or_are_few_are_taken(noise, regions) -> None:
    for end in (
        Behind(lambda x: torch.cat([x.sigmoid(), x[:, :1] - 9], 1)),
        Behind(lambda x: x[:, :3].sigmoid()),
        Behind(lambda x: x.sigmoid() * 1.5 + 0.5),
        Behind(lambda x: nn.functional.relu(x) / 10),
    ):
        assert FSCAM(linear(5, end))(noise, 1, regions=regions).max() == 1


@pytest.mark.parametrize("ones", [(1,), (1, 1), (1, 1, 1)], ids=str)
def test_what_is_one_row_a_face_in_more_dimensions_is_explained_as_that_row(noise, regions, ones) -> None:
    def behind(outputs: int) -> nn.Module:
        return linear(outputs, Behind(lambda x: x.reshape(*x.shape, *ones)))

    for targets in (None, OutputTarget(0), BinaryTarget(0), CosineTarget(torch.ones(1))):
        found = FSCAM(behind(1)).region_scores(noise, targets, regions=regions)
        assert np.array_equal(found, FSCAM(linear(1)).region_scores(noise, targets, regions=regions), equal_nan=True)
    for targets in (None, 2, SoftmaxTarget(2), OutputTarget(2), CosineTarget(torch.ones(5))):
        found = FSCAM(behind(5)).region_scores(noise, targets, regions=regions)
        assert np.array_equal(found, FSCAM(linear(5)).region_scores(noise, targets, regions=regions), equal_nan=True)
    seen = []
    FSCAM(behind(5))(noise, lambda o: seen.append(o.shape) or o.sum(), regions=regions)
    assert set(seen) == {torch.Size((5, *ones))}
