"""Whether a GPU finds the CPU's regions, and the same bytes each time."""

import os

import numpy as np
import torch
from gpu_check import Context
from gpu_faces import crops
from gpu_weights import device_parser, weights_of

from faceshards.parsing import load_parser
from faceshards.parsing.certainty import confidence_of
from faceshards.parsing.judged import judge
from faceshards.parsing.replay import Making

_MOST = 0.001


def check(context: Context) -> None:
    notes = context.notes
    faces = crops(context, context.pick(96, 4), seed=1).images
    cpu = load_parser(weights_of(context), "cpu", os.cpu_count() or 1, "fp32").assess(faces)
    sure = confidence_of(cpu)
    for precision in context.pick(("auto", "bf16", "fp32"), ("auto",)):
        parser = device_parser(context, precision)
        found = parser.assess(faces)
        judged = list(judge(parser, [faces]))
        confidence = np.concatenate([part.confidence.face for part in judged])
        differing = float((found.regions != cpu.regions).mean())
        notes.row(
            "beside the CPU in fp32",
            precision=parser.provenance["precision"],
            differing=f"{differing:.4%}",
            worst_face=f"{(found.regions != cpu.regions).mean(axis=(1, 2)).max():.4%}",
            probability_off_by=float(np.abs(found.probability.astype(int) - cpu.probability).mean() / 255),
            confidence_off_by=float(np.abs(confidence - sure.face).max()),
        )
        if precision == "auto":
            text = f"pixels that differ from the CPU's, {parser.provenance['precision']}"
            notes.claim(text, "at most 0.1 %", f"{differing:.4%}", differing <= _MOST)
            ours = confidence_of(found)
            same = np.array_equal(ours.face, confidence) and np.array_equal(
                ours.region, np.concatenate([part.confidence.region for part in judged]), equal_nan=True
            )
            notes.claim(
                "confidence counted on the device is that of its pixels", "equal", "equal" if same else "differs", same
            )
            _same_bytes(context, faces, found.regions)
    _batches(context, faces)
    if not context.dry:
        wired = load_parser(weights_of(context), "cuda")
        notes.claim(
            "load_parser takes the GPU", "cuda", wired.provenance["device"], wired.provenance["device"] == "cuda"
        )
        _short_memory(context, faces)


def _same_bytes(context: Context, faces: np.ndarray, regions: np.ndarray) -> None:
    """The regions of a face are the same whatever comes with it, and in another parser."""
    parser = device_parser(context)
    order = np.random.default_rng(0).permutation(len(faces))
    ways = {
        "in another parser": parser.parse(faces),
        "in another order": parser.parse(faces[order])[np.argsort(order)],
        "alone": np.concatenate([parser.parse(faces[i : i + 1]) for i in range(context.pick(8, 1))]),
        "launched kernel by kernel": device_parser(
            context, making=Making(batch=context.pick(Making.batch, 2), graph=False)
        ).parse(faces),
    }
    for way, found in ways.items():
        off = int((found != regions[: len(found)]).sum())
        context.notes.claim(f"the same regions {way}", "0 pixels differ", off, off == 0)


def _batches(context: Context, faces: np.ndarray) -> None:
    """Why a pass always has the same number of faces."""
    expected = device_parser(context).parse(faces)
    for batch in context.pick((1, 32, 128, 512), (1,)):
        found = device_parser(context, making=Making(batch=batch, graph=False)).parse(faces)
        share = float((found != expected).mean())
        context.notes.row("beside passes of the usual size", batch=batch, pixels_that_differ=f"{share:.6%}")


def _short_memory(context: Context, faces: np.ndarray) -> None:
    """Take most of the memory away: the batch must be halved, with a word, and the regions stay as good."""
    expected = device_parser(context).parse(faces)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_reserved() + 3e9) / total))
    try:
        parser = device_parser(context, making=Making(batch=8192))
        off = float((parser.parse(faces) != expected).mean())
        found = f"{parser.batch} faces a pass, {off:.5%} of the pixels differ"
        context.notes.claim("a batch that memory does not hold is halved", "below 8192", found, parser.batch < 8192)
        context.notes.claim("halved batches give the same regions but for some", "at most 0.1 %", found, off <= _MOST)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
