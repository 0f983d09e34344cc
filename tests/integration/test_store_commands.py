"""`info`, `verify`, `stats` and `show`: of folders and URLs, for people and programs, in a bare install."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from edited_stores import Row, build_edited, with_description
from stores import build_faces, face_spec, sample_id

import faceshards
from faceshards.cli import main
from faceshards.export.webdataset import export_webdataset
from faceshards.sheet import half_blocks
from faceshards.store.reader import Store


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    return result.exit_code, result.output


@pytest.fixture
def url(small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a copy of the store, which a test may damage."""
    monkeypatch.setenv("FACESHARDS_CACHE", str(tmp_path / "cache"))
    shutil.copytree(small_run / "shards", tmp_path / "shards")
    return f"file://{tmp_path / 'shards'}"


def test_info_and_stats_say_the_same_of_a_url_as_of_its_folder(small_run: Path, url: str) -> None:
    for command in ("info", "stats"):
        here, there = (json.loads(run(command, at, "--json")[1]) for at in (small_run / "shards", url))
        assert here.pop("store") == str(small_run / "shards")
        assert there.pop("store") == url
        assert here == there
        assert (
            command == "stats"
            or here["sha256"] == json.loads((small_run / "shards/dataset.json").read_text())["sha256"]
        )
    code, text = run("info", url)
    assert code == 0
    assert f'faceshards.open("{url}"' in text


def test_what_a_stranger_s_store_says_drives_no_terminal(small_run: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(small_run / "shards", tmp_path / "shards"))
    with_description(store, lambda info: info["about"].update(title="a\x1b]0;b\x07"))
    for command in (("info", store), ("diff", small_run / "shards", store)):
        text = run(*command)[1]
        assert "a\\x1b]0;b\\x07" in text
        assert "\x1b" not in text


def test_a_break_in_a_name_makes_no_line_and_no_text_of_a_store_takes_the_place_of_what_is_known_of_it(
    tmp_path: Path,
) -> None:
    store = build_faces(tmp_path / "work", tmp_path / "faces")
    known = json.loads(run("info", store, "--json")[1])
    del known["sha256"]
    with_description(
        store, lambda info: info["about"].update(title="a\nb: 9 faces", sha256="0" * 64, samples="9", url="c")
    )
    assert "a\\x0ab: 9 faces: 24 faces" in run("info", store)[1]
    told = json.loads(run("info", store, "--json")[1])
    assert told.pop("sha256") == json.loads((store / "dataset.json").read_text())["sha256"]
    assert {name: told[name] for name in known} == known
    (store / "a\nb: 9 files, 0 problems").touch()
    assert "a\\x0ab: 9 files, 0 problems: unlisted" in run("verify", store)[1]
    assert "a\\x0ab: 9 files, 0 problems: removed" in run("repair", store, "--remove-unlisted")[1]


def test_the_snippet_of_info_reads_a_split_that_has_faces(tmp_path: Path) -> None:
    first_empty = build_faces(tmp_path / "work", tmp_path / "faces", face_spec({"train": 0, "val": 3}))
    assert 'split="val"' in run("info", first_empty)[1]
    spec = face_spec({"train": 1})
    none = build_faces(tmp_path / "work", tmp_path / "none", spec, dropped=[sample_id("train", 0)])
    code, text = run("info", none)
    assert code == 0
    assert "No face can be used" in text
    assert "faceshards.open" not in text


def test_stats_count_what_the_manifest_holds(small_run: Path) -> None:
    found = json.loads(run("stats", small_run / "shards", "--json")[1])
    store = Store.open(small_run / "shards")
    rows = store.manifest.to_pylist()
    usable = [row for row in rows if row["status"] == "ok"]
    assert (found["faces"], found["skipped"]) == (len(usable), len(rows) - len(usable))
    assert {name: of["faces"] for name, of in found["splits"].items()} == {
        split: sum(row["split"] == split for row in usable) for split in store.splits
    }
    assert found["people"]["count"] == len({row["identity"] for row in usable})
    regions = np.concatenate([store.read(split, "region") for split in store.splits])
    for i, (_, of) in enumerate(found["regions"].items()):
        assert of["area"] == pytest.approx((regions == i).mean(), abs=1e-6)
        assert of["present"] == pytest.approx((regions == i).any(axis=(1, 2)).mean(), abs=1e-6)
    sure = sorted(row["confidence"] for row in usable)
    assert found["confidence"]["least"] == pytest.approx(sure[0], abs=1e-4)
    assert found["confidence"]["greatest"] == pytest.approx(sure[-1], abs=1e-4)
    text = run("stats", small_run / "shards")[1]
    assert f"{len(usable)} faces of {found['people']['count']} people" in text
    assert "right_cheek" in text


def test_stats_name_why_faces_dropped_out_and_do_without_what_a_store_lacks(tmp_path: Path) -> None:
    store = build_faces(tmp_path / "work", tmp_path / "faces", dropped=[sample_id("train", 1), sample_id("train", 2)])
    found = json.loads(run("stats", store, "--json")[1])
    assert found["skipped"] == 2
    assert found["reasons"] == {"no_face": 2}
    assert found["confidence"] == {}
    text = run("stats", store)[1]
    assert "2  no_face" in text
    assert "confidence" not in text


def test_reasons_add_up_and_one_of_several_lines_is_one_row(tmp_path: Path) -> None:
    said = {"train-0000": "unknown", "train-0001": None, "train-0002": "turned: a\n  99  forged"}

    def drop(split: str, row: Row, _face: object) -> None:
        if row["sample_id"] in said:
            row.update(status="skipped", reason=said[row["sample_id"]])

    store = build_edited(tmp_path / "faces", drop)
    found = json.loads(run("stats", store, "--json")[1])
    assert sum(found["reasons"].values()) == found["skipped"] == 3
    assert found["reasons"]["unknown"] == 2
    assert "1  turned: a;   99  forged\n" in run("stats", store)[1]


def test_verify_of_a_url_finds_what_became_of_the_files_there_though_the_cache_has_them_whole(
    url: str, tmp_path: Path
) -> None:
    assert run("verify", url)[0] == 0
    list(faceshards.open(url, split="train").batches(4))  # the cache keeps them now
    shard = next((tmp_path / "shards/train.zarr/image").glob("c.*"))
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    lost = next((tmp_path / "shards/val.zarr/region").glob("c.*"))
    lost.unlink()
    code, text = run("verify", url, "--json")
    assert code == 1
    found = json.loads(text)
    assert not found["ok"]
    kinds = {(problem["path"], problem["kind"]) for problem in found["problems"]}
    assert (shard.relative_to(tmp_path / "shards").as_posix(), "changed") in kinds
    assert (lost.relative_to(tmp_path / "shards").as_posix(), "missing") in kinds
    assert [path.name for path in tmp_path.iterdir() if "verify" in path.name] == []


def test_verify_holds_a_url_against_a_list_of_hashes(url: str, tmp_path: Path) -> None:
    from faceshards.store.sha256sums import write_sha256sums

    write_sha256sums(tmp_path / "shards", tmp_path / "sums")
    assert run("verify", url, "--against", tmp_path / "sums")[0] == 0
    assert run("verify", url, "--against", f"file://{tmp_path / 'sums'}")[0] == 0
    assert "no-sums is not there; check the URL" in run("verify", url, "--against", f"file://{tmp_path / 'no-sums'}")[1]
    (tmp_path / "sums").write_text((tmp_path / "sums").read_text().replace("  README.md", "  README.txt"))
    assert run("verify", url, "--against", tmp_path / "sums")[0] == 1


def test_show_writes_a_face_its_regions_and_variants_side_by_side(small_run: Path, url: str, tmp_path: Path) -> None:
    store = Store.open(small_run / "shards")
    row = store.manifest.to_pylist()[0]
    code, text = run("show", url, row["sample_id"], "--out", tmp_path / "face.png")
    assert code == 0, text
    sheet = cv2.imread(str(tmp_path / "face.png"), cv2.IMREAD_COLOR_RGB)
    variants = store.arrays["variant"].shape[0]
    assert sheet.shape == (112, 112 * (2 + variants), 3)
    at = row["row"]
    np.testing.assert_array_equal(sheet[:, :112], store.read(row["split"], "image", at, at + 1)[0])
    np.testing.assert_array_equal(sheet[:, 224:336], store.read(row["split"], "variant", at, at + 1)[0][0])
    assert f"split {row['split']}, row {at}" in text
    assert row["identity_name"] in text


def test_show_without_a_terminal_or_a_file_says_what_to_name(small_run: Path, tmp_path: Path) -> None:
    code, text = run("show", small_run / "shards", "x")
    assert code == 2
    assert "--out face.png" in text
    code, text = run("show", small_run / "shards", "00000", "--out", tmp_path / "a.png")
    assert code == 1
    assert "has no sample '00000'; near to it: 00000" in text
    text = run("show", small_run / "shards", "person_03", "--out", tmp_path / "a.png")[1]
    assert re.search(r"has no sample 'person_03'; it is a person, whose samples are \d{6}, \d{6}$", text.strip())
    text = run("show", small_run / "shards", "?", "--out", tmp_path / "a.png")[1]
    assert re.search(r"has no sample '\?'; it has samples such as '\d{6}'", text)
    assert run("show", small_run / "shards", "000000", "--out", tmp_path / "a.jpg")[0] == 2
    code, text = run("show", small_run / "shards", "000000", "--out", small_run / "shards/face.png")
    assert code == 2
    assert "there it would be data" in text
    assert not (small_run / "shards/face.png").exists()
    assert list(tmp_path.iterdir()) == []


def test_in_a_terminal_a_character_is_one_pixel_above_another() -> None:
    image = np.zeros((4, 2, 3), np.uint8)
    image[0, 0], image[1, 0] = (1, 2, 3), (4, 5, 6)
    drawn = half_blocks(image, 80).split("\n")
    assert len(drawn) == 2
    assert drawn[0].startswith("\x1b[38;2;1;2;3;48;2;4;5;6m\u2580")
    assert [line.count("\u2580") for line in half_blocks(np.full((112, 224, 3), 9, np.uint8), 40).split("\n")] == [
        40
    ] * 10


_BARE = '''
import sys
from importlib.machinery import PathFinder

BASE = {"click", "google_crc32c", "numcodecs", "numpy", "zarr", "pyarrow", "tqdm", "donfig", "packaging", "yaml",
    "typing_extensions", "faceshards", "_distutils_hack"}

class Bare:
    """Finds what a bare install has."""

    invalidate_caches = PathFinder.invalidate_caches

    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target)
        installed = spec is not None and "site-packages" in str(spec.origin or spec.submodule_search_locations)
        return None if installed and name.partition(".")[0] not in BASE else spec

sys.meta_path[:] = [Bare if finder is PathFinder else finder for finder in sys.meta_path]
from faceshards.cli import main
for line in sys.stdin:
    try:
        main(line.split(), standalone_mode=False)
        print("code 0")
    except SystemExit as end:
        print("code", end.code)
    except Exception as error:
        print(type(error).__name__, getattr(error, "message", error))
'''


def test_with_the_base_alone_the_commands_for_readers_work_and_the_others_name_the_extra(
    small_run: Path, tmp_path: Path
) -> None:
    store = small_run / "shards"
    works = [
        *("--help", "init --help", "stage --help", "check --help"),
        *(f"info {store}", f"info {store} --json", f"verify {store}", f"stats {store}"),
        f"show {store} 000000 --out {tmp_path / 'face.png'}",
        f"diff {store} {store}",
        *(
            f"export {name} {store} {tmp_path / name}"
            for name in ("webdataset", "imagefolder", "huggingface", "recordio", "fiftyone")
        ),
    ]
    needs = ["init faces", "check", "stage align", f"forget {store} --person x", "demo faces.zip", "parsers", "train"]
    done = subprocess.run(
        [sys.executable, "-c", _BARE],
        input="\n".join([*works, *needs]),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(faceshards.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    ends = [line for line in done.stdout.splitlines() if line.startswith(("code", "ClickException", "ModuleNot"))]
    assert ends[: len(works)] == ["code 0"] * len(works), done.stdout + done.stderr
    for command, end in zip(needs, ends[len(works) :], strict=True):
        assert "pip install 'faceshards[" in end, (command, end)
    export_webdataset(Store.open(store), tmp_path / "here")
    for tar in (tmp_path / "here").glob("*.tar"):
        assert tar.read_bytes() == (tmp_path / "webdataset" / tar.name).read_bytes()


def test_importing_the_package_brings_neither_click_nor_tqdm() -> None:
    code = "import faceshards, sys; faceshards.open, faceshards.Loader; print({'click', 'tqdm'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "faceshards", "--version"]
    assert faceshards.__version__ in subprocess.run(command, capture_output=True, text=True, check=True).stdout
