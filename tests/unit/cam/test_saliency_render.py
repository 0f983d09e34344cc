from xml.etree import ElementTree as ET

import numpy as np
import pytest

from faceshards.cam.render import overlay_regions, overlay_saliency, region_bars
from faceshards.regions import PALETTE, Region


def test_the_highest_pixel_is_red_and_the_lowest_blue() -> None:
    face = np.full((4, 4, 3), 100, np.uint8)
    saliency = np.zeros((4, 4))
    saliency[1, 2] = 1
    out = overlay_saliency(face, saliency, opacity=1)
    assert out[1, 2].argmax() == 0
    assert out[0, 0].argmax() == 2
    assert np.array_equal(overlay_saliency(face, saliency, opacity=0), face)


def test_regions_lie_over_the_face_in_their_colours() -> None:
    face = np.full((2, 2, 3), 100, np.uint8)
    regions = np.array([[Region.NOSE, 255], [0, 24]], np.uint8)
    out = overlay_regions(face, regions, opacity=1)
    assert tuple(out[0, 0]) == PALETTE[Region.NOSE]
    assert tuple(out[0, 1]) == (0, 0, 0)
    assert overlay_regions(face, regions)[0, 1].tolist() == [50, 50, 50]
    with pytest.raises(ValueError, match="one size"):
        overlay_regions(face, regions[:1])


def test_bars_are_sorted_and_absent_regions_left_out() -> None:
    scores = np.full(25, np.nan)
    scores[[Region.NOSE, Region.MOUTH, Region.HAIR]] = 0.5, 1.0, -0.25
    svg = ET.fromstring(region_bars(scores, title="a < b"))
    texts = [t.text for t in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["a < b", "mouth", "1", "nose", "0.5", "hair", "-0.25"]
    widths = [float(r.get("width", "")) for r in svg.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths == [200, 100, 50]
    assert ET.fromstring(region_bars(np.full(25, np.nan))).findall("{http://www.w3.org/2000/svg}rect") == []
