"""Identity against region, as a heat map in SVG."""

from collections.abc import Sequence
from html import escape
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import ParamsError
from faceshards.regions import REGION_NAMES

MOST_ROWS = 60
_CELL, _LEFT, _TOP = 18, 170, 150
_ABSENT = "#ddd"


def identity_heatmap(identities: Sequence[str], scores: NDArray[Any], title: str = "") -> str:
    """The mean score of every region for every identity, as SVG text.

    Args:
        identities: (N,) one a face; faces of an empty name share the row "(unknown)".
        scores: (N, 25), NaN where a region is absent: a cell that no face fills is grey.
        title: written above, with a note where there are more than `MOST_ROWS` identities: those with the most faces
            are shown, in the order of their names.

    Raises:
        ParamsError: an infinite score.
    """
    if np.isinf(scores).any():
        raise ParamsError("scores: expected finite numbers, and NaN where a region is absent; found infinity")
    names, of, counts = np.unique(np.array(identities, np.str_), return_inverse=True, return_counts=True)
    there = np.isfinite(scores)
    sums, filled = np.zeros((len(names), scores.shape[1])), np.zeros((len(names), scores.shape[1]))
    np.add.at(sums, of, np.where(there, scores, 0))
    np.add.at(filled, of, there)
    means = np.divide(sums, filled, out=np.full_like(sums, np.nan), where=filled > 0)
    shown = np.sort(np.argsort(-counts, kind="stable")[:MOST_ROWS])
    note = (
        f"{title} ({len(shown)} of {counted(len(names), 'identity', 'identities')})"
        if len(shown) < len(names)
        else title
    )
    colours, low, high = _colours(means[shown])
    parts = [f'<text x="10" y="16" font-weight="bold">{escape(note)}</text>']
    parts.append(f'<text x="10" y="34">{escape(f"from {low:.3g} (blue) to {high:.3g} (yellow); grey: absent")}</text>')
    for r, region in enumerate(REGION_NAMES):
        x, y = _LEFT + r * _CELL + 13, _TOP - 6
        parts.append(f'<text x="{x}" y="{y}" transform="rotate(-60 {x} {y})">{region}</text>')
    for place, i in enumerate(shown.tolist()):
        y = _TOP + place * _CELL
        # XML has no place for control characters, not even escaped.
        name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in names[i]) or "(unknown)"
        label = escape(name if len(name) <= 20 else f"{name[:19]}…")
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 13}" text-anchor="end">{label}</text>')
        for r, region in enumerate(REGION_NAMES):
            value = f"{means[i, r]:.3g}" if filled[i, r] else "absent"
            parts.append(
                f'<rect x="{_LEFT + r * _CELL}" y="{y}" width="{_CELL - 1}" height="{_CELL - 1}" '
                f'fill="{colours[place][r]}"><title>{escape(f"{name}, {region}: {value}")}</title></rect>'
            )
    size = f'width="{_LEFT + len(REGION_NAMES) * _CELL + 60}" height="{_TOP + len(shown) * _CELL + 10}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return f"{head}{''.join(parts)}</svg>"


def _colours(means: NDArray[np.float64]) -> tuple[list[list[str]], float, float]:
    """Hexadecimal colours of the cells, and the scores of the first and the last colour."""
    there = np.isfinite(means)
    low, high = (float(f(means[there])) if there.any() else 0.0 for f in (np.min, np.max))
    levels = np.round((np.where(there, means, low) - low) / ((high - low) or 1.0) * 255).astype(np.uint8)
    rgb = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    rows = [
        [f"#{r:02x}{g:02x}{b:02x}" if known else _ABSENT for (r, g, b), known in zip(row, is_there, strict=True)]
        for row, is_there in zip(rgb.tolist(), there.tolist(), strict=True)
    ]
    return rows, low, high
