"""How many faces a second are parsed from the host's memory, and how busy the GPU is, by batch and by way."""

import time
from collections.abc import Iterator

import numpy as np
import torch
from gpu_check import Context
from gpu_faces import crops
from gpu_timing import Utilisation, seconds_of
from gpu_weights import device_parser

from faceshards.parsing.deviceparser import DeviceParser
from faceshards.parsing.mirror import for_inference
from faceshards.parsing.replay import Making, exact
from faceshards.parsing.unet import SIZE, normalise

AIM, BUSY = 20_000, 0.9
_PART = 32  # faces a part: a chunk of a store


def check(context: Context) -> None:
    faces = crops(context, context.pick(4096, 8)).images
    usual = context.pick(Making.batch, 2)
    rate, busy = measured(context, "by way", "CUDA graph, as the stage runs", device_parser(context), faces, 6)
    context.aim("faces a second from memory", AIM, rate, "faces/s")
    context.aim("busy share of the GPU from memory", BUSY, busy, "")
    ways = {
        "kernel by kernel": Making(batch=usual, graph=False),
        "channels apart": Making(batch=usual, channels_last=False),
        "cuDNN's fastest, which may change": Making(batch=usual, fastest=True),
    }
    for way, making in list(ways.items())[: context.pick(None, 1)]:
        measured(context, "by way", way, device_parser(context, making=making), faces)
    for precision in context.pick(("bf16", "fp32"), ()):
        measured(context, "by way", precision, device_parser(context, precision), faces)
    _parts(context, usual)
    for batch in context.pick((64, 128, 512, 1024), (2,)):
        if context.left() < 4:
            context.notes.leave_out(f"batches of {batch} and more: no time was left")
            break
        measured(context, "by batch", str(batch), device_parser(context, making=Making(batch=batch)), faces)


def measured(
    context: Context, table: str, way: str, parser: DeviceParser, faces: np.ndarray, seconds: float = 2.0
) -> tuple[float, float]:
    """Note a way of parsing in a table.

    Returns:
        Faces a second, and the share of the time in which the network ran.
    """
    seconds = context.pick(seconds, 0.1)
    begun = time.perf_counter()
    parser.parse(faces[: context.pick(2 * parser.batch, 1)])
    ready = time.perf_counter() - begun
    if not context.dry:
        torch.cuda.reset_peak_memory_stats()
    watch = Utilisation()
    busy, start, count = parser.busy, time.perf_counter(), 0
    with watch.watched(context.device):
        for part in parser.judge(_parts_until(faces, start + seconds)):
            count += len(part.regions)
    wall = time.perf_counter() - start
    rate, share = count / wall, (parser.busy - busy) / wall
    context.notes.row(
        table,
        way=way,
        batch=parser.batch,
        faces_a_second=rate,
        busy=f"{share:.1%}",
        busy_by_NVML="" if watch.share is None else f"{watch.share:.1%}",
        network_alone=count / (parser.busy - busy) if parser.busy > busy else None,
        seconds_to_be_ready=ready,
        GB=None if context.dry else torch.cuda.max_memory_reserved() / 1e9,
    )
    return rate, share


def _parts_until(faces: np.ndarray, end: float) -> Iterator[np.ndarray]:
    """Faces over and over, a chunk at a time."""
    while True:
        for at in range(0, len(faces), _PART):
            if time.perf_counter() > end:
                return
            yield faces[at : at + _PART]


def _parts(context: Context, batch: int) -> None:
    """Where the time of a pass goes: the network alone, and what makes regions of its logits."""
    parser = device_parser(context)
    parser.parse(np.zeros((1, SIZE, SIZE, 3), np.uint8))
    engine_steps = for_inference(parser._weights.network, True)
    network = engine_steps.to(context.device, parser._dtype).to(memory_format=torch.channels_last)
    pixels = torch.randint(0, 256, (batch, SIZE, SIZE, 3), dtype=torch.uint8, device=context.device)
    from faceshards.parsing.devicesteps import DeviceSteps, Head

    steps = DeviceSteps(network, Head(1.0), channels_last=True)
    with torch.no_grad(), exact(Making()):
        x = normalise(pixels).to(parser._dtype)
        face, mirrored = network.network(x), network.network(x.flip(3))
        jobs = {
            "pixels to numbers": lambda: normalise(pixels).to(parser._dtype),
            "the network, face alone": lambda: network.network(x),
            "the network, mirrored too": lambda: (network.network(x), network.network(x.flip(3))),
            "regions, probabilities and counts": lambda: steps.head(face, mirrored, network.mirror),
            "all of a pass": lambda: steps(pixels),
        }
        for name, job in jobs.items():
            context.notes.row(
                "milliseconds of a pass, kernel by kernel", part=name, ms=1e3 * seconds_of(job, context.device, 0.3)
            )
