"""The parser of GPUs, on the CPU: the same batches, slots, order and shrinking; streams and graphs are CUDA's alone."""

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from parsers import random_images, tiny_network, tiny_weights

from faceshards.errors import DeviceError, ParserError
from faceshards.parsing import load_parser
from faceshards.parsing.certainty import confidence_of
from faceshards.parsing.deviceparser import SLOTS, DeviceParser
from faceshards.parsing.devicesteps import TALLIES, DeviceSteps, Head
from faceshards.parsing.gather import Gathered
from faceshards.parsing.judged import Judge, Judged, judge
from faceshards.parsing.mirror import for_inference
from faceshards.parsing.parser import CpuParser
from faceshards.parsing.replay import Making
from faceshards.parsing.slots import Slot
from faceshards.parsing.weights import load_weights
from faceshards.records import UInt8Array

CPU = torch.device("cpu")
FACES = 7


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights"))


def on_cpu(weights: Path, batch: int, mirror: bool = True, dtype: torch.dtype = torch.float32) -> DeviceParser:
    return DeviceParser(load_weights(weights), CPU, dtype, mirror, Making(batch=batch))


@pytest.fixture(scope="module")
def parser(weights: Path) -> DeviceParser:
    return on_cpu(weights, 3)


@pytest.fixture(scope="module")
def known(weights: Path) -> Judged:
    parsed = load_parser(weights, "cpu", precision="fp32").assess(random_images(FACES))
    return Judged(parsed.regions, confidence_of(parsed))


class Short:
    """Takes memory away: passes of more faces than it holds end as they do on a GPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, holds: int, after: int = 0) -> None:
        self.sizes: list[int] = []
        whole = torch.nn.Conv2d.forward

        def forward(conv: torch.nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
            if x.shape[1] == 3:  # the first layer
                self.sizes.append(len(x))
                if len(x) > holds and len(self.sizes) > after:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return whole(conv, x)

        monkeypatch.setattr(torch.nn.Conv2d, "forward", forward)


def joined(found: Iterator[Judged]) -> Judged:
    parts = list(found)
    confidence = parts[0].confidence
    columns = zip(*(p.confidence for p in parts), strict=True)
    fields = [None if column[0] is None else np.concatenate(column) for column in columns]
    return Judged(np.concatenate([p.regions for p in parts]), type(confidence)(*fields))


def same(found: Judged, known: Judged) -> bool:
    pairs = zip((found.regions, *found.confidence), (known.regions, *known.confidence), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


@pytest.mark.parametrize("mirror", [True, False])
def test_it_finds_what_the_parser_of_cpus_finds(weights: Path, mirror: bool) -> None:
    images = random_images(5)
    ours, theirs = on_cpu(weights, 4, mirror), load_parser(weights, "cpu", precision="fp32", mirror=mirror)
    assert np.array_equal(ours.parse(images), theirs.parse(images))
    found, expected = ours.assess(images), theirs.assess(images)
    assert np.array_equal(found.regions, expected.regions)
    assert np.abs(found.probability.astype(int) - expected.probability).max() <= 1
    assert (found.agrees is None) == (expected.agrees is None) == (not mirror)
    assert mirror is False or np.array_equal(found.agrees, expected.agrees)


def test_faces_are_counted_on_the_device_as_they_are_on_the_host(parser: DeviceParser, known: Judged) -> None:
    assert same(joined(judge(parser, [random_images(FACES)])), known)


@settings(max_examples=4, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=4))
def test_parts_of_any_length_come_back_in_their_order(parser: DeviceParser, known: Judged, lengths: list[int]) -> None:
    images = random_images(FACES)
    edges = np.minimum(np.cumsum([0, *lengths, FACES]), FACES)
    parts = [images[a:b] for a, b in pairwise(edges)]
    found = list(judge(parser, parts))
    assert [len(f.regions) for f in found] == [3, 3, 1]  # full batches, whatever the parts are
    assert same(joined(iter(found)), known)


def test_every_pass_has_the_same_number_of_faces(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = Short(monkeypatch, holds=99)
    on_cpu(weights, 4).parse(random_images(6))
    assert set(short.sizes) == {4}


def test_what_stands_behind_a_face_in_its_batch_changes_no_region(parser: DeviceParser, known: Judged) -> None:
    images = random_images(FACES)
    assert np.array_equal(parser.parse(images[:1]), known.regions[:1])
    order = np.random.default_rng(0).permutation(FACES)
    assert np.array_equal(parser.parse(images[order]), known.regions[order])


def test_a_view_with_any_strides_is_taken(parser: DeviceParser, known: Judged) -> None:
    assert np.array_equal(parser.parse(random_images(FACES)[::-1]), known.regions[::-1])


def test_no_faces_need_no_device(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = Short(monkeypatch, holds=0)
    parser = on_cpu(weights, 4)
    assert parser.parse(random_images(0)).shape == (0, 112, 112)
    assert parser.assess(random_images(0)).regions.shape == (0, 112, 112)
    assert list(judge(parser, [random_images(0)])) == list(judge(parser, [])) == []
    assert short.sizes == []


def test_a_batch_that_memory_does_not_hold_is_halved_when_the_network_is_made_ready(
    weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, known: Judged
) -> None:
    Short(monkeypatch, holds=3)
    parser = on_cpu(weights, 8)
    assert same(joined(judge(parser, [random_images(FACES)])), known)
    assert parser.batch == 2
    told = [record.message for record in caplog.records]
    assert ["8 faces at once" in told[0], "4 faces at once" in told[1], len(told)] == [True, True, 2]
    assert "Some pixels in a million may differ" in told[0]


def test_memory_that_runs_short_later_loses_no_face_and_no_order(
    weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, known: Judged
) -> None:
    warm_up, passes = 2, 2  # a pass to warm up, and a batch; each of the face and of its mirror image
    Short(monkeypatch, holds=2, after=warm_up + passes)
    parser = on_cpu(weights, 3)
    assert same(joined(judge(parser, [random_images(FACES)])), known)
    assert parser.batch == 1
    assert len(caplog.records) == 1


def test_memory_that_does_not_hold_one_face_is_a_device_error(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Short(monkeypatch, holds=0)
    with pytest.raises(DeviceError, match=r"does not hold one face.*use device: cpu"):
        on_cpu(weights, 4).parse(random_images(2))


def test_threads_share_a_parser_and_each_gets_its_own_faces(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = {seed: random_images(3, seed) for seed in range(SLOTS + 1)}  # more threads than slots
    parser = on_cpu(weights, 2, mirror=False)
    expected = {seed: parser.parse(faces) for seed, faces in images.items()}
    Short(monkeypatch, holds=1, after=3)  # and memory runs short under way
    found: dict[int, UInt8Array] = {}

    def work(seed: int) -> None:
        found[seed] = joined(judge(parser, iter([images[seed][:1], images[seed][1:]]))).regions

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert parser.batch == 1
    assert sorted(found) == sorted(images)
    assert all(np.array_equal(found[seed], expected[seed]) for seed in images)


def test_a_stream_that_is_given_up_leaves_its_slots_to_the_next(weights: Path) -> None:
    parser, images = on_cpu(weights, 1, mirror=False), random_images(SLOTS + 2)
    for _ in range(2):
        stream = parser.judge([images])
        next(stream)
        stream.close()
    assert len(joined(judge(parser, [images])).regions) == len(images)


@pytest.mark.parametrize("step", ["fill", "send", "take"])
@pytest.mark.parametrize("error", [RuntimeError("CUDA error: an illegal memory access"), KeyboardInterrupt()])
def test_whatever_breaks_off_leaves_its_slots_to_the_next(
    weights: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    parser, images = on_cpu(weights, 1, mirror=False), random_images(2)
    expected = parser.parse(images)

    def broken(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Slot, step, broken)
        for _ in range(SLOTS):
            with pytest.raises(type(error)):
                parser.parse(images[:1])
    found: list[UInt8Array] = []
    waiting = threading.Thread(target=lambda: found.append(parser.parse(images)), daemon=True)
    waiting.start()
    waiting.join(timeout=20)
    assert len(found) == 1
    assert np.array_equal(found[0], expected)


def test_a_part_that_is_no_faces_is_refused(parser: DeviceParser) -> None:
    with pytest.raises(ParserError, match="expected aligned faces"):
        list(judge(parser, [random_images(1), np.zeros((1, 224, 224, 3), np.uint8)]))


def test_a_network_that_gives_nan_is_an_error_not_a_region(tmp_path: Path) -> None:
    state = tiny_network().state_dict()
    state["final.bias"][7] = float("nan")
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(ParserError, match="no finite numbers"):
        on_cpu(tmp_path / "nan.pth", 4).parse(random_images(1))


def test_weights_too_great_for_half_precision_are_an_error_with_a_remedy(tmp_path: Path) -> None:
    state = tiny_network().state_dict()
    state["final.weight"] = state["final.weight"] * 1e6
    torch.save(state, tmp_path / "great.pth")
    with pytest.raises(ParserError, match="set precision to bf16"):
        on_cpu(tmp_path / "great.pth", 2, dtype=torch.float16).parse(random_images(1))


def test_a_network_that_does_not_compile_runs_as_it_is_and_says_so(
    weights: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, known: Judged
) -> None:
    def broken(*_: object, **__: object) -> object:
        def run(*_: object) -> object:
            raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\nhint: ...")

        return run

    monkeypatch.setattr(torch, "compile", broken)  # at its first call, as the real one fails
    parser = DeviceParser(load_weights(weights), CPU, torch.float32, making=Making(batch=2, compiled="all"))
    assert np.array_equal(parser.parse(random_images(2)), known.regions[:2])
    assert caplog.messages == [
        "torch.compile failed, so the parser runs without it: slower, and some pixels in a million may differ "
        "(RuntimeError: InvalidCxxCompiler: No working C++ compiler found)"
    ]


def test_only_the_parser_of_gpus_takes_streams_itself(parser: DeviceParser, weights: Path) -> None:
    cpu = load_parser(weights, "cpu")
    assert isinstance(parser, Judge)
    assert isinstance(cpu, CpuParser)
    assert not isinstance(cpu, Judge)


def test_what_decides_the_regions_is_told(parser: DeviceParser, weights: Path) -> None:
    assert parser.provenance == load_parser(weights, "cpu", precision="fp32").provenance


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=8), st.integers(1, 9), st.booleans())
def test_gathered_faces_keep_their_order(lengths: list[int], batch: int, returns: bool) -> None:
    faces = np.arange(sum(lengths), dtype=np.uint8)
    gathered, taken = Gathered(), []
    for part in np.split(faces, np.cumsum(lengths)[:-1]):
        gathered.add(part)
        while len(gathered) >= batch:
            views = gathered.take(batch)
            if returns:
                gathered.put_back(views)
                views = gathered.take(batch)
            assert sum(map(len, views)) == batch
            taken += views
    taken += gathered.take(batch)
    assert len(gathered) == 0
    assert np.array_equal(np.concatenate([*taken, faces[:0]]), faces)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("channels_last", [True, False])
def test_nothing_in_a_pass_asks_for_a_value_or_leaves_the_device(dtype: torch.dtype, channels_last: bool) -> None:
    meta = torch.device("meta")  # has no values: whoever asks for one gets an error, as a CUDA graph would end
    network = for_inference(tiny_network(), mirror=True).to(meta, dtype)
    steps = DeviceSteps(network, Head(1.3), channels_last=channels_last)
    with torch.no_grad():
        found = steps(torch.empty(2, 112, 112, 3, dtype=torch.uint8, device=meta))
    assert (found.layers.device, found.layers.dtype, found.layers.shape) == (meta, torch.uint8, (3, 2, 112, 112))
    assert (found.tallies.device, found.tallies.dtype, found.tallies.shape) == (meta, torch.int32, (2, TALLIES))
    assert found.layers[0].is_contiguous()
