"""Tiny frames in the FaceSynthetics layout, for tests that need the layout and not faces."""

import zipfile
from pathlib import Path

import numpy as np
from image_files import encode, noise


def landmarks(seed: int = 0) -> np.ndarray:
    """(70, 2) float32, three decimals, as in the official files."""
    return np.random.default_rng(seed).uniform(0, 32, (70, 2)).round(3).astype(np.float32)


def landmark_text(points: np.ndarray) -> bytes:
    """The official text form."""
    return "".join(f"{x:.3f} {y:.3f}\n" for x, y in points).encode()


def frames(count: int = 3) -> dict[str, bytes]:
    """File names to bytes of `count` frames of 32 x 32 pixels."""
    out = {}
    for i in range(count):
        out[f"{i:06d}.png"] = encode(noise(32, 32, seed=i))
        out[f"{i:06d}_seg.png"] = encode(noise(32, 32, 1, top=19, seed=i))
        out[f"{i:06d}_ldmks.txt"] = landmark_text(landmarks(i))
    return out


def write_zip(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip of the files."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    """Write the files below a folder."""
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def split(path: Path, parts: int) -> Path:
    """Cut a file into ``.001``, ``.002``, ... beside it; returns the first. The file itself stays."""
    data = path.read_bytes()
    size = -(-len(data) // parts)
    for i in range(parts):
        path.with_name(f"{path.name}.{i + 1:03d}").write_bytes(data[i * size : (i + 1) * size])
    return path.with_name(f"{path.name}.001")
