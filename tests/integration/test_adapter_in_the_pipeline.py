"""`parse.weights` names a description, and nothing else changes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adapters import describe, write_torchscript
from parsers import tiny_network

from faceshards.build.params import RunParams
from faceshards.build.parse import parse_faces
from faceshards.parsing import load_parser
from faceshards.store.durable import sha256_of
from faceshards.store.reader import Store
from faceshards.zoo.catalogue import model_of
from faceshards.zoo.pins import Pin, add_pin, pins_file
from faceshards.zoo.published import read_published


def test_the_parse_stage_takes_a_published_network_and_gives_what_its_parser_gives(
    small_run: Path, small_params: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESHARDS_PARSERS", str(tmp_path / "kept"))
    monkeypatch.chdir(tmp_path)
    address = "https://nowhere.invalid/net.ts"
    path = describe(tmp_path, url=address, classes=["background", "skin", *["hair"] * 23], size=[128, 128], batch=2)
    model = model_of(path, read_published(path))
    assert tmp_path / "kept" in model.parents
    model.parent.mkdir(parents=True)
    write_torchscript(model, tiny_network())
    add_pin(pins_file(), address, Pin(sha256_of(model), model.stat().st_size))
    params = small_params()
    parse = replace(params.parse, weights=str(path), device="cpu")
    parse_faces(small_run / "aligned", tmp_path / "parsed", parse, params.store, RunParams(workers=2))
    parsed, faces = Store.open(tmp_path / "parsed"), Store.open(small_run / "aligned")
    parser = load_parser(path, "cpu")
    assert parsed.info["provenance"]["parse"] == dict(parser.provenance)
    assert parsed.info["provenance"]["parse"]["weights_sha256"] == sha256_of(model)
    for split in parsed.splits:
        assert np.array_equal(parsed.read(split, "region"), parser.parse(faces.read(split, "image")))
