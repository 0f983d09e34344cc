"""How fast faces reach a trainer, beside the ways that a lab would pick instead.

    python benchmarks/loader.py ../shared/facesynthetics/dataset_71.zip [--quick] [--before CHECKOUT]

Every measurement is a process of its own; formats take turns, so that whatever else the machine does meets all alike.
Rates are medians over the repeats, and ratios are taken within a repeat. Peers that are not installed are named.
Warm: all files are in the page cache, and in process the epoch is the second one. Cold: no page of them is, which is
checked, and the epoch is the first; `disk MB` is what was read from the disk for it. First batch: warm, from opening
the files to the first batch, without imports. With `--before`, another checkout of faceshards takes turns too, with
stores that it wrote itself, driven by its own benchmark; quartiles are given of the ratios to it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from faces import jittered_faces
from loader_format import Faces, Format
from loader_images import ImageFolder, RecordIO, Spdl
from loader_ours import Ours, ZarrIndexing
from loader_peers import (
    ArrayRecord,
    HuggingFace,
    LitData,
    Memmap,
    PngFolder,
    Streaming,
    WebDataset,
)
from pagecache import drop, read_from_disk, warm
from processes import family

FORMATS: tuple[Format, ...] = (
    Ours("compact"),
    Ours("portable"),
    Ours("fast"),
    Ours("source"),
    Ours("source", regions=False),
    Memmap(),
    ZarrIndexing(),
    PngFolder(),
    WebDataset(".png"),
    WebDataset(".jpg"),
    Streaming(),
    LitData(),
    HuggingFace(),
    ArrayRecord("png"),
    ArrayRecord("zstd"),
    Spdl(),
    RecordIO(),
    ImageFolder(".jpg"),
    ImageFolder(".png"),
)
MODES = {
    f"{order}{', 2 workers' if workers else ''}{', cold' if cold else ''}": {
        "shuffle": order == "shuffled",
        "workers": workers,
        "cold": cold,
    }
    for cold in (False, True)
    for workers in (0, 2)
    for order in ("sequential", "shuffled")
}
FIRST_BATCH = {
    f"first batch, {order}, 2 workers": {"shuffle": order == "shuffled", "workers": 2, "cold": False, "first": True}
    for order in ("sequential", "shuffled")
}
MODES |= FIRST_BATCH
PACKAGE = Path(__file__).parents[1]
COMPACT_BAR = 3.0
SOURCE_BAR = 3.0
FAST_BARS = {"sequential": 0.6, "shuffled": 0.8}  # of the memmap
LOOK_EVERY_S = 0.05  # at memory and disk, which costs a fast format as much as a batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zip", type=Path, help="FaceSynthetics frames to make the samples from")
    parser.add_argument("--work", type=Path, default=Path("/tmp/faceshards-bench"), help="kept, and used again")
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="the most that one measurement takes")
    parser.add_argument("--only", nargs="*", default=[], help="parts of formats' names")
    parser.add_argument("--modes", nargs="*", default=list(MODES), choices=MODES, metavar="MODE", help=", ".join(MODES))
    parser.add_argument("--before", type=Path, help="another checkout of faceshards, to be measured beside this one")
    parser.add_argument("--quick", action="store_true", help="2,048 samples, one repeat of a second")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(**json.loads(args.measure))))
        return
    if args.quick:
        args.samples, args.repeats, args.seconds = 2048, 1, 1.0
    work = args.work / str(args.samples)
    formats = [f for f in FORMATS if not args.only or any(part in f.name for part in args.only)]
    formats = [f for f in formats if f.available()]
    faces = load(work, args.zip, args.samples)
    for form in formats:
        write(form, folder(work, form), faces)
    del faces
    if args.before:
        written_before(args.before, args.work / "before", args.zip, args.samples)
    for mode in args.modes:
        found: dict[str, list[dict[str, float] | None]] = {form.name: [] for form in formats}
        before: dict[str, list[dict[str, float] | None]] = {}
        for _ in range(args.repeats):
            for form in formats:
                order = {"name": form.name, "folder": str(folder(work, form)), "seconds": args.seconds, **MODES[mode]}
                found[form.name].append(in_a_process(args.zip, order))
                if args.before and isinstance(form, Ours) and mode not in FIRST_BATCH:
                    theirs = folder(args.work / "before" / str(args.samples), form)
                    if theirs.exists():
                        run = in_a_process(args.zip, order | {"folder": str(theirs)}, args.before)
                        before.setdefault(form.name, []).append(run)
        whole = {name: [run for run in runs if run] for name, runs in found.items() if all(runs)}
        ran = [form for form in formats if form.name in whole]
        report(mode, ran, whole, {form.name: size(folder(work, form)) / args.samples for form in ran})
        for name, runs in before.items():
            beside(name, found[name], runs)


def folder(work: Path, form: Format) -> Path:
    return work / form.name.replace(",", "").replace(" ", "-")


def load(work: Path, frames: Path, n: int) -> Faces:
    work.mkdir(parents=True, exist_ok=True)
    paths = {name: work / f"{name}.npy" for name in Faces._fields}
    if not paths["identity"].exists():
        shapes = {"image": (n, 112, 112, 3), "region": (n, 112, 112)}
        out = {k: np.lib.format.open_memmap(paths[k], "w+", np.uint8, shape) for k, shape in shapes.items()}
        identity = np.empty(n, np.int64)
        for i, sample in enumerate(jittered_faces(frames, n)):
            out["image"][i], out["region"][i], identity[i] = sample
        np.save(paths["identity"], identity)
    return Faces(**{name: np.load(path, mmap_mode="r") for name, path in paths.items()})


def write(form: Format, to: Path, faces: Faces) -> None:
    done = to.with_name(to.name + ".written")
    if not done.exists():
        print(f"writing {form.name}", file=sys.stderr)
        form.write(to, faces)
        done.touch()


def written_before(checkout: Path, work: Path, frames: Path, samples: int) -> None:
    """Has the other checkout write its own stores, as a store of one version need not open in the other."""
    script = [sys.executable, str(checkout / "benchmarks" / Path(__file__).name), str(frames), "--work", str(work)]
    briefly = ["--samples", str(samples), "--only", "faceshards", "--modes", "sequential", "--repeats", "1"]
    environment = os.environ | {"PYTHONPATH": str(checkout / "pipeline")}
    subprocess.run([*script, *briefly, "--seconds", "0.1"], check=True, env=environment, stdout=subprocess.DEVNULL)


def size(of: Path) -> int:
    return sum(path.stat().st_size for path in of.rglob("*") if path.is_file())


def in_a_process(frames: Path, order: dict[str, Any], package: Path = PACKAGE) -> dict[str, float] | None:
    script = package / "benchmarks" / Path(__file__).name
    command = [sys.executable, str(script), str(frames), "--measure", json.dumps(order)]
    environment = os.environ | {"PYTHONPATH": str(package / "pipeline")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        print(f"left out, for it failed: {order}:\n{done.stderr}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(
    name: str, folder: str, seconds: float, shuffle: bool, workers: int, cold: bool, first: bool = False
) -> dict[str, float]:
    """One epoch, or as much of it as the time allows; memory grows from a quarter of it to its end."""
    form = next(f for f in FORMATS if f.name == name)
    form.available()  # imports it, which is not to be timed
    (drop if cold else warm)(Path(folder))
    if first:
        return _read(lambda: form.read(Path(folder), shuffle, workers), 0.0)
    if cold:  # opening is timed too: some formats read all there and then
        return _read(lambda: form.read(Path(folder), shuffle, workers), seconds)
    if not workers:  # a trainer's second epoch: files in the page cache and mapped, memory in hand
        _read(lambda: form.read(Path(folder), shuffle, workers), seconds)
    batches = form.read(Path(folder), shuffle, workers)
    return _read(lambda: batches, seconds)


def _read(opened: Callable[[], Iterable[Mapping[str, Any]]], seconds: float) -> dict[str, float]:
    before = read_from_disk(family())
    start = time.perf_counter()
    batches = opened()
    samples, first, looked, memory, disk = 0, 0.0, 0.0, [], 0
    for batch in batches:
        samples += len(batch["identity"])
        now = time.perf_counter()
        first = first or now - start
        if now - looked > LOOK_EVERY_S:
            looked = now
            processes = family()
            memory.append(_memory(processes))
            disk = max(disk, read_from_disk(processes) - before)  # a worker that has ended counts no more
        if now - start > seconds:
            break
    end = time.perf_counter()
    return {
        "rate": samples / (end - start),
        "first": first,
        "peak": max(memory),
        "growth": memory[-1] - memory[len(memory) // 4],
        "disk": max(disk, read_from_disk(family()) - before) / 1e6,
    }


def _memory(processes: list[int]) -> float:
    """MB that are theirs alone; pages of files that they map do not count."""
    total = 0
    for pid in processes:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            continue
        fields = dict(line.split(":", 1) for line in status.splitlines())
        total += sum(int(fields[key].split()[0]) for key in ("RssAnon", "RssShmem") if key in fields)
    return total / 1024


def report(mode: str, formats: list[Format], found: dict[str, list[dict[str, float]]], sizes: dict[str, float]) -> None:
    print(f"\n{mode}\n{'':22}samples/s  of ours  bytes/sample  first batch  peak MB  growth MB  disk MB")
    ours = [run["rate"] for run in found.get("faceshards compact", [])]
    for form in formats:
        runs = found[form.name]
        mid = {key: median(run[key] for run in runs) for key in runs[0]}
        of_ours = median(o / r["rate"] for o, r in zip(ours, runs, strict=True)) if ours else float("nan")
        kind = "" if form.compressed else " (not compressed)"
        kind += "" if form.lossless else " (lossy)"
        kind += "" if form.regions else " (no region maps)"
        print(
            f"{form.name:22}{mid['rate']:9,.0f}  1/{of_ours:5.2f}  {sizes[form.name]:12,.0f}  "
            f"{mid['first'] * 1000:8.0f} ms  {mid['peak']:7.0f}  {mid['growth']:9.0f}  {mid['disk']:7.1f}{kind}"
        )
    peers = [form for form in formats if not isinstance(form, Ours)]
    if mode in FIRST_BATCH:
        soonest("compact", found, peers)
        return
    rivals = [form.name for form in peers if form.lossless and form.compressed]
    if ours and rivals:
        each = [o / max(found[name][i]["rate"] for name in rivals) for i, o in enumerate(ours)]
        best = max(rivals, key=lambda name: median(run["rate"] for run in found[name]))
        print(f"compact over the fastest lossless compressed peer ({best}): {median(each):.2f}, bar {COMPACT_BAR}")
    for form in formats:
        if isinstance(form, Ours) and not form.lossless:
            rivals = [peer.name for peer in peers if not peer.lossless and peer.regions <= form.regions]
            beside_jpeg(form.name, found, rivals)
    if "faceshards fast" in found and "numpy memmap" in found:
        each = [f["rate"] / m["rate"] for f, m in zip(found["faceshards fast"], found["numpy memmap"], strict=True)]
        bar = f", bar {FAST_BARS[mode]}" if mode in FAST_BARS else ""
        print(f"fast over the memmap: {median(each):.2f}{bar}")


def beside_jpeg(name: str, found: dict[str, list[dict[str, float]]], rivals: list[str]) -> None:
    """Of the peers that hold the same JPEGs, and no more than we do, the fastest."""
    if rivals:
        each = [run["rate"] / max(found[peer][i]["rate"] for peer in rivals) for i, run in enumerate(found[name])]
        best = max(rivals, key=lambda peer: median(run["rate"] for run in found[peer]))
        print(f"{name} over the fastest JPEG peer ({best}): {median(each):.2f}, bar {SOURCE_BAR}")


def soonest(profile: str, found: dict[str, list[dict[str, float]]], peers: list[Format]) -> None:
    """Of the peers, the one whose first batch comes first, and how much longer ours takes."""
    ours = [run["first"] for run in found.get(f"faceshards {profile}", [])]
    if ours and peers:
        each = [o / min(found[form.name][i]["first"] for form in peers) for i, o in enumerate(ours)]
        best = min((form.name for form in peers), key=lambda name: median(run["first"] for run in found[name]))
        print(f"time to the first batch of {profile} over the soonest peer's ({best}): {median(each):.2f}, bar 1")


def beside(name: str, now: list[dict[str, float] | None], before: list[dict[str, float] | None]) -> None:
    """Rates over those of the code before, turn by turn."""
    each = [n["rate"] / b["rate"] for n, b in zip(now, before, strict=True) if n and b]
    if each:
        low, middle, high = np.quantile(each, (0.25, 0.5, 0.75))
        print(f"{name} over the code before: {middle:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
