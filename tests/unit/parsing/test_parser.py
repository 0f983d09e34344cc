from pathlib import Path

import numpy as np
import pytest
import torch
from parsers import random_images, tiny_network, tiny_weights

from faceshards.errors import DeviceError, ParserError
from faceshards.ops.labels import mirror_regions
from faceshards.parsing import Parser, load_parser
from faceshards.parsing.device import resolve_precision
from faceshards.parsing.parser import CPU_BATCH
from faceshards.parsing.passes import in_shrinking_batches
from faceshards.records import UInt8Array


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def parser(weights: Path) -> Parser:
    return load_parser(weights, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def bf16(weights: Path) -> Parser:
    return load_parser(weights, device="cpu", precision="bf16")


def test_gives_one_region_a_pixel(parser: Parser) -> None:
    regions = parser.parse(random_images(3))
    assert regions.shape == (3, 112, 112)
    assert regions.dtype == np.uint8
    assert regions.max() < 25


def test_gives_the_networks_greatest_logit(weights: Path) -> None:
    network = tiny_network().half().float()
    images = random_images(2)
    with torch.inference_mode():
        logits = network(torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1)
    once = load_parser(weights, device="cpu", precision="fp32", mirror=False)
    assert (once.parse(images) == logits.argmax(1).numpy()).mean() > 0.999


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_mirrored_face_has_the_mirrored_regions(weights: Path, precision: str) -> None:
    images, parser = random_images(3), load_parser(weights, "cpu", precision=precision)
    mirrored = parser.parse(np.ascontiguousarray(images[:, :, ::-1]))
    assert (mirrored == mirror_regions(parser.parse(images))).mean() > 0.999


def test_a_view_with_any_strides_is_taken(parser: Parser) -> None:
    images = random_images(3)
    assert np.array_equal(parser.parse(images[::-1]), parser.parse(images)[::-1])
    assert np.array_equal(parser.parse(images[:1][::-1]), parser.parse(images[:1]))


def test_no_faces_give_no_regions(parser: Parser) -> None:
    assert parser.parse(random_images(0)).shape == (0, 112, 112)


def test_bf16_gives_nearly_the_same_regions(parser: Parser, bf16: Parser) -> None:
    images = random_images(8)
    assert (parser.parse(images) == bf16.parse(images)).mean() > 0.9


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("batch", [1, 3, CPU_BATCH, CPU_BATCH + 1, 20])
def test_the_batch_size_changes_no_region(weights: Path, batch: int, precision: str) -> None:
    images, parser = random_images(20), load_parser(weights, "cpu", precision=precision)
    parts = [parser.parse(images[i : i + batch]) for i in range(0, 20, batch)]
    assert np.array_equal(np.concatenate(parts), parser.parse(images))


def test_the_order_of_the_faces_changes_no_region(parser: Parser) -> None:
    images = random_images(11)
    order = np.random.default_rng(0).permutation(11)
    assert np.array_equal(parser.parse(images[order]), parser.parse(images)[order])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_number_of_threads_changes_no_region(weights: Path, precision: str) -> None:
    images = random_images(20)
    one, two = (load_parser(weights, "cpu", n, precision).parse(images) for n in (1, 2))
    assert np.array_equal(one, two)


def test_the_callers_number_of_threads_changes_no_region_and_stays(parser: Parser) -> None:
    images, before = random_images(4), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = parser.parse(images)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert np.array_equal(parser.parse(images), two)
    finally:
        torch.set_num_threads(before)


def test_says_which_weights_device_and_versions_made_the_result(parser: Parser, weights: Path) -> None:
    assert parser.provenance["device"] == "cpu"
    assert parser.provenance["precision"] == "float32"
    assert parser.provenance["mirror"] == "true"
    assert parser.provenance["torch"] == torch.__version__.partition("+")[0]
    assert len(parser.provenance["weights_sha256"]) == 64


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 112, 112, 3), np.float32),
        np.zeros((112, 112, 3), np.uint8),
        np.zeros((1, 3, 112, 112), np.uint8),
        np.zeros((1, 224, 224, 3), np.uint8),
    ],
)
def test_anything_but_aligned_faces_is_refused(parser: Parser, images: UInt8Array) -> None:
    with pytest.raises(ParserError, match=r"expected aligned faces, uint8 \(B, 112, 112, 3\) RGB; found"):
        parser.parse(images)


def test_a_network_that_gives_nan_is_an_error_not_a_region(tmp_path: Path) -> None:
    path = tmp_path / "nan.pth"
    state = tiny_network().state_dict()
    state["final.bias"][7] = float("nan")
    torch.save(state, path)
    with pytest.raises(ParserError, match="no finite numbers"):
        load_parser(path, "cpu").parse(random_images(1))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none_is_an_error_with_a_remedy(weights: Path) -> None:
    with pytest.raises(DeviceError, match="Use auto or cpu"):
        load_parser(weights, "cuda")


@pytest.mark.parametrize("device", ["gpu", "mps", "meta"])
def test_a_device_that_nothing_here_runs_on_is_an_error(weights: Path, device: str) -> None:
    with pytest.raises(DeviceError, match=f"unknown device '{device}'"):
        load_parser(weights, device)


def test_auto_is_fp16_on_cuda_and_fp32_on_every_cpu() -> None:
    assert resolve_precision("auto", torch.device("cpu")) is torch.float32
    assert resolve_precision("auto", torch.device("cuda")) is torch.float16


def test_an_unknown_precision_is_an_error(weights: Path) -> None:
    with pytest.raises(DeviceError, match="unknown precision 'int8'; expected one of auto, bf16, fp32"):
        load_parser(weights, "cpu", precision="int8")


def test_a_batch_that_memory_does_not_hold_is_halved_until_it_fits(caplog: pytest.LogCaptureFixture) -> None:
    sizes = []

    def run(images: UInt8Array) -> UInt8Array:
        sizes.append(len(images))
        if len(images) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return images[..., 0]

    images = random_images(7)
    regions, batch = in_shrinking_batches(run, images, 8)
    assert np.array_equal(regions, images[..., 0])
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert batch == 2
    assert [record.message.partition(";")[0] for record in caplog.records] == [
        "the device's memory does not hold 8 faces at once",
        "the device's memory does not hold 4 faces at once",
    ]


def test_memory_that_does_not_hold_one_face_is_a_device_error() -> None:
    def run(images: UInt8Array) -> UInt8Array:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(DeviceError, match="use device: cpu"):
        in_shrinking_batches(run, random_images(2), 2)
