"""Stores on S3, over its real protocol: moto's server on loopback."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores import build_faces

import faceshards
from faceshards.errors import CorruptShardError, DownloadError, MissingShardError

moto_server = pytest.importorskip("moto.server", reason="moto[s3], flask and flask-cors are not installed")
s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")

SHARD = "bucket/shards/train.zarr/image/c.0.0.0.0"
URL = "s3://bucket/shards"

# botocore's own; the next pytest to see them gone may drop this.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

IN_A_WORKER = """
import multiprocessing, sys
import faceshards
from pathlib import Path
url, endpoint, folder = sys.argv[1:]
options = {"key": "k", "secret": "s", "endpoint_url": endpoint}
faces = faceshards.open(url, storage_options=options, cache=faceshards.Cache(Path(folder)))
first = faces[0]["image"].tobytes()  # the connection is made before the fork

def read(index):
    return faces[index]["image"].tobytes()

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[0] and "fork").Pool(2) as pool:
        images = pool.map(read, range(len(faces)))
    assert images[0] == first
    print(b"".join(images).hex())
"""


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def options(endpoint: str) -> dict[str, Any]:
    return {"key": "k", "secret": "s", "endpoint_url": endpoint}


@pytest.fixture
def bucket(options: dict[str, Any], faces: Path) -> Iterator[Any]:
    filesystem = s3fs.S3FileSystem(**options, skip_instance_cache=True)
    filesystem.mkdir("bucket")
    filesystem.put(str(faces), "bucket/shards", recursive=True)
    yield filesystem
    filesystem.rm("bucket", recursive=True)


def open_remote(options: dict[str, Any], cache: Path) -> faceshards.Dataset:
    return faceshards.open(URL, storage_options=options, cache=faceshards.Cache(cache))


def test_batches_from_s3_are_those_of_the_disk(
    bucket: Any, options: dict[str, Any], faces: Path, tmp_path: Path
) -> None:
    ours = open_remote(options, tmp_path / "cache").batches(4, shuffle=True, view="all_variants")
    theirs = faceshards.open(faces).batches(4, shuffle=True, view="all_variants")
    for one, other in zip(ours, theirs, strict=True):
        for name in other:
            np.testing.assert_array_equal(one[name], other[name])


def test_forked_workers_read_through_connections_of_their_own(
    bucket: Any, endpoint: str, faces: Path, tmp_path: Path
) -> None:
    script = tmp_path / "read.py"
    script.write_text(IN_A_WORKER)
    done = subprocess.run(
        [sys.executable, script, URL, endpoint, tmp_path / "cache"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    expected = faceshards.open(faces).take(range(21), fields=["image"])["image"].tobytes()
    assert bytes.fromhex(done.stdout) == expected


@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_damaged_objects_are_refused(bucket: Any, options: dict[str, Any], tmp_path: Path, damage: str) -> None:
    data = bucket.cat(SHARD)
    bucket.pipe(SHARD, data[:-1] if damage == "truncated" else bytes([data[0] ^ 1]) + data[1:])
    faces = open_remote(options, tmp_path / "cache")
    with pytest.raises(CorruptShardError, match=rf"{SHARD}: expected .* upload it again"):
        faces[0]
    faces[20]
    bucket.pipe(SHARD, data)
    faces[0]


def test_a_missing_object_is_named(bucket: Any, options: dict[str, Any], tmp_path: Path) -> None:
    bucket.rm(SHARD)
    with pytest.raises(MissingShardError, match=rf"{SHARD} is not there"):
        open_remote(options, tmp_path / "cache")[0]


def test_a_store_replaced_at_its_url_is_another_one(
    bucket: Any, options: dict[str, Any], faces: Path, tmp_path: Path
) -> None:
    old = open_remote(options, tmp_path / "cache")
    other = Path(shutil.copytree(faces, tmp_path / "other"))
    text = (other / "README.md").read_bytes()
    bucket.pipe("bucket/shards/dataset.json", replaced_description(other, text + b"2"))
    new = open_remote(options, tmp_path / "cache")
    assert new.store.path != old.store.path
    np.testing.assert_array_equal(new[3]["image"], old[3]["image"])


def replaced_description(store: Path, readme: bytes) -> bytes:
    from faceshards.store import dataset_json

    content = dataset_json.load(store)
    content["files"]["README.md"]["bytes"] = len(readme)
    return dataset_json.encode(content)


def test_a_wrong_bucket_or_server_is_told(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises((MissingShardError, DownloadError), match=r"s3://nowhere/shards/dataset\.json"):
        faceshards.open("s3://nowhere/shards", storage_options=options, cache=faceshards.Cache(tmp_path))
