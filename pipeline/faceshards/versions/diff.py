"""Tell two versions of a store apart."""

import numpy as np

from faceshards.store import dataset_json
from faceshards.versions.address import Version
from faceshards.versions.arrays import IMAGE, REGION, Comparison, region_changes
from faceshards.versions.difference import Difference
from faceshards.versions.faces import face_changes, pair_faces, people_changes
from faceshards.versions.files import file_changes
from faceshards.versions.settings import setting_changes


def diff(a: Version, b: Version) -> Difference:
    """Find what differs between two versions of a store. Faces are paired by `sample_id`.

    The hashes that the stores record are believed: whether a file has the bytes that they say is for `verify` to find.
    Shards whose recorded hash is the same at the same place are not read. All else is read chunk by chunk, with a
    progress bar where that takes long; memory holds both manifests and some chunks.

    Two lines of use::

        found = diff(open_version("HEAD~1"), open_version("HEAD"))
        found.regions.share  # of the pixels of the faces that both have: 0.0132

    Args:
        a: one version, such as the earlier one.
        b: the other.

    Raises:
        CorruptShardError, MissingShardError: a table, or a shard that must be read, is damaged or gone.
        DownloadError, CacheError: a file of a remote store cannot be had, or kept.
    """
    pairs = pair_faces(a.store, b.store)
    compared = Comparison(a.store, b.store, pairs).arrays()
    _, found_images = compared.get(IMAGE, (None, None))
    regions, found_regions = compared.get(REGION, (None, None))
    no_images = np.zeros(len(pairs.b_rows), np.bool_)
    return Difference(
        a=a.label,
        b=b.label,
        equal=dataset_json.encode(a.store.info) == dataset_json.encode(b.store.info),
        faces=face_changes(pairs, no_images if found_images is None else found_images.changed),
        people=people_changes(pairs),
        arrays=tuple(changes for changes, _ in compared.values()),
        regions=(
            region_changes(a.store, b.store, pairs, found_regions)
            if regions is not None and found_regions is not None and regions.skipped is None
            else None
        ),
        settings=setting_changes(a.store, b.store),
        files=file_changes(a.store, b.store),
    )
