"""A processor without AVX-512, as most laptops have, makes the demo faces and their regions of the same bytes.

The libraries are told not to use what this processor has: their own switches stand for another machine.
"""

import hashlib
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from faceshards.ops.align import five_points, similarity, warp_image
from faceshards.parsing.certainty import confidence_of
from faceshards.parsing.parser import load_parser
from faceshards.source.demoface import render_face

FACES = [(0, 0, 0), (0, 1, 1), (3, 7, 2)]


def made_here() -> dict[str, str]:
    """What comes out of each step on this processor, as digests."""
    faces = [render_face(*face) for face in FACES]
    aligned = np.stack([warp_image(face.image, similarity(five_points(face.landmarks))) for face in faces])
    parsed = load_parser("bundled", "cpu").assess(aligned)
    sure = confidence_of(parsed)
    assert sure.agreement is not None
    steps = {
        "images": [face.image for face in faces],
        "labels": [face.labels for face in faces],
        "landmarks": [face.landmarks for face in faces],
        "aligned": [aligned],
        "regions": [parsed.regions],
        "confidence": [sure.face, sure.region, sure.agreement],
    }
    return {
        name: hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest() for name, parts in steps.items()
    }


def hidden() -> dict[str, str]:
    """The environment in which no library uses AVX-512."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    wide = [name for name in __cpu_dispatch__ if __cpu_features__.get(name) and ("512" in name or name == "X86_V4")]
    return {
        "NPY_DISABLE_CPU_FEATURES": " ".join(wide),
        "OPENCV_CPU_DISABLE": "AVX512-SKX",
        "OPENCV_IPP": "disabled",  # of which builds of OpenCV for other processors have none
        "OPENBLAS_CORETYPE": "Haswell",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    }


@pytest.mark.skipif("*AVX512-SKX" not in cv2.getCPUFeaturesLine(), reason="this processor has no AVX-512 to do without")
def test_a_processor_without_avx512_makes_the_same_faces_and_regions() -> None:
    found = subprocess.run(
        [sys.executable, __file__], env={**os.environ, **hidden()}, capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout) == made_here()


if __name__ == "__main__":
    print(json.dumps(made_here()))
