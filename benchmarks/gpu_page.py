"""The page of a result of `gpu.py`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TITLES = {
    "machine": "The machine",
    "faces": "The faces",
    "pixels": "The parser's regions, beside the CPU's in fp32",
    "speed": "How fast faces in memory are parsed",
    "shards": "How fast shards are parsed",
    "compiled": "torch.compile",
    "erase": "FSErasing",
    "fscam": "FS-CAM",
    "loader": "The loader's pinned memory",
    "steps": "Training steps",
    "training": "The parser's network, trained for three minutes",
}
_WORDS = {True: "holds", False: "**does not hold**", None: "not judged"}


def page(result: Mapping[str, Any]) -> str:
    """Markdown."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_lines(result))).rstrip() + "\n"


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    machine = result["checks"].get("machine", {}).get("facts", {})
    yield "# On a GPU\n"
    yield "Made by `make gpu` from `gpu.json`; do not edit.\n"
    if result.get("dry_run"):
        yield "**A dry run on the CPU, in small: it shows that the checks run. No figure here is of a GPU.**\n"
    where = f"{machine.get('name', 'a CPU')}, PyTorch {machine.get('torch')}"
    yield f"{where}, {result['date']}; {result.get('seconds')} s.\n"
    claims = [claim for found in result["checks"].values() for claim in found["claims"]]
    if claims:
        yield from _table(
            [{"claim": c["claim"], "wanted": c["wanted"], "found": c["found"], "": _WORDS[c["holds"]]} for c in claims]
        )
    for name, found in result["checks"].items():
        yield f"\n## {_TITLES.get(name, name)}\n"
        if found["status"] != "done":
            yield f"**{found['status']}**: {found.get('error', '')}\n"
            yield from (f"    {line}" for line in found.get("where", ()))
        tables = {k: v for k, v in found["facts"].items() if isinstance(v, list) and v and isinstance(v[0], dict)}
        single = [{"": k, "found": _cell(v)} for k, v in found["facts"].items() if k not in tables]
        if single:
            yield from _table(single)
        for title, rows in tables.items():
            yield f"\n{title[:1].upper()}{title[1:]}:\n"
            yield from _table(rows)
        yield from (f"\nLeft out: {what}" for what in found["left_out"])


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join("---" for _ in columns) + " |"
    for row in rows:
        yield "| " + " | ".join(_cell(row.get(column)) for column in columns) + " |"
    yield ""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return str(value).replace("|", "/")
