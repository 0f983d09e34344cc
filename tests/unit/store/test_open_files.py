import subprocess
import sys
from pathlib import Path

import pytest
from stores import build_faces, face_spec

from faceshards.store.schema import Profile

READ = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
import faceshards
splits = [faceshards.open(sys.argv[1], split, view="variants") for split in ("train", "val")]
epochs = [faces.batches(7, shuffle=True, seed=0) for faces in splits]
ids = [str(name) for epoch in epochs for batch in epoch for name in batch["sample_id"]]
print(len(ids), len(set(ids)))
"""


@pytest.mark.parametrize("profile", ["fast", "compact"])
def test_a_store_of_more_shards_than_a_process_may_have_open_files_is_read(tmp_path: Path, profile: Profile) -> None:
    spec = face_spec({"train": 120, "val": 120}, shard_rows=4, chunk_rows=2, profile=profile)
    faces = build_faces(tmp_path / "work", tmp_path / "faces", spec)
    found = subprocess.run([sys.executable, "-c", READ, faces], capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("240 240\n", "")
