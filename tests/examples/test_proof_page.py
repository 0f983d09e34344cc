"""The page is made from the numbers alone, says how far they are, and is no older than they are."""

from pathlib import Path

import numpy as np
import pytest

from examples.proof.hidden import HIDDEN
from examples.proof.known import PAIRS, Known, write_known
from examples.proof.measure import Answers
from examples.proof.page import END, START, by_verdict, digest, finding, main, verdict, write_page, write_sentence
from examples.proof.rows import ANSWERS, HALVES, add, all_trials, is_finished
from examples.proof.run import row_of, settings_of
from examples.proof.settings import Settings
from examples.proof.statistics import Difference
from examples.proof.training import Progress
from examples.recognition.verification.protocol import Pairs
from faceshards.errors import ParamsError, SourceFormatError, SourceNotFoundError, StoreFormatError

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "examples" / "proof" / "results"
FOLDS, EACH = 5, 12


def known_pairs():
    same = np.tile(np.repeat([True, False], EACH), FOLDS)
    first = np.arange(len(same)) % 30
    second = np.where(same, first, (first + 7) % 30)
    pairs = Pairs(2 * first, 2 * second + 1, same, np.repeat(np.arange(FOLDS), 2 * EACH))
    return Known.of(pairs, [f"person{i // 2}" for i in range(60)])


def write_results(folder, trials, gain=0.0):
    known = known_pairs()
    write_known(folder / PAIRS, dict.fromkeys(HALVES, known))
    pairs = known.pairs
    for number, trial in enumerate(trials):
        rng = np.random.default_rng(number)
        apart = 2 + gain * (trial.arm == "on-the-fly")
        answers = Answers(
            (rng.normal(size=len(pairs.same)) + apart * pairs.same).astype(np.float16).astype(np.float32),
            {what: rng.random(len(pairs.same)) < np.where(pairs.same, 0.9, 0.2) for what in HIDDEN},
            rng.normal(size=(6, 25)).astype(np.float16),
        )
        row = row_of(Progress([2.0, 1.0], 0.9, 60.0), answers, pairs)
        row |= {"faces": 4000, "people": 800, "pairs": len(pairs.same), "missing": 1, "seconds": 60 + number % 2}
        row["processor"] = "One" if trial.half == "a" else "Other"
        add(folder, trial, row | settings_of(Settings()), answers)


def test_a_page_has_the_tables_and_pictures_of_every_finished_net_and_head(tmp_path):
    trials = [trial for trial in all_trials("small", 2) if trial.head == "arcface"]
    write_results(tmp_path / "results", trials, gain=8.0)
    page = tmp_path / "proof.md"
    sentence = write_page(tmp_path / "results", page, draws=40)
    text = page.read_text()
    assert "ArcFace, 2 seeds" in sentence
    assert sentence.startswith(
        "On whole faces of LFW, erasing regions on the fly brings a gain (net `small`, ArcFace). Where something is"
    )
    assert "95 % intervals over people and seeds" in sentence
    assert sentence in text
    assert digest(tmp_path / "results") in text
    assert "| `small` | arcface | 4 | 4 | 4 | 4 | 4 | 4 |" in text
    assert "**The experiment is not finished**" in text
    assert "`small` has 376,432 parameters, `middle` 1,495,776" in text
    assert "larger net (**not run**)" in text
    assert "percentiles of 40 draws" in text
    assert "1 to 5 of 19 regions, fill `random`" in text
    assert "| hair | " in text
    assert " of 4, p " in text
    assert "| none | 1.00 | 90.0 |" in text
    assert "60 seconds on `One` (12), 60 seconds on `Other` (12)" in text
    assert "5 seeds of `small`, 3 seeds of `middle`" in text
    for picture in ("gains", "hidden", "learning"):
        path = tmp_path / "proof" / f"small-arcface-{picture}.svg"
        assert path.stat().st_size < 100_000
        assert f"proof/{path.name}" in text
    before = page.read_bytes()
    assert write_page(tmp_path / "results", page, draws=40) == sentence
    assert page.read_bytes() == before


def test_the_comparison_is_finished_with_five_seeds_of_the_small_net_and_three_of_the_middle_one():
    small, middle = all_trials("small", 5), all_trials("middle", 3)
    assert is_finished([*small, *middle, *all_trials("iresnet18", 1)])
    assert not is_finished([*small[:-1], *middle])
    assert not is_finished([*small, *middle[1:]])


def test_before_a_seed_is_whole_nothing_is_said(tmp_path):
    write_results(tmp_path / "results", all_trials("small", 1)[:7])
    page = tmp_path / "proof.md"
    assert write_page(tmp_path / "results", page, draws=10).startswith("Nothing can be said yet")
    assert "| `small` | arcface | 2 | 1 | 1 | 1 | 1 | 1 |" in page.read_text()
    assert finding([]).startswith("Nothing can be said yet")


def test_a_verdict_on_all_nets_and_heads_names_none_of_them():
    assert by_verdict({"a gain": ["one", "another"]}) == "a gain with all of these nets and heads"
    assert by_verdict({"a gain": ["one"], "a loss": ["two", "three"]}) == "a gain (one) and a loss (two; three)"


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.1, 0.3, "a gain"), (-0.3, -0.1, "a loss"), (-0.1, 0.2, "no difference that can be seen")],
)
def test_an_interval_says_no_more_than_it_allows(low, high, says):
    assert verdict(Difference((low + high) / 2, low, high, 0.5, 3, 4, 0.1, 0.1)) == says


@pytest.mark.parametrize("other", ["answers", "pairs", "fewer pairs"])
def test_answers_that_are_not_of_their_row_or_their_pairs_are_refused(tmp_path, other):
    results = tmp_path / "results"
    write_results(results, all_trials("small", 1)[:12])
    if other == "answers":
        one, two = (results / ANSWERS / f"small-arcface-0-a-{arm}.npz" for arm in ("none", "rectangle"))
        of_one = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(of_one)
    else:
        lines = (results / PAIRS).read_text().splitlines(keepends=True)
        changed = [lines[0], *(line.replace(",1,", ",0,", 1) if i < 5 else line for i, line in enumerate(lines[1:]))]
        (results / PAIRS).write_text("".join(changed if other == "pairs" else lines[:1] + lines[9:]))
    with pytest.raises(StoreFormatError, match=r"small-arcface-0-a-none\.npz: expected"):
        write_page(results, tmp_path / "proof.md", draws=10)


def test_a_page_of_too_few_draws_or_without_a_readme_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given, message in (["--draws", "199"], "expected 200 or more"), ([], r"README\.md: expected a README"):
        monkeypatch.setattr("sys.argv", ["page", *given])
        with pytest.raises((ParamsError, SourceNotFoundError), match=message):
            main()
    assert not list(tmp_path.iterdir())


def test_the_sentence_goes_between_its_comments_and_nowhere_else(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{START}\nold\n{END}\nafter\n")
    write_sentence(readme, "new.")
    assert readme.read_text() == f"before\n{START}\nnew.\n{END}\nafter\n"
    readme.write_text("nothing of it")
    with pytest.raises(SourceFormatError, match=r"README.md: expected the lines"):
        write_sentence(readme, "new.")


def test_the_committed_page_and_the_readme_are_of_the_committed_numbers():
    page = (ROOT / "docs" / "proof.md").read_text()
    assert digest(RESULTS) in page, "results have grown: run python -m examples.proof.page"
    readme = (ROOT / "README.md").read_text()
    sentence = readme.partition(START)[2].partition(END)[0].strip()
    assert sentence
    assert sentence in page
