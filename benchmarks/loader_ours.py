"""Stores of faceshards for `loader.py`: through our loader, and through zarr-python alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zarr
from loader_format import BATCH, FILE_ROWS, Batches, Faces, Format, over_rows

import faceshards
from faceshards.build.arrays import IDENTITY, IMAGE, REGION
from faceshards.store.finish import finish
from faceshards.store.schema import OK, StoreSpec
from faceshards.store.writer import create, write_shard


class Ours(Format):
    def __init__(self, profile: Any, chunk_rows: int = 32) -> None:
        self._open: dict[Path, faceshards.Dataset] = {}
        self.name = f"faceshards {profile}"
        self.compressed = profile != "fast"
        self._profile, self._chunk_rows = profile, chunk_rows

    def available(self) -> bool:
        return bool(faceshards.open and faceshards.Loader)  # which imports them

    def write(self, folder: Path, faces: Faces) -> None:
        n = len(faces.image)
        arrays = (IMAGE, REGION, IDENTITY)
        spec = StoreSpec("faces", "none", arrays, {"train": n}, FILE_ROWS, self._chunk_rows, profile=self._profile)
        create(folder, spec)
        for shard in range(spec.shard_count("train")):
            rows = range(*spec.shard_range("train", shard))
            part = {name: np.asarray(values[rows.start : rows.stop]) for name, values in faces._asdict().items()}
            table = [
                {"source_index": i, "sample_id": f"{i:06}", "source_id": "", "identity": int(who), "status": OK}
                for i, who in zip(rows, part["identity"], strict=True)
            ]
            write_shard(folder, spec, "train", shard, part, pa.Table.from_pylist(table, spec.rows_schema))
        finish(folder, spec, {})

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        if folder not in self._open:  # and kept open from epoch to epoch, as trainers do
            self._open[folder] = faceshards.open(folder, fields=["image", "region", "identity"])
        faces = self._open[folder]
        return faceshards.Loader(faces, BATCH, shuffle=shuffle, num_workers=workers)


class ZarrIndexing(Format):
    """Our portable store through zarr-python alone, a batch at a time."""

    name = "zarr-python"

    def write(self, folder: Path, faces: Faces) -> None:
        Ours("portable").write(folder, faces)

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        group = zarr.open_group(folder / "train.zarr", mode="r")
        arrays = [group[name] for name in Faces._fields]

        def take(rows: Any) -> dict[str, Any]:
            at = np.sort(rows) if shuffle else slice(int(rows[0]), int(rows[-1]) + 1)
            return {name: a.oindex[at] for name, a in zip(Faces._fields, arrays, strict=True)}

        return over_rows(arrays[0].shape[0], take, shuffle, workers)
