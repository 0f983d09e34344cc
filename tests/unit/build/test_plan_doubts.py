"""People who are none: folders of images, or of splits, that were taken for a person's."""

from pathlib import Path

import pytest
from plans import Face, NamedFaces, planned

from faceshards.build.params import PlanParams
from faceshards.build.plan import plan_source

WRONG = {
    "one folder of images": ["img_align_celeba"] * 3,
    "two splits": ["Train", "test", "test"],
    "ten faces of one folder": ["holiday"] * 10,
}
RIGHT = {
    "people": ["ann", "bob", "train"],
    "a few of one person": ["ann"] * 9,
    "nobody": [None] * 12,
    "one person among strangers": [*["ann"] * 12, None],
}


@pytest.mark.parametrize("names", WRONG.values(), ids=WRONG)
def test_folders_that_may_be_no_people_are_named(tmp_path: Path, names: list[str]) -> None:
    _, outcome = planned(tmp_path, [Face(f"{i}", name) for i, name in enumerate(names)])
    (warning,) = outcome.warnings
    assert f"all faces are taken to be of {', '.join(dict.fromkeys(names))}" in warning


@pytest.mark.parametrize("names", RIGHT.values(), ids=RIGHT)
def test_people_are_not_doubted(tmp_path: Path, names: list[str | None]) -> None:
    _, outcome = planned(tmp_path, [Face(f"{i}", name) for i, name in enumerate(names)])
    assert outcome.warnings == ()


def test_what_a_source_says_of_itself_is_among_the_warnings(tmp_path: Path) -> None:
    class Saying(NamedFaces):
        warnings = ("source.landmarks: 1 of 2 rows names no face",)

    outcome = plan_source(Saying(Face("1", "ann")), tmp_path, PlanParams(seed=0, splits={"train": 1.0}))
    assert outcome.warnings == Saying.warnings
