"""docs/parsers.md shows some of what runs here."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from parsers import random_images, tiny_weights

from faceshards.errors import MissingExtraError
from faceshards.parsing import load_parser
from faceshards.parsing.onnxexport import export_onnx


# PyTorch's exporter trips over a deprecation of its own.
@pytest.mark.filterwarnings("ignore:`isinstance:FutureWarning")
def test_an_exported_parser_gives_what_ours_gives_at_any_batch_size(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    weights = tiny_weights(tmp_path)
    export_onnx(tmp_path / "own.onnx", weights)
    session = onnxruntime.InferenceSession(tmp_path / "own.onnx", providers=["CPUExecutionProvider"])
    images, parser = random_images(5), load_parser(weights, "cpu")
    for n in (1, 5):
        (regions,) = session.run(["regions"], {"images": images[:n]})
        assert regions.dtype == np.uint8
        assert (regions == parser.parse(images[:n])).mean() > 0.999


@pytest.mark.skipif(find_spec("onnxscript") is not None, reason="the extra is installed")
def test_without_the_extra_the_error_names_it(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'faceshards\[onnx-export\]'"):
        export_onnx(tmp_path / "own.onnx")
