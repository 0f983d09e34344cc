"""A reader of the docs, who types every command of a page and runs every program, in one folder and in order."""

import logging
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner
from doc_blocks import Block, commands, shows

from faceshards.cli import main

_NOT_FOR_TESTS = ("pip", "make", "sudo", "apt-get", "docker")
_OURS = re.compile(r"faceshards( |$)")
_IDENTITY = {f"GIT_{who}_{what}": "reader" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Reader:
    """Stands in the folder in which the test stands.

    `faceshards` and `dvc` run in this process, for a start of each takes a second; other commands run in a shell.

    Args:
        instead: what is typed in place of a server's address or a path of another machine.
        names: what the programs find there already.
    """

    def __init__(self, instead: Mapping[str, str] | None = None, names: dict[str, Any] | None = None) -> None:
        self._instead = dict(instead or {})
        self._names = {} if names is None else names

    def follow(self, block: Block) -> None:
        """Run a block, and hold what it prints against what it shows."""
        text = block.text
        if block.language == "python":
            exec(compile("\n" * block.line + text, block.page, "exec"), self._names)
            return
        if block.language == "pycon":
            self._refused(block)
            return
        for typed, output in commands(block):
            printed = self.type(typed)
            for shown, real in self._instead.items():
                printed = printed.replace(real, shown)
            if output.strip():
                assert shows(output, printed), f"{block}: $ {typed}\nshown:\n{output}\nprinted:\n{printed}"

    def _refused(self, block: Block) -> None:
        """Of a dialogue: every expression is an error, and says what the page shows."""
        for part in re.split(r"^>>> ", block.text, flags=re.M)[1:]:
            expression, _, shown = part.partition("\n")
            try:
                eval(expression, self._names)
            except Exception as error:
                printed = f"{type(error).__name__}: {error}"
                assert shows(" ".join(shown.split()), " ".join(printed.split())), f"{block}: {expression}\n{printed}"
            else:
                raise AssertionError(f"{block}: {expression} is no error")

    def type(self, line: str) -> str:
        """What a line prints, on both streams."""
        for shown, real in self._instead.items():
            line = line.replace(shown, real)
        return "".join(self._one(command.strip()) for command in re.split(r" && ", line))

    def _one(self, command: str) -> str:
        if _OURS.match(command) and not re.search(r"[|>]", command):
            return CliRunner().invoke(main, shlex.split(command, comments=True)[1:], prog_name="faceshards").output
        words = shlex.split(command, comments=True)
        if words[0] == "cd":
            os.chdir(words[1])
            return ""
        if words[:2] == ["dvc", "repro"]:
            return self._stages(*words[2:])
        if words[0] == "dvc":
            return dvc(words[1:])
        assert words[0] not in _NOT_FOR_TESTS, f"$ {command}\nis not run in a test: put <!-- not run: why --> before it"
        environment = os.environ | _IDENTITY | {"LC_ALL": "C"}
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _stages(self, last: str = "report") -> str:
        """The stages that `dvc repro` runs, in this process; tests/integration/test_dvc.py runs the command itself."""
        said = ""
        for name in yaml.safe_load(Path("dvc.yaml").read_text())["stages"]:
            done = CliRunner().invoke(main, ["stage", name], prog_name="faceshards")
            said += f"Running stage '{name}':\n> faceshards stage {name}\n{done.output}"
            if name == last:
                return said
            if done.exit_code:
                return f"{said}ERROR: failed to reproduce '{name}': failed to run: faceshards stage {name}\n"
        raise AssertionError(f"dvc.yaml has no stage {last}")


def dvc(words: list[str]) -> str:
    """Run dvc in this process."""
    from dvc.cli import main as run

    with _loggers_as_they_were():
        assert run([*words]) == 0, f"dvc {' '.join(words)}"
    return ""


@contextmanager
def _loggers_as_they_were() -> Iterator[None]:
    """DVC sets its loggers up to write to where the first test that runs it prints."""
    logger = logging.getLogger("dvc")
    before = logger.level, logger.propagate
    yield
    for named in [name for name in logging.Logger.manager.loggerDict if name.partition(".")[0].startswith("dvc")]:
        logging.getLogger(named).handlers.clear()
    logger.level, logger.propagate = before
