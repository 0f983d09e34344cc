"""Pictures of saliency: maps and regions laid over faces, and bars of region scores."""

from html import escape
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.cam.given import as_array
from faceshards.errors import ParamsError
from faceshards.maps import known_ids
from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS, PALETTE, REGION_NAMES

_COLOURS = np.zeros((256, 3), np.uint8)
_COLOURS[:N_REGIONS] = PALETTE


def overlay_saliency(image: UInt8Array, saliency: NDArray[Any], opacity: float = 0.5) -> UInt8Array:
    """Lay a map over a face, from blue (0) to red (1).

        picture = overlay_saliency(face, cam(images, regions=regions)[0])

    Args:
        image: (H, W, 3) uint8 RGB.
        saliency: (H, W) in [0, 1].
        opacity: of the map, in [0, 1].

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ParamsError: other shapes, dtypes or ranges.
    """
    image, saliency = as_array(image, "image"), as_array(saliency, "saliency")
    if saliency.ndim != 2:
        raise ParamsError(f"saliency: expected a map (H, W), found {saliency.shape}; draw one face at a time")
    if not ((saliency >= 0) & (saliency <= 1)).all():  # NaN is neither
        raise ParamsError("saliency: expected numbers in [0, 1], found others")
    levels = np.round(saliency.astype(np.float64) * 255).astype(np.uint8)
    return _blend(image, cv2.applyColorMap(levels, cv2.COLORMAP_JET)[..., ::-1].astype(np.uint8), opacity)


def overlay_regions(image: UInt8Array, regions: UInt8Array, opacity: float = 0.5) -> UInt8Array:
    """Lay a region map over a face, in the colours of `faceshards.regions.PALETTE`; ignored pixels are black.

        picture = overlay_regions(face, regions[0], opacity=0.7)

    Args:
        image: (H, W, 3) uint8 RGB.
        regions: (H, W) region ids, 0-24 or 255.
        opacity: of the map, in [0, 1].

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ParamsError: other shapes, dtypes or ranges.
        FaceError: ids of no region.
    """
    return _blend(as_array(image, "image"), _COLOURS[known_ids(as_array(regions, "regions"))], opacity)


def region_bars(scores: NDArray[Any], title: str = "", spread: NDArray[Any] | None = None) -> str:
    """A bar for each region, the highest first, as SVG text.

        scores = cam.region_scores(images, 3, regions=regions)
        Path("bars.svg").write_text(region_bars(np.nanmean(scores, axis=0), "mean score"))

    Args:
        scores: (25,), NaN where a region is absent, which leaves it out. Negative scores run to the left.
        title: written above.
        spread: (25,) such as standard deviations: a line from ``score - spread`` to ``score + spread``; none where it
            is NaN.

    Raises:
        ParamsError: another number of scores, or infinite ones.
    """
    scores = as_array(scores, "scores").astype(np.float64)
    spread = spread if spread is None else as_array(spread, "spread").astype(np.float64)
    for name, given in (("scores", scores), ("spread", scores if spread is None else spread)):
        if given.shape != (N_REGIONS,) or np.isinf(given).any():
            raise ParamsError(
                f"{name}: expected ({N_REGIONS},) finite numbers, or NaN, found {given.shape} or infinity"
            )
    shown = [int(r) for r in np.argsort(-scores, kind="stable") if np.isfinite(scores[r])]
    beyond = np.zeros(N_REGIONS) if spread is None else np.nan_to_num(spread)
    reach = max((abs(float(scores[r])) + float(beyond[r]) for r in shown), default=0.0) or 1.0
    lowest = min((float(scores[r] - beyond[r]) for r in shown), default=0.0)
    left = 130 + (round(200 * -lowest / reach) if lowest < 0 else 0)
    rows = []
    for place, r in enumerate(shown):
        y, width = 28 + 18 * place, 200 * abs(float(scores[r])) / reach
        x = left - width if scores[r] < 0 else left
        rows.append(
            f'<text x="120" y="{y + 11}" text-anchor="end">{REGION_NAMES[r]}</text>'
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="14" fill="rgb{PALETTE[r]}" stroke="#444"/>'
            f'<text x="{left + 205}" y="{y + 11}">{float(scores[r]):.3g}</text>'
        )
        if spread is not None and not np.isnan(spread[r]):
            ends = [left + 200 * float(scores[r] + sign * spread[r]) / reach for sign in (-1, 1)]
            rows.append(f'<path d="M{ends[0]:.1f} {y + 7}H{ends[1]:.1f}" stroke="#000" stroke-width="1.5"/>')
    size = f'width="{left + 270}" height="{36 + 18 * len(shown)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return f'{head}<text x="10" y="16" font-weight="bold">{escape(title)}</text>{"".join(rows)}</svg>'


def _blend(image: UInt8Array, colours: UInt8Array, opacity: float) -> UInt8Array:
    if image.dtype != np.uint8 or image.shape != colours.shape:
        raise ParamsError(
            f"image: expected a uint8 face (H, W, 3) and a map of one size, found {image.dtype} {image.shape} and "
            f"{colours.shape[:2]}"
        )
    if not 0 <= opacity <= 1:
        raise ParamsError(f"opacity: expected a number in [0, 1], found {opacity}")
    return np.round(image * (1 - opacity) + colours * opacity).astype(np.uint8)
