"""The FSErasing authors' published labels lie over FaceSynthetics' own."""

import numpy as np
import pytest
from frame_files import frames, write_folder, write_zip
from image_files import encode, noise

from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.publishedlabels import WithPublishedLabels

LABELS = noise(32, 32, 1, top=25)
LABELLED = {"labels_25/000000_seg.png": encode(LABELS), "labels_25/000002_seg.png": encode(LABELS)}
TABLE = b"frame_id,with_25\n0,1\n1,1\n2,0\n"


@pytest.fixture
def source(tmp_path):
    return FaceSynthetics(write_zip(tmp_path / "x.zip", frames()))


def schemes(source):
    return [source.truth(i).scheme for i in range(len(source))]


def test_frames_with_published_labels_have_25_regions_and_the_others_their_coarse_truth(tmp_path, source):
    labelled = WithPublishedLabels(source, write_folder(tmp_path / "labels", LABELLED))
    assert schemes(labelled) == ["regions25", "facesynthetics", "regions25"]
    np.testing.assert_array_equal(labelled.truth(0).labels, LABELS)
    np.testing.assert_array_equal(labelled.truth(1).labels, source.truth(1).labels)
    assert labelled.face(1) == source.face(1)
    assert labelled.image_bytes(1) == source.image_bytes(1)
    np.testing.assert_array_equal(labelled.landmarks(1), source.landmarks(1))


def test_the_table_takes_back_a_file_that_is_there_and_misses_none_that_is_not(tmp_path, source):
    folder = write_folder(tmp_path / "labels", LABELLED | {"anno_list.csv": TABLE})
    assert schemes(WithPublishedLabels(source, folder)) == ["regions25", "facesynthetics", "facesynthetics"]


def test_the_published_zip_is_read_in_place(tmp_path, source):
    archive = write_zip(tmp_path / "detailed.zip", LABELLED | {"anno_list.csv": TABLE, "labels_9/000001_seg.png": b""})
    assert schemes(WithPublishedLabels(source, archive)) == ["regions25", "facesynthetics", "facesynthetics"]


def test_both_spellings_of_the_folder_are_known(tmp_path, source):
    files = {name.replace("labels_25", "labels25"): data for name, data in LABELLED.items()}
    assert schemes(WithPublishedLabels(source, write_folder(tmp_path / "labels", files)))[0] == "regions25"


def test_an_id_beyond_the_25_is_a_bad_sample(tmp_path, source):
    folder = write_folder(tmp_path / "labels", {"labels_25/000000_seg.png": encode(np.full((8, 8), 25, np.uint8))})
    with pytest.raises(BadSampleError, match="found 25"):
        WithPublishedLabels(source, folder).truth(0)


@pytest.mark.parametrize("table", [b"frame,with_25\n", b"frame_id,with_25\n0,yes\n", b"frame_id,with_25\n0,1\n0,1\n"])
def test_a_damaged_table_refuses_the_labels(tmp_path, source, table):
    folder = write_folder(tmp_path / "labels", LABELLED | {"anno_list.csv": table})
    with pytest.raises(SourceFormatError, match=r"anno_list\.csv"):
        WithPublishedLabels(source, folder)


def test_a_place_without_labels_is_named(tmp_path, source):
    with pytest.raises(SourceFormatError, match="labels_25"):
        WithPublishedLabels(source, write_folder(tmp_path / "labels", frames()))
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        WithPublishedLabels(source, tmp_path / "nowhere")
