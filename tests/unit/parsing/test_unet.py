import pytest
import torch
from parsers import random_images, tiny_network

from faceshards.parsing.fuse import fuse_batch_norm
from faceshards.parsing.unet import UNet, normalise


@pytest.mark.parametrize(("width", "millions"), [(1.0, 56.78), (0.5, 14.20), (0.25, 3.55)])
def test_has_the_papers_number_of_parameters(width: float, millions: float) -> None:
    with torch.device("meta"):
        network = UNet(width)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == millions


def test_keys_begin_as_in_the_authors_checkpoint() -> None:
    prefixes = {key.split(".")[0] for key in UNet(1 / 16).state_dict()}
    assert prefixes == {f"conv{i}" for i in range(5)} | {f"up_concat{i}" for i in range(1, 5)} | {"final"}


def test_gives_a_logit_for_every_class_and_pixel() -> None:
    assert tiny_network()(torch.zeros(2, 3, 112, 112)).shape == (2, 25, 112, 112)


@pytest.mark.parametrize("width", [0.0, -1.0, 0.001, float("nan"), float("inf")])
def test_refuses_a_width_without_channels(width: float) -> None:
    with pytest.raises(ValueError, match="width must be"):
        UNet(width)


def test_normalise_maps_black_to_minus_one_and_white_to_one() -> None:
    images = torch.tensor([[[[0, 255, 51]]]], dtype=torch.uint8)
    assert normalise(images).flatten().tolist() == pytest.approx([-1, 1, -0.6])


def test_fusing_batch_norm_changes_no_logit_and_not_the_network_given() -> None:
    network = tiny_network()
    x = normalise(torch.from_numpy(random_images(2)))
    with torch.inference_mode():
        before = network(x)
        fused = fuse_batch_norm(network)
        torch.testing.assert_close(fused(x), before, rtol=1e-4, atol=1e-4)
        assert torch.equal(network(x), before)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fused.modules())
