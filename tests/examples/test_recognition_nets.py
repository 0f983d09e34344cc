"""Heads against their formulas, nets against the paper's description."""

import math

import pytest
import torch
from torch.nn import functional as F

from examples.recognition.heads import ArcFaceHead, SoftmaxHead
from examples.recognition.nets import NETS, IResNet, NetSpec, to_input


def angle_head(angle, scale=16.0, margin=0.5):
    """A head of two classes at right angles, and an embedding at `angle` from the first."""
    head = ArcFaceHead(2, 2, scale, margin)
    with torch.no_grad():
        head.centres.copy_(torch.tensor([[3.0, 0.0], [0.0, 0.5]]))
    return head(torch.tensor([[2 * math.cos(angle), 2 * math.sin(angle)]]), torch.tensor([0]))[0]


@pytest.mark.parametrize("angle", [0.01, 0.4, 1.5, 2.5])
def test_the_own_logit_has_the_margin_added_to_its_angle_and_the_other_has_none(angle):
    own, other = angle_head(angle).tolist()
    assert own == pytest.approx(16 * math.cos(angle + 0.5), abs=1e-4)
    assert other == pytest.approx(16 * math.cos(math.pi / 2 - angle), abs=1e-4)


def test_the_own_logit_falls_all_the_way_to_the_opposite_direction():
    logits = [angle_head(angle)[0].item() for angle in (2.5, 2.7, 2.9, 3.1)]
    assert logits == sorted(logits, reverse=True)


def test_without_a_margin_arcface_is_a_softmax_of_cosines():
    head = ArcFaceHead(8, 5, scale=4, margin=0)
    embeddings, labels = torch.randn(6, 8), torch.tensor([0, 1, 2, 3, 4, 0])
    cosines = F.cosine_similarity(embeddings[:, None], head.centres[None], dim=-1)
    torch.testing.assert_close(head(embeddings, labels), 4 * cosines)


def test_gradients_are_finite_where_an_embedding_is_its_centre():
    head = ArcFaceHead(4, 3)
    embeddings = head.centres.detach().clone().requires_grad_()
    F.cross_entropy(head(embeddings, torch.arange(3)), torch.arange(3)).backward()
    assert embeddings.grad.isfinite().all()
    assert head.centres.grad.isfinite().all()


def test_the_softmax_head_does_not_look_at_the_labels():
    head = SoftmaxHead(4, 3)
    embeddings = torch.randn(2, 4)
    torch.testing.assert_close(head(embeddings, torch.tensor([0, 1])), head(embeddings, torch.tensor([2, 2])))


@pytest.mark.parametrize(("name", "convolutions"), [("iresnet18", 17), ("iresnet34", 33), ("iresnet50", 49)])
def test_the_papers_nets_have_their_layers(name, convolutions):
    # Convolutions on the main way, and the one fully connected layer make 18, 34 and 50.
    net = IResNet(NETS[name])
    main = [m for n, m in net.named_modules() if isinstance(m, torch.nn.Conv2d) and ".past" not in n]
    assert len(main) == convolutions
    assert next(m for m in net.modules() if isinstance(m, torch.nn.Linear)).in_features == 512 * 7 * 7
    assert net.features[0].stride == (1, 1)


def test_nets_give_an_embedding_a_face():
    spec = NetSpec((1, 1, 1, 1), (4, 4, 4, 8), embedding=16)
    assert IResNet(spec)(torch.zeros(2, 3, 112, 112)).shape == (2, 16)
    assert IResNet(NETS["small"])(torch.zeros(2, 3, 112, 112)).shape == (2, 128)


def test_input_is_scaled_to_one_on_both_sides():
    images = torch.tensor([0, 255], dtype=torch.uint8).expand(1, 112, 112, 2)[..., [0, 1, 1]]
    faces = to_input(images)
    assert faces.shape == (1, 3, 112, 112)
    assert faces[0, 0].unique().tolist() == [-1]
    assert faces[0, 1].unique().tolist() == [1]
