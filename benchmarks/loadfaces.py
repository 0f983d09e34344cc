"""Any number of faces for the load test, in a RecordIO as a lab keeps its millions; and a network that costs little."""

import struct
from pathlib import Path

import cv2
import torch
from torch import Tensor, nn

from faceshards.ops.align import ALIGNED_SIZE
from faceshards.recordioformat import MAGIC
from faceshards.source.demo import render_face

PICTURES, EACH = 64, 50
_CLASSES = ("background", "nose")
_DESCRIPTION = f"""model: stand_in.pt
classes: [{", ".join(_CLASSES)}]
size: [{ALIGNED_SIZE}, {ALIGNED_SIZE}]
mean: [0, 0, 0]
std: [1, 1, 1]
batch: 32
"""


def write_faces(folder: Path, count: int) -> Path:
    """A RecordIO of so many rendered faces, `EACH` a person; their JPEGs differ by bytes behind the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    faces = [cv2.resize(render_face(0, i, 0, 256).image, (ALIGNED_SIZE,) * 2) for i in range(PICTURES)]
    pictures = [cv2.imencode(".jpg", face[..., ::-1])[1].tobytes() for face in faces]
    path = folder / "train.rec"
    with path.open("wb") as records, path.with_suffix(".idx").open("w") as index:
        for key in range(count + 1):
            image = b"" if key == 0 else pictures[key % PICTURES] + key.to_bytes(8, "little")
            label = struct.pack("<2f", count + 1, count + 1) if key == 0 else b""
            header = struct.pack("<IfQQ", 2 if key == 0 else 0, 0 if key == 0 else (key - 1) // EACH, key, 0)
            data = header + label + image
            index.write(f"{key}\t{records.tell()}\n")
            records.write(MAGIC + struct.pack("<I", len(data)) + data + bytes(-len(data) % 4))
    return path


class _ByColour(nn.Module):
    """Each pixel's class by its colour alone: one small product of matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, len(_CLASSES), 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.linspace(-4, 4, self.layer.weight.numel()).reshape(self.layer.weight.shape))
            self.layer.bias.zero_()

    def forward(self, faces: Tensor) -> Tensor:
        return self.layer(faces)


def write_network(folder: Path) -> Path:
    """Somebody else's network and its description (docs/parsers.md), which `parse.weights` names."""
    torch.jit.script(_ByColour().eval()).save(str(folder / "stand_in.pt"))
    path = folder / "stand_in.yaml"
    path.write_text(_DESCRIPTION)
    return path
