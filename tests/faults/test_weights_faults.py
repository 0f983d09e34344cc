"""Weights files that are hostile or damaged."""

import os
from pathlib import Path

import pytest
import torch
from parsers import tiny_network, tiny_weights

from faceshards.errors import WeightsError
from faceshards.parsing.weights import load_weights


class _Touch:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self._path), 0o700)


def test_a_malicious_pickle_runs_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "pwned"
    torch.save({**tiny_network().state_dict(), "extra": _Touch(trace)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="wants to run code"):
        load_weights(tmp_path / "w.pth")
    assert not trace.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_safetensors_file_is_refused(tmp_path: Path, share: float) -> None:
    path = tiny_weights(tmp_path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsError, match=r"tiny\.safetensors: expected a safetensors file; found a damaged one"):
        load_weights(path)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 and then nothing"])
def test_a_file_that_is_no_pytorch_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"w\.pth: expected a PyTorch file"):
        load_weights(path)


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    torch.save(tiny_network(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="Save the state dict alone") as refused:
        load_weights(tmp_path / "w.pth")
    assert "TinyNetwork" in str(refused.value) or "UNet" in str(refused.value)
    assert "weights_only" not in str(refused.value)  # PyTorch's advice is to load such files unsafely
