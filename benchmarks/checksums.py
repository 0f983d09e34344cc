"""What the checksums of the profile `fast` cost, and how far it is from a copy out of the page cache.

    python benchmarks/checksums.py /tmp/faceshards-bench/20000

The folder is one that `benchmarks/loader.py` wrote. Whole epochs by turns in one process: a memory map whose batches
are copied, the loader, and the loader with its checksums switched off, which no user can do.
"""

import argparse
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from loader_format import BATCH
from loader_peers import Memmap
from timing import by_turns, ratio

import faceshards
from faceshards.store import chunkreader, pixelchunks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with faceshards-fast and numpy-memmap")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    faces, memmap = faceshards.open(args.folder / "faceshards-fast", fields=["image", "region", "identity"]), Memmap()
    print("median of the ratios of epochs that follow each other, with its quartiles\n")
    for shuffle in (False, True):
        for threads in (0, None):

            def ours(shuffle: bool = shuffle, threads: int | None = threads) -> None:
                go_through(faces.batches(BATCH, shuffle=shuffle, threads=threads))

            def unchecked(shuffle: bool = shuffle, threads: int | None = threads) -> None:
                with ExitStack() as patches:
                    for module in (chunkreader, pixelchunks):
                        patches.enter_context(patch.object(module, "extend", lambda *_: 0))
                        patches.enter_context(patch.object(module, "compare", lambda *_: None))
                    ours(shuffle, threads)

            def copied(shuffle: bool = shuffle) -> None:
                go_through(memmap.read(args.folder / "numpy-memmap", shuffle, 0))

            jobs = {"memmap": copied, "ours": ours, "unchecked": unchecked}
            seconds = by_turns(jobs, args.rounds, wall=True)
            print(f"{'shuffled' if shuffle else 'in order'}, {'a thread a core' if threads is None else 'no threads'}")
            print(f"  of the memmap's rate                        {ratio(seconds['memmap'], seconds['ours'])}")
            print(f"  of the memmap's rate, without checksums     {ratio(seconds['memmap'], seconds['unchecked'])}")
            print(f"  time of an epoch with checksums over without{ratio(seconds['ours'], seconds['unchecked'])}")


def go_through(batches: Iterable[object]) -> None:
    for _ in batches:
        pass


if __name__ == "__main__":
    main()
