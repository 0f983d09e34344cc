"""A size that a file claims is held against the file's own length before anything is made of that size."""

import pickle
import resource
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from limits import limit_memory
from odd_pictures import picture, saved
from onnx_files import graph
from safetensors.torch import save

from examples.recognition.verification.insightface_bin import InsightFaceBin
from faceshards.build.earlier import read_earlier
from faceshards.build.params import load_params
from faceshards.errors import BadSampleError, FaceShardsError, ParamsError, SourceFormatError, WeightsError
from faceshards.parsing.weights import load_weights
from faceshards.recordioformat import MAGIC
from faceshards.report.earlier import read_manifest_before
from faceshards.source.decode import decode_image
from faceshards.source.facesynthetics import parse_landmarks
from faceshards.source.fetch.pinned import find_mismatches
from faceshards.source.files import FolderFiles
from faceshards.source.imageheader import read_header
from faceshards.source.recordfile import RecordFile
from faceshards.store.schema import PLAN_KEY
from faceshards.store.tables import decode_table
from faceshards.zoo.onnxfiles import external_files

MB = 2**20
_MOST = 200 * MB


@contextmanager
def little_memory() -> Iterator[None]:
    """No more than 200 MB beyond what this process has reserved: what goes beyond is a MemoryError, or ends it."""
    before = limit_memory(_MOST)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def refused(read: Callable[[], object]) -> str:
    """The message by which something is refused, within little memory."""
    with little_memory(), pytest.raises(FaceShardsError) as caught:
        read()
    return str(caught.value)


def chunk(kind: bytes, content: bytes, claims: int | None = None) -> bytes:
    length = len(content) if claims is None else claims
    return struct.pack(">I", length) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*chunks: bytes, size: tuple[int, int] = (8, 8)) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks)


GOOD = chunk(b"IDAT", zlib.compress(bytes(9 * 8))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", [b"IDAT", b"tEXt", b"zTXt", b"iCCP", b"eXIf", b"acTL", b"fdAT", b"abCd"])
@pytest.mark.parametrize("claims", [100, 2**31 - 16, 2**32 - 1])
def test_a_chunk_of_a_png_that_claims_more_than_the_file_has_is_a_bad_sample(kind: bytes, claims: int) -> None:
    said = refused(lambda: decode_image(png(chunk(kind, b"x", claims), GOOD), "face 7"))
    assert said.startswith("undecodable_image: face 7: ")
    assert f"claims {claims:,} bytes" in said


def test_chunks_that_decide_no_pixel_reach_no_decoder() -> None:
    extra = [chunk(b"tEXt", b"Comment\0" + bytes(1000)), chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))]
    assert (decode_image(png(*extra, GOOD), "x") == decode_image(png(GOOD), "x")).all()


@pytest.mark.parametrize("size", [(8192, 8192), (60_000, 1000)])
def test_a_few_bytes_hold_no_picture_of_many_megapixels(size: tuple[int, int]) -> None:
    assert refused(lambda: decode_image(png(GOOD, size=size), "x")).startswith("image_too_large: x: ")


def test_a_large_picture_that_is_there_is_read() -> None:
    rows = zlib.compress(bytes(2001 * 2000))
    assert decode_image(png(chunk(b"IDAT", rows), chunk(b"IEND", b""), size=(2000, 2000)), "x").shape == (2000, 2000, 3)


def test_spaces_in_the_header_of_a_pgm_take_no_time() -> None:
    assert read_header(b"P5" + b" " * 4000 + b"x") is None
    assert read_header(b"P5" + b"#\n \n" * 900 + b"x") is None


def test_a_jpeg_of_a_thousand_scans_is_refused_before_each_goes_over_the_picture() -> None:
    data = saved(picture(1, (64, 64)), "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    assert refused(lambda: decode_image(data[:-2] + data[scan:-2] * 1000 + data[-2:], "x")).startswith(
        "unreadable_image"
    )


def test_pages_of_a_tiff_that_go_round_in_a_circle_take_no_time() -> None:
    entries = struct.pack("<HHII", 256, 4, 1, 8) + struct.pack("<HHII", 257, 4, 1, 8)
    directory = struct.pack("<H", 2) + entries + struct.pack("<I", 8)
    assert read_header(b"II*\0\x08\0\0\0" + directory) is None


@pytest.mark.parametrize("width", [2000, 40_000, 10**12])
def test_weights_of_a_width_that_the_file_does_not_have_are_refused(tmp_path: Path, width: int) -> None:
    header = b'{"conv0.w":{"dtype":"F32","shape":[%d,0,3,3],"data_offsets":[0,0]}}' % width
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    assert f"found {width:,}" in refused(lambda: load_weights(tmp_path / "w.safetensors"))


def test_wide_weights_of_which_most_are_missing_are_refused_before_a_network_is_made(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(save({"conv0.0.weight": torch.ones(1024, 3, 3, 3)}))
    assert "the keys do not fit" in refused(lambda: load_weights(tmp_path / "w.safetensors"))


def test_a_number_spread_over_a_shape_is_refused(tmp_path: Path) -> None:
    torch.save({"conv0.0.weight": torch.ones(1).expand(64, 2**14, 3, 3)}, tmp_path / "w.pth")
    assert "tensors of no more than the" in refused(lambda: load_weights(tmp_path / "w.pth"))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02r\xff\xff\xff\x0fN.",  # a value for place 268,435,455
        b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"x.",  # 8 GB of bytes
    ],
)
def test_a_pickle_that_claims_more_than_it_has_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.bin").write_bytes(data)
    assert str(tmp_path / "x.bin") in refused(lambda: InsightFaceBin(tmp_path / "x.bin"))


@pytest.mark.parametrize("protocol", [2, 5])
def test_a_picture_that_a_pickle_names_many_times_is_in_memory_once(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "x.bin").write_bytes(pickle.dumps(([b"x" * 10**6] * 2000, [True] * 1000), protocol))
    with little_memory():
        assert len(InsightFaceBin(tmp_path / "x.bin")) == 2000


def test_a_description_whose_references_multiply_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40))]
    (tmp_path / "params.yaml").write_text("\n".join(lines))
    with little_memory(), pytest.raises(ParamsError, match="references"):
        load_params(tmp_path / "params.yaml")


def test_a_record_of_very_many_empty_parts_is_read_in_a_moment(tmp_path: Path) -> None:
    parts = [MAGIC + struct.pack("<I", flag << 29) for flag in (1, *(2,) * 200_000, 3)]
    (tmp_path / "x.rec").write_bytes(b"".join(parts))
    assert len(RecordFile(tmp_path / "x.rec").read(0)) == 4 * 200_001


def test_landmarks_longer_than_any_are_refused_before_they_are_numbers() -> None:
    with pytest.raises(BadSampleError, match="malformed_landmarks: x: expected 70 lines"):
        parse_landmarks(b"1 2\n" * 50_000, "x")


@pytest.mark.parametrize("name", ["../w.bin", "/etc/passwd", "a/../../w.bin", ""])
def test_an_onnx_graph_that_names_files_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "net.onnx").write_bytes(graph(name))
    with pytest.raises(WeightsError, match="leads out of it"):
        external_files(tmp_path / "net.onnx")


def test_the_cases_that_took_gigabytes_are_refused_within_little(shared: Path, tmp_path: Path) -> None:
    cases = shared / "cases/hostile"
    for path in sorted((cases / "png").iterdir()):
        assert "undecodable_image" in refused(lambda path=path: decode_image(path.read_bytes(), "x"))
    for path in sorted((cases / "safetensors").iterdir()):
        refused(lambda path=path: load_weights(path))
    refused(lambda: InsightFaceBin(cases / "memo.bin"))
    for path in sorted((cases / "pth").iterdir()):
        copy = tmp_path / f"{path.name}.pth"
        copy.write_bytes(path.read_bytes())
        refused(lambda copy=copy: load_weights(copy))
    assert "unreadable_image" in refused(lambda: decode_image((cases / "white12.pgm").read_bytes(), "x"))
    with pytest.raises((SourceFormatError, ParamsError)):
        load_params(next((cases / "params-yaml").iterdir()))


READERS_OF_TABLES = {
    "the version that a plan continues": lambda path: read_earlier(path, 0),
    "the version before, of a report": read_manifest_before,
    "a table of a store": lambda path: decode_table(path, str(path)),
    "the same in memory": lambda path: decode_table(path.read_bytes(), str(path)),
}
FACES = pa.table({name: [1] * 50_000 for name in ("sample_id", "identity", "identity_name", "split", "row")})


def written(table: pa.Table, path: Path) -> Path:
    pq.write_table(table.replace_schema_metadata({PLAN_KEY: b'{"splits": {}}'}), path)
    return path


@pytest.mark.parametrize("read", READERS_OF_TABLES.values(), ids=READERS_OF_TABLES)
def test_a_table_has_no_more_rows_than_bytes_and_its_texts_are_no_longer_than_names(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    path = written(FACES, tmp_path / "manifest.parquet")
    assert "rows; found 50000" in refused(lambda: read(path))
    long = pa.DictionaryArray.from_arrays(np.zeros(900, np.int32), ["x" * 10**4])
    path = written(FACES.slice(0, 900).set_column(0, "sample_id", long), path)
    assert "bytes in 900 rows of a column; found 9" in refused(lambda: read(path))


def test_a_table_of_hashes_has_no_more_rows_than_bytes(tmp_path: Path) -> None:
    path = written(FACES, tmp_path / "hashes.parquet")
    assert "rows; found 50000" in refused(lambda: find_mismatches(FolderFiles(tmp_path), path))
