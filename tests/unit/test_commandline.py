"""The command line for everyone: examples everywhere, completion in three shells, and paths that are no URLs."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner

from faceshards.cli import main
from faceshards.commandline import errors_told, extra_named
from faceshards.errors import StoreFormatError

STORE = ("info", "stats", "show", "verify", "diff", "export webdataset")


def commands(group: click.Group = main, path: str = "faceshards") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


ALL = dict(commands())


@pytest.mark.parametrize("path", ALL)
def test_every_command_has_an_example_of_itself(path: str) -> None:
    epilog = ALL[path].epilog or ""
    assert re.search(rf"^  \$ {path}\b", epilog, re.M) or (
        path == "faceshards stage" and "$ faceshards stage " in epilog
    )


def completed(shell: str, line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the shell is told when the tab key is pressed at the end of a line."""
    words = line.split(" ")
    monkeypatch.setenv("COMP_WORDS", line)
    # fish hands over the word itself, the others its number
    monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words) - 1))
    found = get_completion_class(shell)
    assert found is not None
    return found(main, {}, "faceshards", "_FACESHARDS_COMPLETE").complete().split("\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_names_and_options_complete_and_a_store_completes_as_a_folder(
    shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = {"bash": "plain,{}", "zsh": "plain\n{}", "fish": "plain,{}"}[shell]
    assert of.format("verify") in "\n".join(completed(shell, "faceshards ver", monkeypatch))
    assert of.format("--against") in "\n".join(completed(shell, "faceshards verify --ag", monkeypatch))
    assert of.format("webdataset") in "\n".join(completed(shell, "faceshards export web", monkeypatch))
    assert of.format("variants") in "\n".join(
        completed(shell, "faceshards export webdataset a b --view va", monkeypatch)
    )
    for command in STORE:
        assert completed(shell, f"faceshards {command} data/sh", monkeypatch)[0].startswith("dir")
    assert completed(shell, "faceshards verify data/shards --against man", monkeypatch)[0].startswith("file")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_that_a_shell_reads_asks_this_command(shell: str) -> None:
    asked = {"_FACESHARDS_COMPLETE": f"{shell}_source"}
    done = CliRunner().invoke(main, [], prog_name="faceshards", env=asked)
    assert done.exit_code == 0
    assert f"_FACESHARDS_COMPLETE={shell}_complete" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "webdataset", "data/shards", "s3://bucket/out"],
        ["repair", "s3://bucket/shards"],
        ["forget", "https://example.org/shards", "--person", "Ann"],
        ["demo", "s3://bucket/people.zip"],
    ],
)
def test_a_url_where_a_path_on_this_disk_must_stand_is_refused_before_anything_is_written(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "expected a path on this disk; found the URL" in done.output
    assert not [*tmp_path.iterdir()]


def test_an_error_of_ours_and_a_refusal_are_messages_and_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(click.ClickException, match=r"^a\\x1b\[31m$"), errors_told("verify"):
        raise StoreFormatError("a\x1b[31m")
    with pytest.raises(click.ClickException, match=r"^verify: data: No space left"), errors_told("verify"):
        raise OSError(28, "No space left on device", "data")
    with pytest.raises(ZeroDivisionError), errors_told("verify"):
        raise ZeroDivisionError
    with pytest.raises(BrokenPipeError), errors_told("verify"):
        raise BrokenPipeError


def test_a_missing_package_is_told_by_the_extra_that_brings_it_and_a_module_of_ours_is_a_bug() -> None:
    words = r"^`faceshards x` needs an extra: pip install 'faceshards\[cam\]'"
    with pytest.raises(click.ClickException, match=words), extra_named("`faceshards x`", "cam"):
        raise ModuleNotFoundError("No module named 'cv2'", name="cv2")
    with pytest.raises(ModuleNotFoundError), extra_named("x"):
        raise ModuleNotFoundError("No module named 'faceshards.x'", name="faceshards.x")
