from pathlib import Path

import pytest

from faceshards.errors import LicenceError, ParamsError, SourceNotFoundError
from faceshards.source.demo import DemoRecipe
from faceshards.source.fetch.licence import require_licence
from faceshards.source.fetch.recipe import DownloadRecipe, is_recipe, read_recipe

DOWNLOAD = "kind: facesynthetics\nlicence: R-UDA-1.0\nframes: 2\nfiles: "


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return tmp_path / "recipe.yaml"


def test_yaml_files_are_recipes_and_data_is_not() -> None:
    assert is_recipe(Path("manifests/demo.yaml"))
    assert is_recipe(Path("demo.YML"))
    assert not is_recipe(Path("dataset_100.zip"))
    assert not is_recipe(Path("faces"))


def test_the_demo_recipe_of_the_project(root: Path) -> None:
    assert read_recipe(root / "manifests/demo.yaml") == DemoRecipe("demo", seed=0, identities=24, views=4, size=512)


@pytest.mark.parametrize(
    ("name", "frames", "files"),
    [
        ("100", 100, ["dataset_100.zip"]),
        ("1000", 1000, ["dataset_1000.zip"]),
        ("100000", 100_000, ["dataset_100000.zip"]),
        ("100000-parts", 100_000, [f"dataset_100000.zip.00{part}" for part in (1, 2, 3, 4)]),
    ],
)
def test_the_official_sets(root: Path, name: str, frames: int, files: list[str]) -> None:
    recipe = read_recipe(root / f"manifests/facesynthetics-{name}.yaml")
    assert isinstance(recipe, DownloadRecipe)
    assert (recipe.frames, recipe.licence) == (frames, "R-UDA-1.0")
    assert [file.name for file in recipe.files] == files
    assert all(file.url.startswith("https://") for file in recipe.files)
    assert recipe.pinned_members == root / "manifests/facesynthetics_sha256.parquet"


def test_a_file_is_named_after_its_url_without_the_query(recipe: Path) -> None:
    recipe.write_text(DOWNLOAD + "[{url: 'https://host/a/set_1.zip?sig=a/b.zip'}]")
    read = read_recipe(recipe)
    assert isinstance(read, DownloadRecipe)
    assert read.files[0].name == "set_1.zip"


def test_numbers_and_words_are_those_of_yaml_1_2(recipe: Path) -> None:
    recipe.write_text("kind: demo\nseed: 012\n")  # ten in YAML 1.1
    assert read_recipe(recipe) == DemoRecipe("demo", seed=12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file: Input should be an object"),
        ("- demo", "the file: Input should be an object"),
        ("kind: [", "expected YAML 1.2"),
        ("kind: demo\nkind: demo", "duplicate key"),
        ("seed: 1", "the file: expected a key 'kind'"),
        ("kind: nope", "'nope'.*'demo', 'facesynthetics'"),
        ("kind: demo\nsed: 1", "unknown key demo.sed"),
        ("kind: demo\nseed: 1.5", "seed: Input should be a valid integer; found 1.5"),
        ("kind: demo\nviews: yes", "views: Input should be a valid integer; found 'yes'"),
        (DOWNLOAD + "[]", "files: expected one or more"),
        (DOWNLOAD + "[{url: 'https://h/a.zip', md5: 1}]", "unknown key facesynthetics.files.0.md5"),
        (DOWNLOAD + "[{url: 'ftp://h/a.zip'}]", "files.0.url: .*found 'ftp://h/a.zip'"),
        (DOWNLOAD + "[{url: 'https://h/a/..'}]", r"files.0.url: .*found 'https://h/a/\.\.'"),
        (DOWNLOAD + "[{url: 'https://h/.ssh'}]", "files.0.url"),
        (DOWNLOAD + "[{url: 'https://h/a%2fb.zip'}]", "files.0.url"),
        (DOWNLOAD + "[{url: 'https://h'}]", "files.0.url"),
        (DOWNLOAD + "[{url: 'https://h/a.zip', sha256: ABC}]", "files.0.sha256"),
        (DOWNLOAD + "[{url: 'https://h/a.zip', bytes: 0}]", "files.0.bytes"),
        (DOWNLOAD + "[{url: 'https://h/1/a.zip'}, {url: 'https://h/2/a.zip'}]", "a name of its own"),
        (DOWNLOAD.replace("R-UDA-1.0", "MIT") + "[{url: 'https://h/a.zip'}]", "licence: Input should be 'R-UDA-1.0'"),
    ],
)
def test_a_malformed_recipe_is_refused_naming_file_and_key(recipe: Path, text: str, message: str) -> None:
    recipe.write_text(text)
    with pytest.raises(ParamsError, match=message) as error:
        read_recipe(recipe)
    assert str(error.value).startswith(f"{recipe}: ")


def test_bytes_that_are_no_text_are_refused(recipe: Path) -> None:
    recipe.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ParamsError, match="UTF-8"):
        read_recipe(recipe)


def test_a_recipe_that_is_not_there(recipe: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="no such recipe"):
        read_recipe(recipe)


@pytest.mark.parametrize("accepted", [None, "", "yes", "MIT"])
def test_without_the_licences_name_the_terms_and_the_param_to_set_are_named(root: Path, accepted: str | None) -> None:
    recipe = read_recipe(root / "manifests/facesynthetics-100.yaml")
    assert isinstance(recipe, DownloadRecipe)
    with pytest.raises(LicenceError, match=r"non-commercial.*credit.*`source\.accept_licence: R-UDA-1\.0`"):
        require_licence(recipe, accepted)
    require_licence(recipe, "R-UDA-1.0")
