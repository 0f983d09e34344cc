"""Runs the checks of `gpu.py` one after the other and puts together what they found. Of the standard library alone."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpu_check import CHECKS
from gpu_page import page

_LATE = 1.6
"""A check is ended when it takes so many times as long as planned."""

_DRY_S = 100
_FIRST_S = 100
_ENDING_S = 3
_TOLD = 2000


class Run:
    """One run of the checks.

    Args:
        script: `gpu.py`.
        work: a folder for them.
        given: the command's options.
    """

    def __init__(self, script: Path, work: Path, given: argparse.Namespace) -> None:
        self._script, self._work, self._given = script, work, given
        work.mkdir(parents=True, exist_ok=True)
        self._result: dict[str, Any] = {"format": 1, "date": datetime.now(UTC).isoformat("T", "seconds"), "checks": {}}

    def all(self, begun: float) -> int:
        """Run them.

        Returns:
            The exit status: 0 where everything ran and holds that must; what was only aimed at does not count.
        """
        wanted = set(self._given.only or CHECKS) | {"machine"}
        if unknown := wanted - set(CHECKS):
            sys.exit(f"no check is named {', '.join(sorted(unknown))}; expected some of {', '.join(CHECKS)}")
        if wanted - {"machine"}:
            wanted.add("faces")
        for name in [name for name in CHECKS if name in wanted]:
            left = self._given.seconds - (time.monotonic() - begun) - _ENDING_S
            found = self._check(name, left)
            self._result["checks"][name] = found
            if name == "machine":
                if found["facts"].get("device") is None:
                    sys.exit(f"PyTorch cannot be used here: {found.get('error') or found['status']}")
                self._begin(found["facts"]["device"] == "cpu")
            self._result["seconds"] = round(time.monotonic() - begun, 1)
            self._write()
            self._tell(name, found)
        for text in self._summary():
            print(text)
        checks = self._result["checks"].values()
        bad = [c for c in checks if c["status"] != "done"] + [
            claim for c in checks for claim in c["claims"] if claim["holds"] is False and claim["kind"] == "must"
        ]
        return 1 if bad else 0

    def _begin(self, dry: bool) -> None:
        self._result["dry_run"] = dry
        self._out: Path = self._given.out.resolve()
        if dry:
            docs = self._script.resolve().parents[1] / "docs" / "gpu.json"
            if self._out == docs:
                self._out = self._work / "gpu.json"
            print(
                "There is no CUDA device here: a dry run on the CPU, in small, to see that the checks run. Nothing is "
                "measured, and docs/gpu.json is left as it is"
            )

    def _check(self, name: str, left: float) -> dict[str, Any]:
        planned = CHECKS[name][1]
        dry = self._result.get("dry_run", False)
        # The last one takes what is left; the others may be late, but not so late that nothing is left for it.
        limit = min(left, _DRY_S if dry else left if name == "training" else planned * _LATE)
        if name == "machine":  # without it nothing is known, and the first import of PyTorch may take a minute
            limit = max(limit, _FIRST_S)
        elif limit < (0 if dry else min(planned, 20)):
            return {"status": "left out", "error": f"{left:.0f} s were left", "facts": {}, "claims": [], "left_out": []}
        asked = min(planned, limit * 0.9) if name != "training" else min(planned, left - 5)
        asked = _DRY_S if dry else asked
        given = self._given
        command = [sys.executable, str(self._script), "--check", name, "--work", str(self._work)]
        command += ["--device", given.device, "--seconds", str(asked)]
        command += ["--source", str(given.source)] if given.source else []
        command += ["--weights-out", str(given.weights_out)] if given.weights_out else []
        path = self._work / f"{name}.json"
        path.unlink(missing_ok=True)
        log = self._work / f"{name}.log"
        with log.open("wb") as stream:
            child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                status = child.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
            finally:  # its own children as well, of which a hanging check may have some
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        found = {"status": "failed", "facts": {}, "claims": [], "left_out": []}
        if path.is_file():
            found |= json.loads(path.read_text())
        if status is None:
            found |= {"status": "ended", "error": f"it was not done within {limit:.0f} s"}
        elif found["status"] == "broken off" or (status and found["status"] == "done"):
            found |= {"status": "failed", "error": f"its process ended with status {status}"}
        told = log.read_text(errors="replace").strip()
        if told:
            found["told"] = told[-_TOLD:]
        return found

    def _write(self) -> None:
        self._out.parent.mkdir(parents=True, exist_ok=True)
        for path, text in (
            (self._out, json.dumps(self._result, indent=1) + "\n"),
            (self._out.with_suffix(".md"), page(self._result)),
        ):
            partial = path.with_suffix(".partial")
            partial.write_text(text)
            partial.replace(path)

    def _tell(self, name: str, found: dict[str, Any]) -> None:
        print(f"{name}: {found['status']} in {found.get('seconds', '?')} s {found.get('error', '')}".rstrip())
        for claim in found["claims"]:
            word = {True: "holds", False: "FAILS" if claim["kind"] == "must" else "not reached", None: "not judged"}
            print(f"  {word[claim['holds']]}: {claim['claim']}: {claim['found']} ({claim['wanted']})")
        for what in found["left_out"]:
            print(f"  left out: {what}")
        sys.stdout.flush()

    def _summary(self) -> list[str]:
        claims = [claim for found in self._result["checks"].values() for claim in found["claims"]]
        judged = [claim["holds"] for claim in claims if claim["holds"] is not None]
        dry = self._result.get("dry_run", False)
        kept = not dry or self._given.work is not None or self._work not in self._out.parents
        return [
            *(["A dry run on the CPU, which was compared with itself: no figure is of a GPU"] if dry else []),
            f"{sum(judged)} of {len(judged)} claims hold, {len(claims) - len(judged)} were not judged; "
            f"{self._result['seconds']} s",
            f"{self._out} and {self._out.with_suffix('.md').name}" if kept else "nothing was kept; --out FILE keeps it",
        ]
