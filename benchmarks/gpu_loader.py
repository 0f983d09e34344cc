"""The loader's page-locked batches: the same bytes as others, copied to the GPU beside the trainer's work."""

import hashlib
import time

import torch
from gpu_check import Context
from gpu_faces import SPLIT, crops, store_of

import faceshards


def check(context: Context) -> None:
    given = crops(context, context.pick(8 * 1024, 24), seed=2)
    path = store_of(context, "portable", given, context.pick(1024, 8))
    size = context.pick(256, 8)
    few = given.images[: 3 * size]
    digests = {}
    for pinned in (True, False):
        loader = faceshards.Loader(path, size, split=SPLIT, pin_memory=pinned)
        sums, held = [], []
        for batch, _ in zip(loader, range(len(few) // size), strict=False):
            held.append(batch["image"].is_pinned())
            there = batch["image"].to(context.device, non_blocking=True)
            sums.append(hashlib.sha256(there.cpu().numpy().tobytes()).hexdigest())
        digests[pinned] = sums
        if pinned:
            kept = all(held) if not context.dry else None
            context.notes.claim("batches lie in page-locked memory", "all", f"{sum(held)} of {len(held)}", kept)
    expected = [hashlib.sha256(few[i : i + size].tobytes()).hexdigest() for i in range(0, len(few), size)]
    same = digests[True] == digests[False] == expected
    context.notes.claim(
        "what arrives on the device is what lies in the store", "equal", "equal" if same else "differs", same
    )
    # A copy reads memory that the loader uses again: with the trainer always behind, a reuse too early would show.
    off = _late(context, path, size, given)
    context.notes.claim("memory is not used again before its copy is done", "0 faces differ", off, off == 0)
    for workers in (0, context.pick(8, 0)):
        for pinned in (True, False):
            context.notes.row(
                "to the device",
                workers=workers,
                pinned=pinned,
                faces_a_second=_rate(context, path, size, workers, pinned),
            )
        if context.dry:
            break


def _late(context: Context, path: object, size: int, given: object) -> int:
    """Faces that differ when every copy waits behind much other work on the device."""
    loader = faceshards.Loader(path, size, split=SPLIT, pin_memory=True)
    work = torch.randn(context.pick(4096, 8), context.pick(4096, 8), device=context.device)
    copies = []
    for batch in loader:
        for _ in range(8):
            work = (work @ work).clamp_(-1, 1)
        copies.append(batch["image"].to(context.device, non_blocking=True))
    return int((torch.cat(copies).cpu().numpy() != given.images).any(axis=(1, 2, 3)).sum())


def _rate(context: Context, path: object, size: int, workers: int, pinned: bool) -> float:
    loader = faceshards.Loader(path, size, split=SPLIT, num_workers=workers, pin_memory=pinned, shuffle=True)
    count, seconds, begun = 0, context.pick(1.5, 0.3), 0.0
    while not begun or time.perf_counter() - begun < seconds:
        for batch in loader:
            there = batch["image"].to(context.device, non_blocking=pinned)
            there.float().div_(127.5).sub_(1)
            if not begun:
                begun = time.perf_counter()
                continue
            count += len(there)
            if time.perf_counter() - begun > seconds:
                break
    if not context.dry:
        torch.cuda.synchronize()
    return count / (time.perf_counter() - begun)
