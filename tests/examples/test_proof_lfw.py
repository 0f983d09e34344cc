"""Who is trained on and what is verified on LFW: nobody is on both sides."""

import numpy as np
import pytest

from examples.proof import lfw
from examples.proof.lfw import read_half, read_left_out, read_people
from examples.recognition.verification.protocol import all_pairs
from faceshards.errors import SourceFormatError, SourceNotFoundError

FOLDS, PEOPLE, PHOTOS = 10, 4, 3


def person(fold, i):
    return f"P{fold}_{i}"


def photo(name, number):
    return f"{name}/{name}_{number:04d}"


IDS = [photo(person(f, i), n) for f in range(FOLDS) for i in range(PEOPLE) for n in range(1, PHOTOS + 1)]


@pytest.fixture
def protocol(tmp_path):
    """Ten folds of four people of three photographs; two pairs of each kind a fold."""
    people, pairs = [str(FOLDS)], [f"{FOLDS}\t2"]
    for fold in range(FOLDS):
        people += [str(PEOPLE), *(f"{person(fold, i)}\t{PHOTOS}" for i in range(PEOPLE))]
        pairs += [f"{person(fold, i)}\t1\t{i + 2}" for i in (0, 1)]
        pairs += [f"{person(fold, i)}\t1\t{person(fold, i + 1)}\t2" for i in (0, 2)]
    (tmp_path / "people.txt").write_text("\n".join(people) + "\n")
    (tmp_path / "pairs.txt").write_text("\n".join(pairs) + "\n")
    return tmp_path


def people_of(samples):
    return {IDS[sample].split("/")[0] for sample in np.ravel(samples).tolist()}


@pytest.mark.parametrize("name", ["a", "b", "dev"])
def test_nobody_who_is_verified_is_trained_on(protocol, name):
    half = read_half(name, IDS, protocol)
    assert not people_of(half.train) & people_of([half.pairs.first, half.pairs.second])


def test_both_halves_together_verify_every_pair_once(protocol):
    halves = [read_half(name, IDS, protocol) for name in ("a", "b")]
    pairs = {
        pair for half in halves for pair in zip(half.pairs.first.tolist(), half.pairs.second.tolist(), strict=True)
    }
    assert len(pairs) == sum(len(half.pairs.same) for half in halves) == FOLDS * 4
    assert [half.pairs.folds for half in halves] == [5, 5]
    assert [half.missing for half in halves] == [0, 0]


def test_the_development_half_looks_at_nobody_whom_half_a_verifies(protocol):
    dev, a = read_half("dev", IDS, protocol), read_half("a", IDS, protocol)
    seen = people_of(dev.train) | people_of([dev.pairs.first, dev.pairs.second])
    assert not seen & people_of([a.pairs.first, a.pairs.second])
    assert len(dev.pairs.same) == len(all_pairs(np.arange(PEOPLE * PHOTOS)).same)


def test_pairs_without_a_face_in_the_store_are_counted_in_their_half(protocol):
    gone = photo(person(7, 0), 1)
    halves = {name: read_half(name, [i for i in IDS if i != gone], protocol) for name in ("a", "b")}
    assert {name: half.missing for name, half in halves.items()} == {"a": 2, "b": 0}


def test_labels_run_from_zero_one_a_person(protocol):
    half = read_half("a", IDS, protocol)
    names = np.array([IDS[sample].split("/")[0] for sample in half.train])
    assert half.people == 5 * PEOPLE == len(set(zip(names.tolist(), half.labels.tolist(), strict=True)))
    assert set(half.labels.tolist()) == set(range(half.people))


def test_photographs_left_out_are_not_trained_on_and_people_of_too_few_neither(protocol, monkeypatch):
    table = protocol / "left_out.csv"
    out = [photo(person(0, 0), 1), photo(person(0, 0), 2), photo(person(1, 1), 3)]
    table.write_text("sample_id,reason\n" + "".join(f"{one},a copy\n" for one in out))
    monkeypatch.setattr(lfw, "LEFT_OUT", table)
    trained = {IDS[sample] for sample in read_half("a", IDS, protocol).train}
    assert not trained & set(out)
    assert not any(one.startswith(person(0, 0)) for one in trained)
    assert photo(person(1, 1), 1) in trained


def test_every_photograph_left_out_says_why_and_names_the_person_of_its_folder():
    for sample, reason in read_left_out(lfw.LEFT_OUT).items():
        folder, name = sample.split("/")
        assert name.startswith(f"{folder}_")
        assert reason


def test_a_store_of_other_people_is_refused(protocol):
    with pytest.raises(SourceFormatError, match="in no fold, such as Q"):
        read_half("a", [*IDS, "Q/Q_0001"], protocol)


@pytest.mark.parametrize("text", ["", "2\n1\nAnn\t1\n", "1\nAnn\t1\n", "1\n1\nAnn\n", "1\n1\nAnn\tx\n"])
def test_a_list_of_people_of_another_form_is_refused_by_its_name(tmp_path, text):
    path = tmp_path / "people.txt"
    path.write_text(text)
    with pytest.raises(SourceFormatError, match=r"people.txt: expected the number of folds"):
        read_people(path)


def test_a_missing_list_of_people_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"people.txt: expected LFW's list"):
        read_people(tmp_path / "people.txt")
