"""Whether a trainer that reads for many epochs takes ever more: memory, descriptors, /dev/shm.

    python benchmarks/soak.py [--epochs 50] [--workers 4] [--kills 10] [--work FOLDER]

A trainer with workers goes through a store of 32 shards and keeps batches from one epoch to the next: with our
`Loader`, whose workers are new in each epoch or live on, and with torch's DataLoader over `faceshards.open`. What it
and its workers take together is told for the fifth epoch and the last, each while the workers run. Then a second
trainer is killed at random moments and goes on where it stood; told are the same for the first life and the last, what
is left of the killed ones, and whether the batches are those of the trainer that was not killed.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from processes import family, shared_files, shared_out, usage_of

import faceshards
from faceshards.build.arrays import IDENTITY, IMAGE, REGION
from faceshards.store.finish import finish
from faceshards.store.schema import OK, SplitSpec, StoreSpec
from faceshards.store.writer import create, write_shard

FACES, SHARD, BATCH, KEPT = 1024, 32, 64, 12
FIRST = 5
SHARED = Path("/dev/shm")
KINDS = ("Loader", "Loader, persistent", "DataLoader, persistent")
COLUMNS = {"RSS MB": "rss", "PSS MB": "pss", "descriptors": "files", "/dev/shm MB": "shm", "processes": "processes"}


def write_store(folder: Path) -> None:
    """Patches of colour, which take as long to decode as faces."""
    spec = StoreSpec("soak", "none", (IMAGE, REGION, IDENTITY), {"train": SplitSpec(FACES, ((0, FACES),))}, SHARD, 32)
    create(folder, spec)
    rng = np.random.default_rng(0)
    for shard in range(spec.shard_count("train")):
        rows = range(*spec.shard_range("train", shard))
        patches = rng.integers(0, 25, (SHARD, 14, 14), np.uint8).repeat(8, axis=1).repeat(8, axis=2)
        arrays = {"image": np.stack([patches * 10] * 3, axis=-1), "region": patches, "identity": np.array(rows)}
        table = [{"sample_id": f"{i:05}", "source_id": "", "identity": i, "status": OK} for i in rows]
        write_shard(folder, spec, "train", shard, arrays, pa.Table.from_pylist(table, spec.rows_schema))
    finish(folder, spec, {})


class Trainer:
    """Goes through the epochs, in a process of its own, from where another one stood.

    Args:
        store: that it reads.
        kind: one of `KINDS`.
        workers: how many.
        state: a file that says where it stands.
    """

    def __init__(self, store: Path, kind: str, workers: int, state: Path) -> None:
        self._name, _, persistent = kind.partition(", ")
        self._state = state
        self._options = {"num_workers": workers, "persistent_workers": bool(persistent)}
        self._faces = faceshards.open(store, view="erase")
        self._order = torch.Generator()
        self._loader: Any = (
            faceshards.Loader(self._faces, BATCH, shuffle=True, **self._options)
            if self._name == "Loader"
            else torch.utils.data.DataLoader(self._faces, BATCH, shuffle=True, generator=self._order, **self._options)
        )

    def run(self, epochs: int) -> None:
        """Print a line a batch, and one for what is taken at each epoch's end."""
        saved = json.loads(self._state.read_text()) if self._state.exists() else {"epoch": 0, "done": 0}
        if "loader" in saved:
            self._loader.load_state_dict(saved["loader"])
        kept: deque[dict[str, torch.Tensor]] = deque(maxlen=KEPT)
        done = saved["done"] if self._name == "Loader" else 0
        for epoch in range(saved["epoch"], epochs):
            for number, batch in enumerate(self._batches(epoch), done):
                kept.append(batch)
                seen = zlib.crc32("".join(batch["sample_id"]).encode()), zlib.crc32(batch["image"].numpy())
                print(json.dumps({"epoch": epoch, "batch": number, "seen": seen}), flush=True)
                last = (number + 1) * BATCH == FACES
                if last:
                    print(json.dumps({"epoch": epoch, "taken": taken()}), flush=True)
                self._save(epoch + last, 0 if last else number + 1)
            done = 0

    def _batches(self, epoch: int) -> Iterator[dict[str, Any]]:
        if self._name == "DataLoader":
            self._faces.set_epoch(epoch)
            self._order.manual_seed(epoch)
        return iter(self._loader)

    def _save(self, epoch: int, done: int) -> None:
        state = {"epoch": epoch, "done": done}
        if self._name == "Loader":
            state["loader"] = self._loader.state_dict()
        new = self._state.with_suffix(".new")
        new.write_text(json.dumps(state))
        new.replace(self._state)


def taken() -> dict[str, float]:
    """By this process and those that come from it, together."""
    pids = family()
    each = [usage_of(pid) for pid in pids]
    return {
        "rss": sum(one.rss for one in each),
        "pss": sum(shared_out(pid) for pid in pids),
        "files": sum(one.files for one in each),
        "shm": shared_files(pids),
        "processes": len(pids),
    }


class Life:
    """One trainer from its start to its end.

    Attributes:
        seen: what was in each batch, by epoch and number.
        taken: at the end of each epoch, by its number.
    """

    def __init__(self, arguments: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        self.seen: dict[tuple[int, int], list[int]] = {}
        self.taken: dict[int, dict[str, float]] = {}

    def live(self, most_batches: int | None = None) -> bool:
        """Until it ends, or so many batches are through; whether it ended."""
        for line in self._lines:
            self._hear(line)
            if len(self.seen) == most_batches:
                return False
        if self._process.wait():
            sys.exit(f"the trainer ended with {self._process.returncode}")
        return True

    def kill(self) -> int:
        """End it as the system does that is out of memory; how many of its processes are there 10 seconds later."""
        group = family(self._process.pid)[1:]
        self._process.send_signal(signal.SIGKILL)
        for line in self._lines:  # of what it did until then
            if line.endswith("\n"):
                self._hear(line)
        self._process.wait()
        until = time.monotonic() + 10
        while (left := [pid for pid in group if usage_of(pid).files]) and time.monotonic() < until:
            time.sleep(0.1)
        return len(left)

    def _hear(self, line: str) -> None:
        told = json.loads(line)
        if "taken" in told:
            self.taken[told["epoch"]] = told["taken"]
        else:
            self.seen[told["epoch"], told["batch"]] = told["seen"]


def soak(kind: str, store: Path, work: Path, epochs: int, workers: int, kills: int) -> None:
    """Print what one kind of trainer takes."""
    common = [kind, "--store", str(store), "--epochs", str(epochs), "--workers", str(workers), "--state"]
    whole = Life([*common, str(work / f"{kind}.whole")])
    whole.live()
    show(kind, f"epoch {epochs} over epoch {FIRST}", whole.taken[FIRST - 1], whole.taken[epochs - 1])
    if not kills:
        return
    rng, lives, left = random.Random(0), [], 0
    before = set(SHARED.iterdir())
    batches = epochs * FACES // BATCH
    while True:
        lives.append(Life([*common, str(work / f"{kind}.killed")]))
        if lives[-1].live(rng.randrange(1, 2 * batches // kills) if len(lives) <= kills else None):
            break
        left += lives[-1].kill()
    seen = {place: what for life in lives for place, what in life.seen.items()}
    again = [place for life in lives for place, what in life.seen.items() if what != whole.seen[place]]
    first, last = next(life for life in lives if life.taken), lives[-1]
    show(kind, f"life {len(lives)} over the first", *(list(life.taken.values())[-1] for life in (first, last)))
    files = sum("torch" in file.name or "faceshards" in file.name for file in set(SHARED.iterdir()) - before)
    same = (
        "the same" if seen == whole.seen and not again else f"{len(again)} others, {len(whole.seen) - len(seen)} lost"
    )
    print(
        f"{'':24}{len(lives) - 1} kills: {left} processes and {files} files in /dev/shm left; {same} batches",
        flush=True,
    )


def show(kind: str, what: str, first: dict[str, float], last: dict[str, float]) -> None:
    numbers = [
        f"{first[name]:8.0f}{last[name]:8.0f}{last[name] / first[name] if first[name] else 1:6.2f}"
        for name in COLUMNS.values()
    ]
    print(f"{kind:24}{what:28}{''.join(numbers)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--kinds", nargs="*", default=KINDS, choices=KINDS, metavar="KIND", help="; ".join(KINDS))
    parser.add_argument("--work", type=Path, help="folder for the store; a temporary one by default")
    parser.add_argument("kind", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.kind:
        Trainer(args.store, args.kind, args.workers, args.state).run(args.epochs)
        return
    with tempfile.TemporaryDirectory(dir=args.work) as temporary:
        work = Path(temporary)
        write_store(work / "store")
        print(f"{'':52}" + "".join(f"{title:>22}" for title in COLUMNS))
        for kind in args.kinds:
            soak(kind, work / "store", work, args.epochs, args.workers, args.kills)


if __name__ == "__main__":
    main()
