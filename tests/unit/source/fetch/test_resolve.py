import io
import random
import zipfile
from pathlib import Path

import pytest
from file_server import FileServer

from faceshards.errors import DownloadError, LicenceError, SourceNotFoundError
from faceshards.source.fetch.resolve import resolve
from faceshards.source.files import ZipFiles

DOWNLOAD = "kind: facesynthetics\nlicence: R-UDA-1.0\nframes: 1\n"

pytestmark = pytest.mark.usefixtures("no_proxy")


def zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("000000.png"), random.Random(0).randbytes(5000))
    return buffer.getvalue()


def test_data_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "faces.zip").write_bytes(b"")
    for path in (tmp_path, tmp_path / "faces.zip"):
        assert resolve(path, tmp_path / "into") == path
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("name", ["faces.zip", "demo.yaml"])
def test_nothing_at_the_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceNotFoundError, match=r"no such file or folder; set `source.path`"):
        resolve(tmp_path / name, tmp_path / "into")


def test_a_demo_recipe_is_rendered(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text("kind: demo\nidentities: 1\nviews: 2\nsize: 64\n")
    path = resolve(tmp_path / "demo.yaml", tmp_path / "into", progress=False)
    assert path == tmp_path / "into" / "demo.zip"
    assert {"000000.png", "000001.png", "000001_seg.png"} <= ZipFiles(path).names


def test_a_download_recipe_is_downloaded_once_its_licence_is_accepted(tmp_path: Path) -> None:
    recipe = tmp_path / "set.yaml"
    with FileServer(zip_bytes()) as server:
        recipe.write_text(DOWNLOAD + f"files: [{{url: {server.url()!r}}}]")
        with pytest.raises(LicenceError):
            resolve(recipe, tmp_path / "into")
        assert server.requests == []
        path = resolve(recipe, tmp_path / "into", accept_licence="R-UDA-1.0", progress=False)
    assert path == tmp_path / "into" / "faces.zip"
    assert path.read_bytes() == zip_bytes()


def test_of_a_split_zip_the_first_part_stands_for_all(tmp_path: Path) -> None:
    recipe = tmp_path / "set.yaml"
    data = zip_bytes()

    with FileServer(data[:3000]) as first, FileServer(data[3000:]) as second:
        urls = f"[{{url: {first.url('a.zip.001')!r}}}, {{url: {second.url('a.zip.002')!r}}}]"
        recipe.write_text(DOWNLOAD + f"files: {urls}")
        path = resolve(recipe, tmp_path / "into", accept_licence="R-UDA-1.0", progress=False)
    assert path == tmp_path / "into" / "a.zip.001"
    assert ZipFiles(path).names == {"000000.png"}


def test_a_set_that_is_not_the_official_one_is_refused(tmp_path: Path, root: Path) -> None:
    recipe = tmp_path / "set.yaml"
    pinned = root / "manifests/facesynthetics_sha256.parquet"
    with FileServer(zip_bytes()) as server:
        recipe.write_text(DOWNLOAD + f"pinned_members: {pinned}\nfiles: [{{url: {server.url()!r}}}]")
        with pytest.raises(DownloadError, match=r"3 other files: 000000.png has 5,000 bytes"):
            resolve(recipe, tmp_path / "into", accept_licence="R-UDA-1.0", progress=False)
