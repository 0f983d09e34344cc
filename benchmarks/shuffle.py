"""How good the loader's shuffle is, beside a full permutation.

    python benchmarks/shuffle.py

The source that is hardest to shuffle: people one after the other, as an ImageFolder gives them; packed into the store
in this order (`plan.order: source`) and in a random one (`shuffled`). For each shuffle of the loader:

- people a batch: different identities in a batch, as a share of what a full permutation gives; it is what the negatives
  of a margin loss and the statistics of a batch norm live on;
- rank correlation: Spearman's, of the place in the source with the place in the epoch; 0 is best;
- epochs alike: share of the pairs of samples in one batch that are in one batch in the next epoch again, over that of
  a full permutation;
- chunks: decoded in an epoch, over those that there are: what the shuffle costs;
- memory: of samples of 50 kB between the first that is not handed out yet and the last that is decoded.
"""

import argparse
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.loader.sampling import RowLayout, Sampling, Shuffle
from faceshards.loader.schedule import Schedule

BATCH = 128
CHUNK_ROWS, SHARD_ROWS = 32, 2048
SAMPLE_MB = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--images", type=int, default=50, help="of each person")
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    n = args.people * args.images
    source = np.arange(n)
    packings = {"source": source, "shuffled": np.random.default_rng(0).permutation(n)}
    places = RowLayout(np.arange(n), CHUNK_ROWS, SHARD_ROWS)
    default = Shuffle()
    shuffles: dict[str, Any] = {"full": "full", "none": False}
    for window in (512, 1024, 2048, 4096, 8192, 16384):
        shuffles[f"window {window}{' (default)' if window == default.window else ''}"] = Shuffle(window)
    shuffles |= {f"default, {lanes} lanes": Shuffle(lanes=lanes) for lanes in (1, 4, 8)}
    shuffles |= {f"default, {shards} shards": Shuffle(shards=shards) for shards in (1, 4, 16)}
    full = measure(packings, args.images, places, "full", args.epochs)
    print(f"{n:,} samples, {args.people:,} people one after the other, batches of {BATCH}")
    print(f"a full permutation: {full['source people']:.1f} people a batch\n")
    print(f"{'':22}{'people a batch':>20}  {'rank correlation':>16}")
    print(f"{'':22}{'source  shuffled':>20}  {'source  shuffled':>16}  epochs alike  chunks  memory MB")
    for name, shuffle in shuffles.items():
        found = measure(packings, args.images, places, shuffle, args.epochs)
        people = [found[f"{packing} people"] / full["source people"] for packing in packings]
        correlation = [found[f"{packing} correlation"] for packing in packings]
        print(
            f"{name:22}{people[0]:10.1%}{people[1]:10.1%}  {correlation[0]:6.3f}{correlation[1]:10.3f}  "
            f"{found['alike'] / full['alike']:11.1f}x  {found['chunks']:5.1f}x  {found['held'] * SAMPLE_MB:9.0f}"
        )


def measure(
    packings: Mapping[str, NDArray[np.int64]], images: int, places: RowLayout, shuffle: Any, epochs: int
) -> dict[str, float]:
    orders = [Sampling(BATCH, shuffle, epoch=epoch, drop_last=True).order(places) for epoch in range(epochs)]
    batches = [order.reshape(-1, BATCH) for order in orders]
    decoded, held = _cost(orders[0], places, shuffle)
    found = {
        "alike": float(np.mean([_alike(a, b, len(places.rows)) for a, b in pairwise(batches)])),
        "chunks": decoded,
        "held": held,
    }
    for name, source in packings.items():  # of each row, its place in the source
        people = [len(np.unique(source[batch] // images)) for epoch in batches for batch in epoch]
        correlations = [np.corrcoef(source[order], np.arange(len(order)))[0, 1] for order in orders]
        found[f"{name} people"] = float(np.mean(people))
        found[f"{name} correlation"] = float(np.mean(np.abs(correlations)))
    return found


def _alike(first: NDArray[np.int64], second: NDArray[np.int64], n: int) -> float:
    """Share of pairs in a batch that are in a batch again: counts of (old batch, new batch) that coincide."""
    batch_of = np.full(n, -1)
    batch_of[second.ravel()] = np.arange(second.size) // BATCH
    pairs = 0
    for batch in first:
        counts = np.unique(batch_of[batch], return_counts=True)[1]
        pairs += int((counts * (counts - 1)).sum())
    return pairs / (first.size * (BATCH - 1))


def _cost(order: NDArray[np.int64], places: RowLayout, shuffle: Any) -> tuple[float, int]:
    """Chunks decoded over chunks that there are, and the most samples that memory is held for at a time."""
    chunks = places.rows[order] // places.chunk_rows
    schedule = Schedule(chunks, BATCH, Sampling(BATCH, shuffle).reach(places.chunk_rows))
    decoded, furthest, most = 0, 0, 0
    for batch in range(-(-len(order) // BATCH)):
        for task in schedule.tasks(batch):
            decoded += 1
            furthest = max(furthest, int(task.visits[-1]) + 1)
        most = max(most, furthest - batch * BATCH)
    return decoded / len(np.unique(chunks)), most


if __name__ == "__main__":
    main()
