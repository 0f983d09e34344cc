"""Any bytes survive RecordIO: also those that hold the format's own magic word, in part or many times."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from recordio_files import MAGIC, frame, insightface, write_pair

from faceshards.source.recordfile import RecordFile
from faceshards.source.recordio import RecordIO

BYTES = st.lists(st.one_of(st.just(MAGIC), st.binary(max_size=9)), max_size=8).map(b"".join)
LABELS = st.integers(0, 2**24 - 1)  # a greater float32 may stand for two whole numbers


@given(st.lists(BYTES, min_size=1, max_size=6), st.integers(1, 60))
def test_records_are_read_back_from_their_offsets_in_any_order(records, count):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.rec"
        framed = [frame(data) for data in records]
        path.write_bytes(b"".join(framed))
        file = RecordFile(path)
        for i in reversed(range(len(records))):
            offset = sum(map(len, framed[:i]))
            assert file.read(offset) == records[i]
            assert file.read_start(offset, count) == records[i][:count]


@given(st.lists(st.tuples(BYTES.filter(len), LABELS, st.booleans()), min_size=1, max_size=5))
def test_images_and_identities_of_an_insightface_set_survive(faces):
    labels = [[float(person), 0.5] if in_array else float(person) for _, person, in_array in faces]
    with tempfile.TemporaryDirectory() as folder:
        source = RecordIO(write_pair(Path(folder), insightface([image for image, _, _ in faces], labels)))
        assert len(source) == len(faces)
        for i, (image, person, _) in enumerate(faces):
            assert source.image_bytes(i) == image
            assert source.face(i).identity == str(person)
            assert source.face(i).sample_id == str(i + 1)
