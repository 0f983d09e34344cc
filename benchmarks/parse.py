"""How fast faces are parsed on the CPU: beside the naive loop, onnxruntime, and the machine's roofline.

    python benchmarks/parse.py [--weights W] [--threads 2] [--quick]

All jobs turn the same uint8 faces into the same regions with the same weights, by turns, on the same number of threads.
The naive loop is what one writes first: one face at a time, fp32, the network as it was trained. The roofline is the
machine's matrix product of 2048x2048, measured in the same run; the share is the network's multiplications a second.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch
from demo_batch import demo_batch
from peers import peer
from timing import by_turns, ratio
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from faceshards.parsing import load_parser
from faceshards.parsing.mirror import MirrorAveraged
from faceshards.parsing.parser import CPU_BATCH
from faceshards.parsing.unet import SIZE
from faceshards.parsing.weights import load_weights
from faceshards.records import UInt8Array

_SIDE = 2048

Parse = Callable[[UInt8Array], UInt8Array]


def naive(network: nn.Module) -> Parse:
    def parse(faces: UInt8Array) -> UInt8Array:
        with torch.inference_mode():
            each = [network((torch.from_numpy(f).permute(2, 0, 1)[None] / 127.5) - 1).argmax(1)[0] for f in faces]
        return np.stack([regions.numpy().astype(np.uint8) for regions in each])

    return parse


def onnx(weights: str, threads: int, folder: Path, batch: int, mirror: bool) -> Parse | None:
    runtime = peer("onnxruntime")
    if runtime is None:
        return None
    from faceshards.parsing.onnxexport import export_onnx

    export_onnx(folder / "parser.onnx", weights, mirror)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(folder / "parser.onnx", options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def parse(faces: UInt8Array) -> UInt8Array:
        return np.concatenate([session.run(None, {name: faces[i : i + batch]})[0] for i in range(0, len(faces), batch)])

    return parse


def gigaflops(network: nn.Module) -> float:
    """Floating-point operations of one face, in 10^9."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, SIZE, SIZE))
    return counter.get_total_flops() / 1e9


@click.command(help=__doc__)
@click.option("--weights", default="bundled", show_default=True)
@click.option("--threads", default=torch.get_num_threads(), show_default=True)
@click.option("--faces", "count", default=128, show_default=True)
@click.option("--mirror/--no-mirror", default=True, show_default=True, help="Look at the mirrored face as well.")
@click.option("--quick", is_flag=True, help="A few rounds of a few faces.")
def main(weights: str, threads: int, count: int, mirror: bool, quick: bool) -> None:
    torch.set_num_threads(threads)
    rounds, count = (2, 16) if quick else (7, count)
    people = demo_batch(16, range(4)).images
    faces = np.ascontiguousarray(np.resize(people, (count, *people.shape[1:])))
    trained = load_weights(weights).network
    network = MirrorAveraged(trained).eval() if mirror else trained
    parsers: dict[str, Parse] = {"naive loop": naive(network)}
    for precision in ("bf16", "fp32"):
        parsers[f"ours, {precision}"] = load_parser(weights, "cpu", threads, precision, mirror).parse
    matrices = {d: torch.rand(_SIDE, _SIDE).to(d) for d in (torch.bfloat16, torch.float32)}
    with tempfile.TemporaryDirectory() as folder:
        for batch in (1, CPU_BATCH):
            if (session := onnx(weights, threads, Path(folder), batch, mirror)) is not None:
                parsers[f"onnxruntime, batches of {batch}"] = session
        jobs: dict[str, Callable[[], object]] = {name: lambda p=p: p(faces) for name, p in parsers.items()}
        jobs |= {f"matrix product, {d}": lambda m=m: m @ m for d, m in matrices.items()}
        seconds = by_turns(jobs, rounds, wall=True)
    truth = parsers["naive loop"](faces)
    operations = gigaflops(network)
    roofs = {d: 2 * _SIDE**3 / 1e9 / np.median(seconds[f"matrix product, {d}"]) for d in matrices}
    for d, roof in roofs.items():
        click.echo(f"matrix product, {d}: {roof:,.0f} GFLOP/s")
    click.echo(f"{operations:.2f} GFLOP a face; {count} faces, {threads} threads\n")
    click.echo("faces/s  times naive (quartiles)      of bf16 roof  of fp32 roof  same pixels")
    for name, parse in parsers.items():
        rate = count / float(np.median(seconds[name]))
        shares = "".join(f"{rate * operations / roofs[d]:14.1%}" for d in matrices)
        same = float((parse(faces) == truth).mean())
        click.echo(f"{rate:7.0f}  {ratio(seconds['naive loop'], seconds[name])}{shares}  {same:11.4%}  {name}")


if __name__ == "__main__":
    main()
