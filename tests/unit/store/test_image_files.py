"""The profile `source`: faces stay the files that they came as, and decode to what those decode to."""

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from image_files import encode, png
from numpy.typing import NDArray
from stores import build_faces, copy_of_faces, face_arrays, face_spec

import faceshards
from faceshards.errors import CorruptShardError, MissingExtraError, StoreSpecError
from faceshards.store import imagefiles
from faceshards.store.chunks import chunk_reader
from faceshards.store.finish import finish
from faceshards.store.imagechunks import ImageReader
from faceshards.store.imagefiles import EncodedImages
from faceshards.store.layout import shard_path
from faceshards.store.reader import Store
from faceshards.store.schema import OK, ArraySpec, SplitSpec, StoreSpec
from faceshards.store.shardfile import write_shard_file
from faceshards.store.verify import verify
from faceshards.store.writer import create, write_shard

SIDE = 16
IMAGE = ArraySpec("image", "uint8", (SIDE, SIDE, 3), ("y", "x", "channel"))


def face(seed: int = 0, side: int = SIDE) -> NDArray[np.uint8]:
    """(side, side, 3) smooth, as photographs are."""
    y, x = np.mgrid[:side, :side]
    grey = 120 + 70 * np.sin((x + seed) / 5) * np.cos((y - seed) / 7)
    return np.clip(grey[..., None] + (0, 20, -30), 0, 255).astype(np.uint8)


def decoded(file: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB))


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF tag that says how it is to be turned."""
    ifd = struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + b"II*\0" + struct.pack("<I", 8) + ifd
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def palette_png() -> bytes:
    colours = np.arange(768, dtype=np.uint8).tobytes()
    rows = b"".join(b"\0" + bytes(range(y, y + SIDE)) for y in range(SIDE))
    return png(SIDE, SIDE, 8, 3, rows, ((b"PLTE", colours),))


def deep_png() -> bytes:
    rows = b"".join(b"\0" + np.arange(3 * SIDE, dtype=">u2").tobytes() for _ in range(SIDE))
    return png(SIDE, SIDE, 16, 2, rows)


KEPT = {
    "jpeg": encode(face(), ".jpg"),
    "jpeg, poor": encode(face(), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 10),
    "jpeg, not subsampled": encode(face(), ".jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111),
    "jpeg, half subsampled": encode(face(), ".jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x211111),
    "jpeg, tall subsampled": encode(face(), ".jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x121111),
    "jpeg, progressive": encode(face(), ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "jpeg, with restarts": encode(face(), ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    "jpeg, grey": encode(face()[..., 0], ".jpg"),
    "jpeg, turned": with_orientation(encode(face(), ".jpg"), 6),
    "jpeg, with more behind it": encode(face(), ".jpg") + b"\xff\xd9 and a thumbnail",
    "png": encode(face()),
    "png, grey": encode(face()[..., 0]),
    "png, palette": palette_png(),
    "png, 16 bits": deep_png(),
}
MADE_ANEW = {
    "webp": encode(face(), ".webp"),
    "bmp": encode(face(), ".bmp"),
    "a file of other pixels": encode(face(1)),
    "a file of another size": encode(face(side=SIDE + 1)),
    "a truncated JPEG": KEPT["jpeg"][:-20],
    "a JPEG of which only the start is there": KEPT["jpeg"][:4],
    "no image": b"\xff\xd8\xff but no more",
    "nothing": b"",
    "no file": None,
}


def build(folder: Path, images: Any, shard_rows: int = 8, chunk_rows: int = 4) -> Store:
    """A store of these images, and of nothing else."""
    n = len(images)
    spec = StoreSpec("files", "none", (IMAGE,), {"train": SplitSpec(n)}, shard_rows, chunk_rows, profile="source")
    create(folder, spec)
    for shard in range(spec.shard_count("train")):
        rows = range(*spec.shard_range("train", shard))
        of_shard = images[rows.start : rows.stop]
        if not isinstance(images, np.ndarray):
            of_shard = EncodedImages(of_shard, IMAGE.shape)
        table = [{"sample_id": f"{i}", "source_id": "", "identity": -1, "status": OK} for i in rows]
        write_shard(folder, spec, "train", shard, {"image": of_shard}, pa.Table.from_pylist(table, spec.rows_schema))
    finish(folder, spec, {})
    return Store.open(folder)


def images_of(store: Store) -> ImageReader:
    reader = chunk_reader(store, "train", "image")
    assert isinstance(reader, ImageReader)
    return reader


@pytest.mark.parametrize("file", KEPT.values(), ids=KEPT)
def test_a_jpeg_or_png_of_the_face_is_kept_byte_by_byte(file: bytes) -> None:
    pixels = decoded(file)
    images = EncodedImages.of(pixels[None], [file])
    assert images.files == (file,)
    np.testing.assert_array_equal(images.pixels()[0], pixels)


@pytest.mark.parametrize("file", MADE_ANEW.values(), ids=MADE_ANEW)
def test_anything_else_becomes_a_png_which_loses_nothing(file: bytes | None) -> None:
    images = EncodedImages.of(face()[None], [file])
    assert images.files[0].startswith(b"\x89PNG")
    np.testing.assert_array_equal(decoded(images.files[0]), face())


@given(
    file=st.sampled_from(list(KEPT.values())),
    changed=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=3),
    length=st.floats(0, 1),
    whole=st.booleans(),
)
def test_whatever_opencv_makes_of_a_damaged_file_is_what_comes_back(
    file: bytes, changed: list[tuple[float, int]], length: float, whole: bool
) -> None:
    damaged = bytearray(file)
    for at, value in changed:
        damaged[int(at * len(file))] = value
    content = bytes(damaged if whole else damaged[: 1 + int(length * len(file))])
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        pixels = None
    if pixels is None:
        pixels = face()
    np.testing.assert_array_equal(EncodedImages.of(pixels[None], [content]).pixels()[0], pixels)


def test_every_image_needs_a_file_or_none() -> None:
    with pytest.raises(StoreSpecError, match="expected a file or None for each of 2 images, found 1"):
        EncodedImages.of(np.stack([face(), face(1)]), [None])


@given(
    chosen=st.lists(st.sampled_from([*KEPT.values(), *MADE_ANEW.values()]), min_size=1, max_size=21),
    shard=st.sampled_from([(4, 1), (4, 4), (8, 2), (32, 8)]),
    data=st.data(),
)
def test_any_mixture_of_files_and_holes_is_read_as_the_source_decodes_it(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[bytes | None], shard: tuple[int, int], data: st.DataObject
) -> None:
    kept = set(KEPT.values())
    pixels = np.stack([decoded(file) if file in kept else np.zeros(IMAGE.shape, np.uint8) for file in chosen])
    images = EncodedImages.of(pixels, chosen)
    store = build(tmp_path_factory.mktemp("mixture") / "store", images.files, *shard)
    reader = images_of(store)
    start = data.draw(st.integers(0, len(chosen)))
    stop = data.draw(st.integers(start, len(chosen)))
    files = reader.read_files(start, stop)
    assert files.files == images.files[start:stop]
    assert [file in kept for file in images.files] == [file in kept for file in chosen]
    np.testing.assert_array_equal(store.read("train", "image", start, stop), pixels[start:stop])
    np.testing.assert_array_equal(zarr.open_array(store.path / "train.zarr/image", mode="r")[:], pixels)
    faces = faceshards.open(store.path)
    at = data.draw(st.lists(st.integers(0, len(chosen) - 1), max_size=9))
    np.testing.assert_array_equal(faces.take(at)["image"], pixels[at])
    found = np.concatenate([batch["image"] for batch in faces.batches(5)])
    np.testing.assert_array_equal(found, pixels)


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 3))
def test_a_shard_of_any_chunks_is_as_zarr_lays_it_out(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], spare: int
) -> None:
    path = tmp_path_factory.mktemp("shard") / "c.0"
    write_shard_file(path, chunks, len(chunks) + spare)
    content = path.read_bytes()
    at = len(content) - 4 - 16 * (len(chunks) + spare)
    index = np.frombuffer(content[at:-4], "<u8").reshape(-1, 2)
    assert (index[len(chunks) :] == 2**64 - 1).all()
    ends = 0
    for (offset, length), chunk in zip(index.tolist(), chunks, strict=False):
        assert offset == ends
        assert content[offset : offset + length - 4] == chunk
        ends = offset + length
    assert ends == at
    with pytest.raises(StoreSpecError, match="a shard of 1 has no room for 2 chunks"):
        write_shard_file(path, [b"", b""], 1)


def test_pixels_make_the_very_shard_that_zarr_writes_of_them(tmp_path: Path) -> None:
    pixels = np.stack([face(seed) for seed in range(6)])
    store = build(tmp_path / "store", pixels)
    file = store.path / shard_path("train", IMAGE, 0)
    ours = file.read_bytes()
    file.unlink()
    zarr.open_array(file.parent, mode="r+")[:] = pixels
    assert file.read_bytes() == ours


def test_only_images_are_files_and_the_rest_is_as_in_compact(tmp_path: Path) -> None:
    stores = {
        profile: build_faces(tmp_path / "work", tmp_path / profile, face_spec(profile=profile))
        for profile in ("source", "compact")
    }
    for name in ("region", "variant", "erased", "identity"):
        files = [sorted((path / f"train.zarr/{name}").iterdir()) for path in stores.values()]
        assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]
    metadata = json.loads((stores["source"] / "train.zarr/image/zarr.json").read_text())
    (sharding,) = metadata["codecs"]
    assert sharding["configuration"]["chunk_shape"] == [1, 8, 8, 3]
    assert [codec["name"] for codec in sharding["configuration"]["codecs"]] == ["faceshards.image_file", "crc32c"]


@pytest.mark.parametrize("view", ["original", "variants", "all_variants", "erase"])
@pytest.mark.parametrize("shuffle", [False, True, "full"])
def test_every_view_in_every_order_is_that_of_a_compact_store(tmp_path: Path, view: Any, shuffle: Any) -> None:
    # One id each, which draws depend on; the images of both are noise that a PNG keeps.
    files, pixels = (
        faceshards.open(copy_of_faces(tmp_path / profile, face_spec(profile=profile)))
        for profile in ("source", "compact")
    )
    for found, expected in zip(
        files.batches(5, shuffle=shuffle, view=view, seed=3, epoch=1),
        pixels.batches(5, shuffle=shuffle, view=view, seed=3, epoch=1),
        strict=True,
    ):
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)


def test_a_random_order_decodes_no_face_that_nobody_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = faceshards.open(build_faces(tmp_path / "work", tmp_path / "out", face_spec(profile="source")))
    times = []
    real = imagefiles.decode_to
    monkeypatch.setattr("faceshards.store.imagechunks.decode_to", lambda *a: times.append(1) or real(*a))
    written = face_arrays("train", 0, 21)["image"]
    np.testing.assert_array_equal(faces[17]["image"], written[17])
    assert len(times) == 1
    list(faces.batches(5, shuffle="full"))
    assert len(times) == 1 + 21
    faces.take([3, 3, 8], view="erase", seed=0)
    assert len(times) == 1 + 21 + 2


def test_a_file_with_a_right_checksum_that_is_no_such_image_is_damage_all_the_same(tmp_path: Path) -> None:
    damaged = {
        encode(face(side=SIDE + 1)): "a picture of 289 pixels, where 256 are expected",
        b"": "no PNG, and no JPEG",
        b"no": "no PNG, and no JPEG",
    }
    for number, (file, found) in enumerate(damaged.items()):
        store = build(tmp_path / str(number), [KEPT["png"], file])
        where = r"c\.0\.0\.0\.0: rows 0\.\.1 of split 'train' do not decode"
        with pytest.raises(CorruptShardError, match=f"{where} .*{found}"):
            images_of(store).read(0)
        assert [problem.kind for problem in verify(store.path).problems] == ["undecodable"]


def test_what_needs_no_image_needs_no_opencv_and_the_rest_names_the_extra(tmp_path: Path) -> None:
    path = build_faces(tmp_path / "work", tmp_path / "out", face_spec(profile="source"))
    script = (
        "import sys; sys.modules['cv2'] = None\nimport faceshards\nfaces = faceshards.open(sys.argv[1])\n"
        "print(faces.regions(['train-0003']).shape, next(faces.batches(4, fields=['region']))['region'].shape)\n"
        "faces.batches(4)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout == "(1, 8, 8) (4, 8, 8)\n"
    assert done.stderr.splitlines()[-1].startswith(
        "faceshards.errors.MissingExtraError: a store of the profile 'source' holds JPEG and PNG files, which OpenCV "
        "decodes: pip install 'faceshards[jpeg]'"
    )


def test_an_opencv_that_cannot_give_rgb_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    imagefiles._cv2.cache_clear()
    monkeypatch.delattr(cv2, "IMREAD_COLOR_RGB")
    with pytest.raises(MissingExtraError, match="IMREAD_COLOR_RGB"):
        imagefiles.load_decoder()
