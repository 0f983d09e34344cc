"""A difference for people: aligned columns for a terminal, or markdown for a pull request."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from faceshards.cells import visible
from faceshards.counted import counted
from faceshards.versions.difference import SHOWN, ArrayChanges, Difference, Some

_PAIRS_SHOWN = 10
_SHORTEST_AREA_CHANGE = 0.05  # pixels a face; less would print as equal


class Section(NamedTuple):
    """A heading, the names of the columns, and rows as long as these."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


_Render: TypeAlias = Callable[[Section], str]


def as_text(found: Difference) -> str:
    """For a terminal."""
    return _rendered(found, _text)


def as_markdown(found: Difference) -> str:
    """For a pull request: tables under headings of the third level."""
    return _rendered(found, _markdown)


def _rendered(found: Difference, render: _Render) -> str:
    if found.equal:
        files = f"{counted(found.files.files_a, 'file')}, {counted(found.files.bytes_a, 'byte')}"
        same = f"{found.a} and {found.b} are the same version: {counted(found.faces.a, 'face')}, {files}"
        return f"{visible(same)}\n"
    return "\n".join(render(section) for section in sections(found))


def sections(found: Difference) -> Iterator[Section]:
    """What is shown of a difference, in order. Where nobody is new or gone, and no setting differs, nothing is said."""
    yield _faces(found)
    if rows := [_person(people.split, people) for people in found.people if people.added.count or people.removed.count]:
        yield Section("People", ("split", "A", "B", "added", "removed"), rows)
    arrays = [
        (array.array, f"{array.faces:,}", f"{array.changed:,}", array.skipped or _variants(array))
        for array in found.arrays
    ]
    yield Section("Arrays", ("array", "faces", "changed", ""), arrays)
    if found.regions is not None:
        yield _became(found)
    if areas := _areas(found):
        yield Section("Mean area", ("region", "A", "B", "change"), areas)
    if found.settings:
        settings = [(s.key, _value(s.a, s.only == "b"), _value(s.b, s.only == "a")) for s in found.settings]
        yield Section("Settings", ("key", "A", "B"), settings)
    yield _files(found)


def _faces(found: Difference) -> Section:
    faces = found.faces
    added = f"added, {faces.added_unusable:,} of them unusable" if faces.added_unusable else "added"
    counts = {
        added: faces.added,
        "removed": faces.removed,
        "dropped out": faces.dropped_out,
        "usable again": faces.usable_again,
        "changed image": faces.changed,
        "of another person": faces.relabelled,
        "of another class id": faces.renumbered,
        "in another split": faces.moved,
    }
    rows = [
        (f"A: {found.a}", f"{faces.a:,}", ""),
        (f"B: {found.b}", f"{faces.b:,}", ""),
        ("usable in both", f"{faces.both:,}", ""),
        *((what, f"{some.count:,}", _named(some)) for what, some in counts.items() if some.count),
    ]
    if faces.reordered:
        rows.append(("in another row", f"{faces.reordered:,}", ""))
    return Section("Faces", ("", "count", "first"), rows)


def _person(split: str, people: Any) -> tuple[str, ...]:
    return split, f"{people.a:,}", f"{people.b:,}", _count_named(people.added), _count_named(people.removed)


def _became(found: Difference) -> Section:
    assert found.regions is not None
    regions = found.regions
    rows = [
        ("all changes", "", f"{regions.changed:,}", f"{regions.share:.4%}"),
        *(
            (pair.a, pair.b, f"{pair.pixels:,}", f"{pair.pixels / regions.pixels:.4%}")
            for pair in regions.became[:_PAIRS_SHOWN]
        ),
    ]
    if len(regions.became) > _PAIRS_SHOWN:
        rest = regions.became[_PAIRS_SHOWN:]
        pixels = sum(pair.pixels for pair in rest)
        rows.append((counted(len(rest), "other pair"), "", f"{pixels:,}", f"{pixels / regions.pixels:.4%}"))
    return Section("Regions", ("from", "to", "pixels", "share"), rows)


def _areas(found: Difference) -> Sequence[tuple[str, ...]]:
    areas = found.regions.mean_area if found.regions is not None else {}
    return [
        (region, f"{a:,.1f}", f"{b:,.1f}", f"{b - a:+,.1f}")
        for region, (a, b) in areas.items()
        if abs(b - a) >= _SHORTEST_AREA_CHANGE
    ]


def _files(found: Difference) -> Section:
    files = found.files
    rows = [
        ("A", f"{files.files_a:,}", f"{files.bytes_a:,}"),
        ("B", f"{files.files_b:,}", f"{files.bytes_b:,}"),
        ("same path, same bytes", f"{files.files_shared:,}", ""),
        ("same path, other bytes", f"{files.files_rewritten:,}", f"{files.bytes_rewritten:,}"),
        ("only in A", f"{files.files_removed:,}", ""),
        ("only in B", f"{files.files_added:,}", ""),
        ("contents of both", "", f"{files.bytes_shared:,}"),
        ("contents only of A", "", f"{files.bytes_only_a:,}"),
        ("contents only of B", "", f"{files.bytes_only_b:,}"),
    ]
    return Section("Files", ("", "files", "bytes"), rows)


def _variants(array: ArrayChanges) -> str:
    parts = []
    if array.variants and array.variants[0] != array.variants[1]:
        parts.append(f"{counted(array.variants[0], 'variant')} a face in A, {array.variants[1]} in B")
    if array.each_variant and (parts or any(array.each_variant)):
        parts.append("by variant: " + ", ".join(f"{count:,}" for count in array.each_variant))
    return "; ".join(parts)


def _named(some: Some) -> str:
    return ", ".join(some.first) + (", ..." if some.count > SHOWN else "")


def _count_named(some: Some) -> str:
    return f"{some.count:,}" + (f": {_named(some)}" if some.count else "")


def _value(value: Any, absent: bool) -> str:
    if absent:
        return "-"
    plain = isinstance(value, str) and value not in ("", "-") and not _is_json(value)
    return value if plain else json.dumps(value, ensure_ascii=False)


def _is_json(text: str) -> bool:
    """Whether a text without its quotes would be taken for another value."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _text(section: Section) -> str:
    # A break in a name would begin a row of its own.
    rows = [tuple(map(visible, row)) for row in (section.header, *section.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(section.header))]
    right = _numeric(section)
    lines = [section.title]
    for row in rows:
        cells = (cell.rjust(w) if number else cell.ljust(w) for cell, w, number in zip(row, widths, right, strict=True))
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def _markdown(section: Section) -> str:
    lines = [f"### {section.title}", "", _line(section.header)]
    lines.append(_line(tuple("---:" if number else "---" for number in _numeric(section))))
    lines += [_line(row) for row in section.rows]
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...]) -> str:
    # The backslash too: before a bar it would make one that ends the cell.
    return "| " + " | ".join(visible(cell).replace("\\", "\\\\").replace("|", "\\|") for cell in cells) + " |"


def _numeric(section: Section) -> list[bool]:
    """Which columns hold numbers alone."""
    marks = set("0123456789,.+-%")
    return [
        column > 0 and all(set(row[column]) <= marks for row in section.rows) for column in range(len(section.header))
    ]
