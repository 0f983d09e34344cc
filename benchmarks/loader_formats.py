"""The ways of keeping faces that `loader.py` compares: each writes samples to a folder and reads them as batches.

A sample is an image (112, 112, 3), its region map (112, 112) and an identity. Peers are used as their own documentation
does, with cv2 for PNG and JPEG, the fastest decoder that they have in common.
"""

import io
import random
import struct
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pyarrow as pa
import torch.utils.data
import zarr
from peers import peer
from torch.utils.data import DataLoader, default_collate

import faceshards
from faceshards.build.arrays import IDENTITY, IMAGE, REGION
from faceshards.loader.sampling import Sampling
from faceshards.loader.torch import Loader, TorchBatches
from faceshards.store.finish import finish
from faceshards.store.schema import OK, StoreSpec
from faceshards.store.writer import create, write_shard

BATCH = 128
FILE_ROWS = 2048
SHUFFLE_BUFFER = 2048

cv2.setNumThreads(1)


class Faces(NamedTuple):
    """What is written: (N, 112, 112, 3) and (N, 112, 112) uint8, (N,) int64; memory maps."""

    image: Any
    region: Any
    identity: Any


Batches = Iterable[Mapping[str, Any]]


class Format:
    """One way of keeping faces.

    Attributes:
        name: in the table.
        lossless: the image comes back as it was.
        compressed: and takes less room than its pixels.
    """

    name: str
    lossless = True
    compressed = True

    def available(self) -> bool:
        return True

    def write(self, folder: Path, faces: Faces) -> None:
        raise NotImplementedError

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        raise NotImplementedError


class Ours(Format):
    def __init__(self, profile: Any, chunk_rows: int = 32) -> None:
        self._open: dict[Path, faceshards.Dataset] = {}
        self.name = f"faceshards {profile}"
        self.compressed = profile != "fast"
        self._profile, self._chunk_rows = profile, chunk_rows

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
        finish(folder, spec, None, {})

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        if folder not in self._open:  # and kept open from epoch to epoch, as trainers do
            self._open[folder] = faceshards.open(folder, fields=["image", "region", "identity"])
        faces = self._open[folder]
        return Loader(TorchBatches(faces, Sampling(BATCH, shuffle)), num_workers=workers)


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

        return _over_rows(arrays[0].shape[0], take, shuffle, workers)


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

        return _over_rows(len(arrays["image"]), take, shuffle, workers)


class PngFolder(Format):
    name = "PNG folder"

    def write(self, folder: Path, faces: Faces) -> None:
        for i, sample in enumerate(_encoded(faces, ".png")):
            part = folder / f"{sample['identity']:04}"
            part.mkdir(parents=True, exist_ok=True)
            (part / f"{i:06}.png").write_bytes(sample["image"])
            (part / f"{i:06}_region.png").write_bytes(sample["region"])

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        paths = sorted(p for p in folder.glob("*/*.png") if not p.stem.endswith("region"))
        return _map_style(
            [str(p) for p in paths],
            lambda path: {
                "image": path,
                "region": f"{path[:-4]}_region.png",
                "identity": int(Path(path).parent.name),
            },
            shuffle,
            workers,
            decode=lambda s: {
                **s,
                "image": cv2.imread(s["image"], cv2.IMREAD_COLOR_RGB),
                "region": cv2.imread(s["region"], cv2.IMREAD_UNCHANGED),
            },
        )


class WebDataset(Format):
    def __init__(self, suffix: str) -> None:
        self.name = f"WebDataset {suffix[1:]}"
        self.lossless = suffix == ".png"
        self._suffix = suffix

    def available(self) -> bool:
        return peer("webdataset") is not None

    def write(self, folder: Path, faces: Faces) -> None:
        folder.mkdir(parents=True)
        for number, part in enumerate(_parts(_encoded(faces, self._suffix))):
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
            return _decoded({"image": sample["img"], "region": sample["seg"], "identity": int(sample["cls"])})

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
            for sample in _encoded(faces, ".png"):
                out.write(sample)

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        from streaming import StreamingDataset
        from streaming.base.util import clean_stale_shared_memory

        class Decoding(StreamingDataset):  # type: ignore[misc]
            def __getitem__(self, at: Any) -> Any:
                return _decoded(super().__getitem__(at))

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
        for i, sample in enumerate(_encoded(faces, ".png")):
            cache[i] = sample
        cache.done()
        cache.merge()

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        import litdata

        class Decoding(litdata.StreamingDataset):  # type: ignore[misc]
            def __getitem__(self, at: Any) -> Any:
                return _decoded(super().__getitem__(at))

        data = Decoding(str(folder), shuffle=shuffle)
        return litdata.StreamingDataLoader(data, batch_size=BATCH, num_workers=workers)


class HuggingFace(Format):
    name = "HF datasets"

    def available(self) -> bool:
        return peer("datasets") is not None

    def write(self, folder: Path, faces: Faces) -> None:
        import datasets

        datasets.disable_progress_bars()
        rows = list(_encoded(faces, ".png"))
        columns = {name: [row[name] for row in rows] for name in Faces._fields}
        features = datasets.Features(
            image=datasets.Value("binary"), region=datasets.Value("binary"), identity=datasets.Value("int64")
        )
        datasets.Dataset.from_dict(columns, features=features).save_to_disk(folder)

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        import datasets

        def decode(columns: Any) -> Any:
            rows = [_decoded(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
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
        for number, part in enumerate(_parts(_encoded(faces, ".png" if self._png else None))):
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
            return _decoded({"image": image, "region": region, "identity": identity})
        pixels = np.frombuffer(image, np.uint8).reshape(112, 112, 3)
        return {"image": pixels, "region": np.frombuffer(region, np.uint8).reshape(112, 112), "identity": identity}


FORMATS: tuple[Format, ...] = (
    Ours("compact"),
    Ours("portable"),
    Ours("fast"),
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
)


class _Mapped(torch.utils.data.Dataset[Any]):
    def __init__(self, items: Sequence[Any], get: Any) -> None:
        self._items, self._get = items, get

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, at: int) -> Any:
        return self._get(self._items[at])


def _over_rows(n: int, take: Any, shuffle: bool, workers: int) -> Batches:
    order = np.random.default_rng().permutation(n) if shuffle else np.arange(n)
    batches = [order[start : start + BATCH] for start in range(0, n, BATCH)]
    if not workers:
        return map(take, batches)
    return DataLoader(_Mapped(batches, take), batch_size=None, num_workers=workers)


def _map_style(items: Sequence[Any], sample: Any, shuffle: bool, workers: int, decode: Any) -> Batches:
    data = _Mapped(items, lambda item: decode(sample(item)))
    return DataLoader(data, batch_size=BATCH, shuffle=shuffle, num_workers=workers)


def _encoded(faces: Faces, suffix: str | None) -> Iterator[dict[str, Any]]:
    for image, region, identity in zip(*faces, strict=True):
        pixels, regions = np.asarray(image), np.asarray(region)
        if suffix is None:
            files = {"image": pixels.tobytes(), "region": regions.tobytes()}
        else:
            bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
            files = {
                "image": cv2.imencode(suffix, bgr)[1].tobytes(),
                "region": cv2.imencode(".png", regions)[1].tobytes(),
            }
        yield {**files, "identity": int(identity)}


def _decoded(sample: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "image": cv2.imdecode(np.frombuffer(sample["image"], np.uint8), cv2.IMREAD_COLOR_RGB),
        "region": cv2.imdecode(np.frombuffer(sample["region"], np.uint8), cv2.IMREAD_UNCHANGED),
        "identity": sample["identity"],
    }


def _parts(samples: Iterator[dict[str, Any]]) -> Iterator[Iterator[dict[str, Any]]]:
    for first in samples:
        rest = (sample for _, sample in zip(range(FILE_ROWS - 1), samples, strict=False))
        yield (sample for part in ([first], rest) for sample in part)
