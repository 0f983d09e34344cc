"""Python programs in processes of their own, forked from one that has imported what takes seconds to import."""

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = Path(__file__).parent

# A fork leaves the loop and goes on as the program that was asked for, to the end that Python gives every program.
_SERVER = """
import importlib, json, os, runpy, sys
from contextlib import suppress

def program_to_run():
    answers = os.fdopen(os.dup(1), "w")
    while line := sys.stdin.readline():
        asked = json.loads(line)
        for name in asked["imports"]:
            with suppress(ImportError):  # the program tells it better
                importlib.import_module(name)
        if pid := os.fork():
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            print(code, file=answers, flush=True)
            continue
        answers.close()
        for fd, name in enumerate([os.devnull, *asked["outputs"]]):
            file = os.open(name, os.O_RDWR | os.O_CREAT)
            os.dup2(file, fd)
            os.close(file)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.path[:] = [*asked["environment"].get("PYTHONPATH", "").split(os.pathsep), *sys.path]
        for name in {"random", "numpy.random", "torch"} & sys.modules.keys():  # anew, as in any new process
            sys.modules[name].seed()
        return asked["words"]
    sys.exit()

sys.argv = program_to_run()
sys.path.insert(0, "" if sys.argv[0] in ("-c", "-m") else os.path.dirname(os.path.abspath(sys.argv[0])))
if sys.argv[0] == "-m":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
elif sys.argv[0] == "-c":
    exec(sys.argv.pop(1))
else:
    __file__ = sys.argv[0]
    exec(compile(open(__file__).read(), __file__, "exec"))
"""


class Forked:
    """Runs programs, each in a fork, one after another.

    Args:
        environment: of the process that is forked: what modules read of it when they are imported, all programs get.
        imports: modules that it imports before the first program.
    """

    def __init__(self, environment: Mapping[str, str], imports: Sequence[str]) -> None:
        self._imports = list(imports)
        self._environment = dict(environment)
        self._server: subprocess.Popen[str] | None = None
        atexit.register(self._end)

    def run(
        self, words: Sequence[object], folder: Path, environment: Mapping[str, str], imports: Sequence[str] = ()
    ) -> "subprocess.CompletedProcess[str]":
        """Run ``python WORDS...``, where words are a file and arguments, or ``-m`` and a module, or ``-c`` and code.

        Args:
            words: of the command, after ``python``.
            folder: in which it runs.
            environment: all of its environment variables.
            imports: modules that it will find imported, besides those of all programs.
        """
        with TemporaryDirectory() as outputs:
            files = [Path(outputs, name) for name in ("stdout", "stderr")]
            asked = {
                "imports": [*self._imports, *imports],
                "outputs": list(map(str, files)),
                "folder": str(folder),
                "environment": dict(environment),
                "words": list(map(str, words)),
            }
            code = self._ask(json.dumps(asked))
            return subprocess.CompletedProcess(list(map(str, words)), code, *(file.read_text() for file in files))

    def _end(self) -> None:
        if self._server is not None:
            self._server.communicate()

    def _ask(self, line: str) -> int:
        if self._server is None:
            command = [sys.executable, "-c", _SERVER]
            # In a session of its own, so that a program that hangs can be ended with all that it started.
            self._server = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        try:
            print(line, file=self._server.stdin, flush=True)
            return int(self._server.stdout.readline())
        except BaseException:  # also the end of a test's time
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.communicate()
            self._server = None
            raise


def training_environment(**extra: str) -> dict[str, str]:
    """This process's, without what says that it is one of several; torch gets one thread a process."""
    ours = {name: value for name, value in os.environ.items() if name not in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}
    folders = (TESTS / "cpu_torchvision", TESTS / "trainers", TESTS, TESTS.parent / "pipeline")
    path = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])
    return ours | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "JAX_PLATFORMS": "cpu"} | extra


@cache
def _with_torch() -> Forked:
    return Forked(training_environment(), ["torch"])


def run_with_torch(
    *words: object, folder: Path = TESTS, imports: Sequence[str] = (), **extra: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program that finds torch imported, in the environment of the tests and `extra`."""
    return _with_torch().run(words, folder, training_environment(**extra), imports)
