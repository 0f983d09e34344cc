"""Builds `facesynthetics_sha256.parquet`, the pinned hashes of the first 1,000 frames of FaceSynthetics.

The two inputs describe the unpacked official set ``dataset_1000.zip`` (its first 100 frames are ``dataset_100.zip``):
a list as ``sha256sum *`` prints it, and a CSV ``file,bytes``. Anyone who has the set can make both again and compare:

    python manifests/build_facesynthetics_sha256.py dataset_1000.sha256 dataset_1000.sizes.csv
"""

import csv
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from faceshards.source.fetch.pinned import PINNED_SCHEMA

OUT = Path(__file__).with_name("facesynthetics_sha256.parquet")


def pinned_table(sha256sums: Path, sizes: Path) -> pa.Table:
    """One row a file, sorted by name."""
    digests = {name: bytes.fromhex(digest) for digest, name in map(str.split, sha256sums.read_text().splitlines())}
    with sizes.open(newline="") as file:
        rows = [(row["file"], int(row["bytes"]), digests.pop(row["file"])) for row in csv.DictReader(file)]
    if digests:
        raise SystemExit(f"{sizes}: lacks {', '.join(sorted(digests))}")
    return pa.table(list(zip(*sorted(rows), strict=True)), schema=PINNED_SCHEMA)


if __name__ == "__main__":
    pq.write_table(
        pinned_table(Path(sys.argv[1]), Path(sys.argv[2])),
        OUT,
        compression={"file": "zstd", "bytes": "zstd", "sha256": "none"},  # digests do not compress
        use_dictionary=False,
        column_encoding={"file": "DELTA_BYTE_ARRAY", "bytes": "DELTA_BINARY_PACKED", "sha256": "PLAIN"},
    )
