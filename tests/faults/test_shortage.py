"""Where memory or open files run out, no face is dropped and no file is called damaged: the shortage is told."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from forked import run_with_torch
from image_files import noise
from odd_pictures import saved
from PIL import Image
from stores import copy_of_faces, face_spec

from faceshards.errors import BadSampleError, CorruptShardError
from faceshards.source.files import FolderFiles
from faceshards.source.pictures import looks_like_picture
from faceshards.store.tables import table_errors

_QUICK: dict[str, dict[str, int]] = {"WEBP": {"method": 0, "quality": 1}, "PNG": {"compress_level": 1}}
_TOLD = """
from limits import limit_memory
from faceshards.faulttext import is_shortage

def tell(do):
    try:
        do()
    except Exception as error:
        print(f"{'shortage' if is_shortage(error) else 'verdict'}: {type(error).__name__}: {error}")
    else:
        print("done")
"""
_DECODE = """
from pathlib import Path
from faceshards.source.decode import decode_image
data = Path("big").read_bytes()
limit_memory(8 << 20)
tell(lambda: decode_image(data, "big"))
"""
_OPEN = """
import threading
import zarr
from faceshards.store import zarrthread

def open_it():
    with zarrthread.zarr_answers():
        zarr.open_array(".", mode="r")

zarrthread._START_S = 0.2
threading.stack_size(256 << 20)
limit_memory(64 << 20)
tell(open_it)
tell(open_it)
"""


def told(program: str, folder: Path, *imports: str) -> str:
    """What a program says of itself in a process of its own: this one may reuse what other tests gave back."""
    done = run_with_torch("-c", _TOLD + program, folder=folder, imports=["limits", *imports])
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def no_file_more() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(fd.name) for fd in Path("/proc/self/fd").iterdir())
    filled: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    try:
        with suppress(OSError):
            while True:  # gaps below the highest
                filled.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for fd in filled:
            os.close(fd)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_a_picture_for_which_there_is_no_memory_is_no_damaged_one(tmp_path: Path, format: str) -> None:
    image = Image.fromarray(cv2.resize(noise(4, 4), (3400, 3400)))
    (tmp_path / "big").write_bytes(saved(image, format, **_QUICK.get(format, {})))
    assert told(_DECODE, tmp_path, "faceshards.source.decode").startswith("shortage: ")


def test_a_picture_for_which_there_is_no_open_file_is_no_unreadable_one(tmp_path: Path) -> None:
    (tmp_path / "face").write_bytes(cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes())
    files = FolderFiles(tmp_path)
    with no_file_more():
        with pytest.raises(OSError, match="Too many open files") as caught:
            files.read("face")
        with pytest.raises(OSError, match="Too many open files"):
            looks_like_picture(tmp_path / "face", "face")
    assert not isinstance(caught.value, BadSampleError)
    assert caught.value.errno == errno.EMFILE


@pytest.mark.parametrize(
    "error",
    [MemoryError(), pa.ArrowMemoryError("malloc of size 8 failed"), OSError(errno.EMFILE, "Too many open files")],
)
def test_a_table_for_which_there_is_no_room_is_no_damaged_one(error: Exception) -> None:
    with pytest.raises(type(error)), table_errors("manifest.parquet"):
        raise error
    with pytest.raises(CorruptShardError), table_errors("manifest.parquet"):
        raise pa.ArrowInvalid("it ends too early")


def test_zarr_python_without_memory_for_its_thread_is_a_shortage_each_time(tmp_path: Path) -> None:
    array = next(copy_of_faces(tmp_path / "store", face_spec()).glob("*/image"))
    first, second = told(_OPEN, array, "zarr", "faceshards.store.zarrthread").splitlines()
    assert first == second == "shortage: MemoryError: can't start new thread for zarr-python"
