"""Too many faces that dropped out stop a stage, with the limit as it stands in the params."""

from pathlib import Path

import pytest
from stores import build_faces, face_spec

from faceshards.build.outcome import Outcome, refuse_too_many
from faceshards.errors import TooManySkippedError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outcome")
    return build_faces(folder / "work", folder / "out", face_spec())


@pytest.mark.parametrize(("limit", "told"), [(0.005, "0.5%"), (0.07, "7%"), (0.125, "12.5%")])
def test_a_limit_is_told_as_it_was_set(limit: float, told: str, store: Path) -> None:
    few = Outcome(faces=1000, used=1000 - int(1000 * limit), skipped={}, remarks={})
    refuse_too_many(few, store, limit, "align")
    with pytest.raises(TooManySkippedError, match=rf"expected at most {told}\. Mend"):
        refuse_too_many(Outcome(1000, 800, {"no_face_found": 200}, {}), store, limit, "align")
