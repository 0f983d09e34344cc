"""How many faces a second are parsed from shards, as the stage `parse` does it: read ahead, several shards at once."""

import os
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import count

import numpy as np
from gpu_check import Context
from gpu_faces import SPLIT, crops, store_of
from gpu_speed import AIM, BUSY
from gpu_weights import device_parser, weights_of

from faceshards.build.arrays import IMAGE, REGION
from faceshards.build.gpus import AT_ONCE
from faceshards.build.parserows import parse_rows
from faceshards.parsing.deviceparser import DeviceParser
from faceshards.store.reader import Store

_ROWS = 1024


def check(context: Context) -> None:
    given = crops(context, context.pick(8 * _ROWS, 8), seed=2)
    cores = os.cpu_count() or 1
    parser = device_parser(context)
    for profile in context.pick(("portable", "compact", "fast"), ("portable",)):
        start = time.perf_counter()
        try:
            store = Store.open(store_of(context, profile, given, context.pick(_ROWS, 8)))
        except ModuleNotFoundError as error:
            context.notes.leave_out(f"the profile {profile}: {error}")
            continue
        made = time.perf_counter() - start
        context.notes.row("reading alone", profile=profile, faces_a_second=_read(store, cores), seconds_to_write=made)
        for at_once in (AT_ONCE,) if profile != "portable" or context.dry else (AT_ONCE, 1, 2 * AT_ONCE):
            readers = max(1, cores // at_once)
            rate, busy = _parsed(context, store, parser, at_once, readers)
            context.notes.row(
                "parsed",
                profile=profile,
                shards_at_once=at_once,
                readers_a_shard=readers,
                faces_a_second=rate,
                busy=f"{busy:.1%}",
            )
            if profile == "portable" and at_once == AT_ONCE:
                context.aim("faces a second from shards", AIM, rate, "faces/s")
                context.aim("busy share of the GPU from shards", BUSY, busy, "")
    _stage(context, store, parser)


def _read(store: Store, cores: int) -> float:
    rows, size = store.splits[SPLIT], store.chunk_rows
    starts = range(0, rows, size)
    begun = time.perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda a: store.read(SPLIT, IMAGE.name, a, min(a + size, rows)).shape, starts))
    return rows / (time.perf_counter() - begun)


def _parsed(context: Context, store: Store, parser: DeviceParser, at_once: int, readers: int) -> tuple[float, float]:
    """Faces a second and busy share, over shards again and again."""
    rows, size = store.splits[SPLIT], store.shard_rows
    bounds = [(a, min(a + size, rows)) for a in range(0, rows, size)]

    def job(number: int) -> int:
        a, b = bounds[number % len(bounds)]
        parse_rows(store, SPLIT, (a, b), np.ones(b - a, np.bool_), parser, readers)
        return b - a

    job(0)
    seconds = context.pick(4.0, 0.1)
    busy, begun, done = parser.busy, time.perf_counter(), 0
    with ThreadPoolExecutor(at_once) as pool:
        numbers = count()
        running = {pool.submit(job, next(numbers)) for _ in range(at_once)}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            done += sum(future.result() for future in finished)
            if time.perf_counter() - begun < seconds:
                running |= {pool.submit(job, next(numbers)) for _ in finished}
    wall = time.perf_counter() - begun
    return done / wall, (parser.busy - busy) / wall


def _stage(context: Context, store: Store, parser: DeviceParser) -> None:
    """The stage itself, which also packs and writes; it needs the pipeline's libraries, and faceshards installed."""
    rows = store.splits[SPLIT]
    try:
        from faceshards.build.params import ParseParams, RunParams, StoreParams
        from faceshards.build.parse import parse_faces

        params = ParseParams(weights_of(context), context.device, context.pick("auto", "fp32"))
        for run in ("first", "again"):  # the process keeps the network, and another folder has no shards to take over
            begun = time.perf_counter()
            parse_faces(store.path, context.work / f"parsed-{run}", params, StoreParams(), RunParams(workers=1))
            wall = time.perf_counter() - begun
            context.notes.row("the stage itself", run=run, seconds=wall, faces_a_second=rows / wall)
    except ModuleNotFoundError as error:  # also of a package's metadata
        context.notes.leave_out(f"the stage itself: {error}")
        return
    some = min(rows, context.pick(512, 8))
    parsed = Store.open(context.work / "parsed-first")
    faces, found = store.read(SPLIT, IMAGE.name, 0, some), parsed.read(SPLIT, REGION.name, 0, some)
    off = int((parser.parse(faces) != found).sum())
    context.notes.claim("the stage writes what the parser finds", "0 pixels differ", off, off == 0)
