"""One check of `gpu.py`, in a process of its own: what it is given, and what it notes."""

import importlib
import json
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKS = {
    # module (its function `check`), seconds planned on a GPU
    "machine": ("gpu_machine", 12),
    "faces": ("gpu_faces", 18),
    "pixels": ("gpu_pixels", 28),
    "speed": ("gpu_speed", 45),
    "shards": ("gpu_shards", 38),
    "compiled": ("gpu_compiled", 60),
    "erase": ("gpu_erase", 16),
    "fscam": ("gpu_fscam", 16),
    "loader": ("gpu_loader", 14),
    "steps": ("gpu_steps", 16),
    "training": ("gpu_training", 205),
}
"""In their order. `faces` makes what the others use, and `training` takes what time is left."""


@dataclass
class Notes:
    """What a check finds, written to its file at every step: what came before a crash is kept.

    Attributes:
        path: of the JSON file.
        facts: by name: numbers, texts, or tables as lists of rows.
        claims: what was to hold: its text, what was wanted and found, whether it holds (None: not judged), and its
            kind: ``"must"``, or ``"aim"`` for a speed.
        left_out: what could not be done here, and why.
    """

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)
    claims: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=lambda: {"status": "broken off"})

    def fact(self, name: str, value: Any) -> None:
        self.facts[name] = _plain(value)
        self.save()

    def row(self, table: str, **cells: Any) -> None:
        self.facts.setdefault(table, []).append({name: _plain(value) for name, value in cells.items()})
        self.save()

    def claim(self, text: str, wanted: str, found: Any, holds: bool | None, kind: str = "must") -> None:
        holds = None if holds is None else bool(holds)
        self.claims.append({"claim": text, "wanted": wanted, "found": _plain(found), "holds": holds, "kind": kind})
        self.save()

    def leave_out(self, what: str) -> None:
        if what not in self.left_out:
            self.left_out.append(what)
            self.save()

    def save(self) -> None:
        content = {**self.state, "facts": self.facts, "claims": self.claims, "left_out": self.left_out}
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=1))
        partial.replace(self.path)


@dataclass
class Context:
    """What a check is given.

    Attributes:
        device: ``"cuda"`` or ``"cpu"``; on the CPU this is a dry run.
        work: the folder that the checks share.
        deadline: when it is to be done, by `time.monotonic`.
        source: further faces to train on, or None.
        weights_out: where to keep trained weights, or None.
        notes: takes what it finds.
    """

    device: str
    work: Path
    deadline: float
    source: Path | None
    weights_out: Path | None
    notes: Notes

    @property
    def dry(self) -> bool:
        return self.device == "cpu"

    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()

    def pick(self, on_gpu: Any, dry: Any) -> Any:
        """A size: the one for a GPU, or the one for a dry run."""
        return dry if self.dry else on_gpu

    def aim(self, text: str, least: float, found: float, unit: str) -> None:
        """A speed that was aimed at; a dry run does not judge it."""
        holds = None if self.dry else found >= least
        self.notes.claim(text, f"at least {least:,g} {unit}", found, holds, "aim")


def run_check(
    name: str, work: Path, device: str, seconds: float, source: Path | None, weights_out: Path | None, begun: float
) -> None:
    """Run a check; whatever becomes of it, its file says so."""
    notes = Notes(work / f"{name}.json")
    notes.save()
    try:
        import torch

        there = device == "auto" and torch.cuda.is_available()
        if not there:
            torch.set_num_threads(1)  # a dry run disturbs, and is disturbed, less
        context = Context("cuda" if there else "cpu", work, begun + seconds, source, weights_out, notes)
        importlib.import_module(CHECKS[name][0]).check(context)
        notes.state = {"status": "done"}
    except Exception as error:
        notes.state = {"status": "failed", "error": f"{type(error).__name__}: {error}", "where": _where(error)}
    notes.state["seconds"] = round(time.monotonic() - begun, 1)
    notes.save()


def _where(error: Exception) -> list[str]:
    """The calls that led to it, files by name alone."""
    return [f"{Path(f.filename).name}:{f.lineno} {f.line}" for f in traceback.extract_tb(error.__traceback__)][-8:]


def _plain(value: Any) -> Any:
    """As JSON has it: numbers of numpy and torch as Python's, floats of 5 digits."""
    if hasattr(value, "item"):
        value = value.item()
    return float(f"{value:.5g}") if isinstance(value, float) else value
