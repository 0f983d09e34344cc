"""What a lab would pick instead, for `loader.py`: used as their own documentation does.

cv2 decodes PNG and JPEG, the fastest decoder that they have in common.
"""

import io
import random
import struct
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from loader_format import (
    BATCH,
    FILE_ROWS,
    SHUFFLE_BUFFER,
    Batches,
    Faces,
    Format,
    decoded,
    encoded,
    map_style,
    over_rows,
    parts,
)
from peers import peer
from torch.utils.data import DataLoader, default_collate


class Memmap(Format):
    """The physical limit: pixels in one file, gathered by index."""

    name = "numpy memmap"
    compressed = False

    def __init__(self) -> None:
        self._open: dict[Path, dict[str, Any]] = {}

    def write(self, folder: Path, faces: Faces) -> None:
        folder.mkdir(parents=True)
        for name, values in faces._asdict().items():
            np.save(folder / f"{name}.npy", values)

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        if folder not in self._open:
            self._open[folder] = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in Faces._fields}
        arrays = self._open[folder]

        def take(rows: Any) -> dict[str, Any]:
            at = rows if shuffle else slice(int(rows[0]), int(rows[-1]) + 1)
            return {name: np.array(values[at]) for name, values in arrays.items()}

        return over_rows(len(arrays["image"]), take, shuffle, workers)


class PngFolder(Format):
    name = "PNG folder"

    def write(self, folder: Path, faces: Faces) -> None:
        for i, sample in enumerate(encoded(faces, ".png")):
            part = folder / f"{sample['identity']:04}"
            part.mkdir(parents=True, exist_ok=True)
            (part / f"{i:06}.png").write_bytes(sample["image"])
            (part / f"{i:06}_region.png").write_bytes(sample["region"])

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        paths = sorted(p for p in folder.glob("*/*.png") if not p.stem.endswith("region"))
        return map_style([str(p) for p in paths], self.sample, shuffle, workers)

    @staticmethod
    def sample(path: str) -> dict[str, Any]:
        return {
            "image": cv2.imread(path, cv2.IMREAD_COLOR_RGB),
            "region": cv2.imread(f"{path[:-4]}_region.png", cv2.IMREAD_UNCHANGED),
            "identity": int(Path(path).parent.name),
        }


class WebDataset(Format):
    def __init__(self, suffix: str) -> None:
        self.name = f"WebDataset {suffix[1:]}"
        self.lossless = suffix == ".png"
        self._suffix = suffix

    def available(self) -> bool:
        return peer("webdataset") is not None

    def write(self, folder: Path, faces: Faces) -> None:
        folder.mkdir(parents=True)
        for number, part in enumerate(parts(encoded(faces, self._suffix))):
            with tarfile.open(folder / f"{number:04}.tar", "w") as tar:
                for i, sample in enumerate(part):
                    files = {"img": sample["image"], "seg": sample["region"], "cls": b"%d" % sample["identity"]}
                    for kind, data in files.items():
                        info = tarfile.TarInfo(f"{number * FILE_ROWS + i:06}.{kind}")
                        info.size = len(data)
                        tar.addfile(info, io.BytesIO(data))

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        import webdataset as wds

        def decode(sample: Any) -> dict[str, Any]:
            return decoded({"image": sample["img"], "region": sample["seg"], "identity": int(sample["cls"])})

        data = wds.WebDataset(
            [str(p) for p in sorted(folder.glob("*.tar"))], shardshuffle=100 if shuffle else False, empty_check=False
        )
        data = (
            (data.shuffle(SHUFFLE_BUFFER) if shuffle else data).map(decode).batched(BATCH, collation_fn=default_collate)
        )
        return DataLoader(data, batch_size=None, num_workers=workers)


class Streaming(Format):
    name = "MosaicML Streaming"

    def available(self) -> bool:
        return peer("streaming") is not None

    def write(self, folder: Path, faces: Faces) -> None:
        from streaming import MDSWriter

        columns = {"image": "bytes", "region": "bytes", "identity": "int"}
        with MDSWriter(out=str(folder), columns=columns, size_limit=1 << 26) as out:
            for sample in encoded(faces, ".png"):
                out.write(sample)

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        from streaming import StreamingDataset
        from streaming.base.util import clean_stale_shared_memory

        class Decoding(StreamingDataset):  # type: ignore[misc]
            def __getitem__(self, at: Any) -> Any:
                return decoded(super().__getitem__(at))

        clean_stale_shared_memory()
        data = Decoding(local=str(folder), shuffle=shuffle, batch_size=BATCH, shuffle_block_size=SHUFFLE_BUFFER)
        return DataLoader(data, batch_size=BATCH, num_workers=workers)


class LitData(Format):
    name = "LitData"

    def available(self) -> bool:
        return peer("litdata") is not None

    def write(self, folder: Path, faces: Faces) -> None:
        from litdata.streaming import Cache

        cache = Cache(str(folder), chunk_bytes=1 << 26)
        for i, sample in enumerate(encoded(faces, ".png")):
            cache[i] = sample
        cache.done()
        cache.merge()

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        import litdata

        class Decoding(litdata.StreamingDataset):  # type: ignore[misc]
            def __getitem__(self, at: Any) -> Any:
                return decoded(super().__getitem__(at))

        data = Decoding(str(folder), shuffle=shuffle)
        return litdata.StreamingDataLoader(data, batch_size=BATCH, num_workers=workers)


class HuggingFace(Format):
    name = "HF datasets"

    def available(self) -> bool:
        return peer("datasets") is not None

    def write(self, folder: Path, faces: Faces) -> None:
        import datasets

        datasets.disable_progress_bars()
        rows = list(encoded(faces, ".png"))
        columns = {name: [row[name] for row in rows] for name in Faces._fields}
        features = datasets.Features(
            image=datasets.Value("binary"), region=datasets.Value("binary"), identity=datasets.Value("int64")
        )
        datasets.Dataset.from_dict(columns, features=features).save_to_disk(folder)

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        import datasets

        def decode(columns: Any) -> Any:
            rows = [decoded(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
            return {name: [row[name] for row in rows] for name in columns}

        data = datasets.load_from_disk(folder).with_transform(decode)
        return DataLoader(data, batch_size=BATCH, shuffle=shuffle, num_workers=workers)


class ArrayRecord(Format):
    """array-record through grain; PNG in the records, or pixels that array-record compresses itself."""

    def __init__(self, coding: str) -> None:
        self.name = f"array-record {coding}"
        self._png = coding == "png"

    def available(self) -> bool:
        return peer("array_record") is not None and peer("grain") is not None

    def write(self, folder: Path, faces: Faces) -> None:
        from array_record.python.array_record_module import ArrayRecordWriter

        folder.mkdir(parents=True)
        for number, part in enumerate(parts(encoded(faces, ".png" if self._png else None))):
            options = "group_size:1," + ("uncompressed" if self._png else "zstd:1")
            writer = ArrayRecordWriter(str(folder / f"{number:04}.array_record"), options)
            for s in part:
                writer.write(struct.pack("<qq", s["identity"], len(s["image"])) + s["image"] + s["region"])
            writer.close()

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        import grain.python as grain

        source = grain.ArrayRecordDataSource([str(p) for p in sorted(folder.glob("*.array_record"))])
        data = grain.MapDataset.source(source)
        data = (data.shuffle(seed=random.randrange(1 << 31)) if shuffle else data).map(self._parse)
        options = grain.ReadOptions(num_threads=2 if workers == 0 else 1, prefetch_buffer_size=256)
        ready = data.to_iter_dataset(options).batch(BATCH)
        return ready.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers)) if workers else ready

    def _parse(self, record: bytes) -> dict[str, Any]:
        identity, size = struct.unpack_from("<qq", record)
        image, region = record[16 : 16 + size], record[16 + size :]
        if self._png:
            return decoded({"image": image, "region": region, "identity": identity})
        pixels = np.frombuffer(image, np.uint8).reshape(112, 112, 3)
        return {"image": pixels, "region": np.frombuffer(region, np.uint8).reshape(112, 112), "identity": identity}
