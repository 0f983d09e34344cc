"""More of what a lab would pick instead, for `loader.py`: InsightFace's RecordIO, torchvision's ImageFolder, SPDL."""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import torch
from loader_format import BATCH, Batches, Faces, Format, encoded
from loader_peers import PngFolder
from peers import peer
from torch.utils.data import DataLoader, default_collate

_MAGIC = 0xCED7230A
_FRAME = struct.Struct("<II")  # magic, length
_HEADER = struct.Struct("<IfQQ")  # mxnet.recordio.IRHeader: flag, label, id, id2


class RecordIO(Format):
    """RecordIO of JPEGs as arcface_torch's `MXFaceDataset` reads it: seek by ``train.idx``, unpack, decode, label.

    mxnet itself can no longer be installed beside numpy 2, so the container is read by its documented layout;
    `mx.image.imdecode` is cv2's decoder and a change to RGB. Flip and normalisation are left out, as for all others.
    """

    name = "InsightFace RecordIO, JPEG"
    lossless = False
    regions = False

    def write(self, folder: Path, faces: Faces) -> None:
        folder.mkdir(parents=True)
        with (folder / "train.rec").open("wb") as records, (folder / "train.idx").open("w") as index:
            end = float(len(faces.image) + 1)
            self._append(records, index, 0, _HEADER.pack(2, 0.0, 0, 0) + struct.pack("<2f", end, end))
            for number, sample in enumerate(encoded(faces, ".jpg"), 1):
                header = _HEADER.pack(0, float(sample["identity"]), number, 0)
                self._append(records, index, number, header + sample["image"])

    @staticmethod
    def _append(records: BinaryIO, index: Any, number: int, data: bytes) -> None:
        index.write(f"{number}\t{records.tell()}\n")
        records.write(_FRAME.pack(_MAGIC, len(data)) + data + bytes(-len(data) % 4))

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        return DataLoader(_MXFaceDataset(folder), batch_size=BATCH, shuffle=shuffle, num_workers=workers)


class _MXFaceDataset(torch.utils.data.Dataset[Any]):
    def __init__(self, folder: Path) -> None:
        self._path, self._file = folder / "train.rec", None
        lines = (line.split("\t") for line in (folder / "train.idx").read_text().splitlines())
        self._offsets = {int(number): int(offset) for number, offset in lines}
        _, rest = self._record(0)
        self._numbers = np.arange(1, int(struct.unpack_from("<f", rest)[0]))
        self._file = None  # each process opens it anew, as mxnet does

    def _record(self, number: int) -> tuple[float, bytes]:
        if self._file is None:
            self._file = self._path.open("rb")
        self._file.seek(self._offsets[number])
        magic, length = _FRAME.unpack(self._file.read(_FRAME.size))
        if magic != _MAGIC:
            raise ValueError(f"{self._path}: no record at {self._offsets[number]}")
        data = self._file.read(length)
        return _HEADER.unpack_from(data)[1], data[_HEADER.size :]

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, at: int) -> dict[str, Any]:
        label, image = self._record(int(self._numbers[at]))
        bgr = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
        return {"image": cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), "identity": torch.tensor(label, dtype=torch.long)}


class ImageFolder(Format):
    """torchvision's ImageFolder with its own loader, which is PIL's; a folder a person."""

    regions = False

    def __init__(self, suffix: str) -> None:
        self.name = f"torchvision ImageFolder, {'JPEG' if suffix == '.jpg' else 'PNG'}"
        self.lossless = suffix == ".png"
        self._suffix = suffix

    def available(self) -> bool:
        return peer("torchvision") is not None

    def write(self, folder: Path, faces: Faces) -> None:
        for i, sample in enumerate(encoded(faces, self._suffix)):
            person = folder / f"{sample['identity']:04}"
            person.mkdir(parents=True, exist_ok=True)
            (person / f"{i:06}{self._suffix}").write_bytes(sample["image"])

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        from torchvision.datasets import ImageFolder as Folder
        from torchvision.transforms import PILToTensor

        data = Folder(folder, transform=PILToTensor())
        return DataLoader(data, BATCH, shuffle=shuffle, num_workers=workers, collate_fn=_named)


def _named(samples: list[Any]) -> dict[str, Any]:
    images, identities = default_collate(samples)
    return {"image": images, "identity": identities}


class Spdl(PngFolder):
    """SPDL's pipeline over a folder of PNGs: decoding in threads, or for workers in threads of another process.

    cv2 decodes, as elsewhere: `spdl.io` needs FFmpeg's libraries, which its wheels do not bring.
    """

    name = "SPDL, PNG folder"

    def available(self) -> bool:
        return peer("spdl.pipeline") is not None

    def read(self, folder: Path, shuffle: bool, workers: int) -> Batches:
        from spdl.pipeline import PipelineBuilder, run_pipeline_in_subprocess

        paths = sorted(str(p) for p in folder.glob("*/*.png") if not p.stem.endswith("region"))
        if shuffle:
            np.random.default_rng().shuffle(paths)
        threads = workers or 2
        order = "completion" if shuffle else "input"
        builder = (
            PipelineBuilder()
            .add_source(paths)
            .pipe(self.sample, concurrency=threads, output_order=order)
            .aggregate(BATCH)
            .pipe(default_collate, output_order=order)
            .add_sink(3)
        )
        if workers:
            return run_pipeline_in_subprocess(builder.get_config(), num_threads=threads)
        return _in_a_pipeline(builder, threads)


def _in_a_pipeline(builder: Any, threads: int) -> Iterable[Any]:
    pipeline = builder.build(num_threads=threads)
    with pipeline.auto_stop():
        yield from pipeline
