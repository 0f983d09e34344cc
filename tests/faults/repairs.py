"""Two shards to damage, and what `repair` could not put right."""

from faceshards.versions.repair import Repair

SHARD = "train.zarr/image/c.0.0.0.0"
OTHER_SHARD = "train.zarr/image/c.1.0.0.0"


def left(done: Repair) -> dict[str, str]:
    """The files that are not repaired, and why."""
    return {item.problem.path: item.reason for item in done.left}
