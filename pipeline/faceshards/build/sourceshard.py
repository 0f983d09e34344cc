"""A shard of a store between the stages: the faces of the source from one place in it to another."""

from dataclasses import dataclass
from pathlib import Path

from faceshards.build.arrays import ALL
from faceshards.store.schema import StoreSpec
from faceshards.store.writer import is_committed


@dataclass(frozen=True)
class SourceShard:
    """Which shard a task makes, and where.

    Attributes:
        work: the folder of the unfinished store.
        spec: of the store, which has the one split `ALL`.
        shard: index of the shard.
    """

    work: Path
    spec: StoreSpec
    shard: int

    @property
    def bounds(self) -> tuple[int, int]:
        """Place in the source of the first face, and of the one after the last."""
        return self.spec.shard_range(ALL, self.shard)

    @property
    def faces(self) -> int:
        """How many faces the shard has."""
        start, stop = self.bounds
        return stop - start


def missing_shards(work: Path, spec: StoreSpec) -> list[int]:
    """The shards that are not committed yet."""
    return [shard for shard in range(spec.shard_count(ALL)) if not is_committed(work, ALL, shard)]
