"""A network that a description names by its address: licence, download, hash, pin."""

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from adapters import ColourNetwork, describe, write_torchscript
from downloads import QUICK
from file_server import FileServer
from stand_ins import copied_entry, write_stand_in

from faceshards.errors import DownloadError, LicenceError, ParamsError, WeightsError, WeightsNotFoundError
from faceshards.parsing import load_parser
from faceshards.store.durable import sha256_of
from faceshards.zoo.catalogue import description_of, zoo
from faceshards.zoo.obtain import Obtained, obtain
from faceshards.zoo.pins import Pin, add_pin, pins_file, read_pins

LICENCE = {"accept": "Some-Data", "terms": "Research only.", "code": "MIT", "data": "some data"}
PINS = Path("manifests/parsers.yaml")


def network(folder: Path, classes: int = 25) -> bytes:
    write_torchscript(folder / "network.ts", ColourNetwork(classes))
    return (folder / "network.ts").read_bytes()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(network(tmp_path)) as server:
        yield server


def described(folder: Path, server: FileServer, **keys: Any) -> Path:
    return describe(folder, **{"url": server.url("net.ts"), "classes": "regions25", "licence": LICENCE, **keys})


def place(kept: Path, server: FileServer) -> Path:
    """Where the network of that address is kept."""
    return kept / f"parser-{hashlib.sha256(server.url('net.ts').encode()).hexdigest()[:8]}" / "net.ts"


def got(description: Path | str, accept: str | None = "Some-Data") -> Obtained:
    return obtain(description, accept, transfer=QUICK, progress=False)


def test_a_file_of_unknown_hash_is_pinned_on_first_use_and_then_no_more(
    tmp_path: Path, kept: Path, server: FileServer
) -> None:
    description = described(tmp_path, server)
    first = got(description)
    assert first == Obtained(place(kept, server), sha256_of(tmp_path / "network.ts"), PINS)
    assert read_pins(PINS) == {server.url("net.ts"): Pin(first.sha256, len(server.data))}
    assert "Commit this file" in PINS.read_text()
    assert got(description) == Obtained(first.path, first.sha256, None)


def test_a_second_run_asks_no_server(tmp_path: Path, server: FileServer) -> None:
    description = described(tmp_path, server)
    got(description)
    asked = len(server.requests)
    got(description)
    load_parser(description, "cpu")
    assert len(server.requests) == asked


def test_a_second_run_writes_nothing_where_the_networks_are_kept(tmp_path: Path, server: FileServer) -> None:
    description = described(tmp_path, server)
    folder = got(description).path.parent
    for path in folder.iterdir():
        if path.name != "net.ts":
            path.unlink()
    before = folder.stat().st_mtime_ns
    got(description)
    assert ([path.name for path in folder.iterdir()], folder.stat().st_mtime_ns) == (["net.ts"], before)


def test_another_address_is_another_network_whatever_the_two_are_called(tmp_path: Path, server: FileServer) -> None:
    first = got(described(tmp_path, server))
    with FileServer(network(tmp_path, 24)) as elsewhere:
        second = got(described(tmp_path, elsewhere))
        assert second.path.read_bytes() == elsewhere.data
        assert read_pins(PINS)[elsewhere.url("net.ts")].sha256 == second.sha256 != first.sha256
    assert got(described(tmp_path, server)) == Obtained(first.path, first.sha256, None)


def test_nothing_is_asked_of_the_server_before_the_licence_is_accepted(tmp_path: Path, server: FileServer) -> None:
    description = described(tmp_path, server)
    for accepted in (None, "MIT"):
        with pytest.raises(
            LicenceError, match=r"is under Some-Data\. Research only.*accept_licence: Some-Data"
        ) as caught:
            got(description, accepted)
        assert f"found {accepted!r}" in str(caught.value)
    assert server.requests == []
    assert not PINS.exists()


@pytest.mark.parametrize("licence", [None, {**LICENCE, "accept": None}])
def test_a_free_network_needs_no_word(tmp_path: Path, server: FileServer, licence: Any) -> None:
    assert got(described(tmp_path, server, licence=licence), None).path.is_file()


@pytest.mark.parametrize("name", [name for name in zoo() if "segface" not in name])
def test_no_entry_of_the_zoo_is_downloaded_unasked(name: str, kept: Path) -> None:
    with pytest.raises(LicenceError, match=re.escape(f"faceshards parsers get {name} --accept-licence")):
        obtain(name, None)
    assert not kept.exists()


def test_another_file_under_a_pinned_address_is_refused(tmp_path: Path, kept: Path, server: FileServer) -> None:
    description = described(tmp_path, server)
    first = got(description)
    first.path.unlink()
    server.data = network(tmp_path, 3)
    with pytest.raises(DownloadError, match=rf"expected SHA-256 {first.sha256}, found .*Remove its entry from {PINS}"):
        got(description)
    assert not first.path.exists()
    assert read_pins(PINS)[server.url("net.ts")].sha256 == first.sha256


def test_a_file_of_another_hash_than_the_description_s_is_refused(tmp_path: Path, server: FileServer) -> None:
    description = described(tmp_path, server, sha256="0" * 64)
    with pytest.raises(DownloadError, match=r"expected SHA-256 0{64}, found .*copy the description and give its SHA"):
        got(description)
    assert not PINS.exists()


def test_a_file_of_another_size_is_refused_before_it_is_downloaded(tmp_path: Path, server: FileServer) -> None:
    with pytest.raises(DownloadError, match=r"the recipe says 12,345 bytes, the server \d+"):
        got(described(tmp_path, server, bytes=12345))
    assert server.bytes_sent < 10


def test_a_download_that_is_cut_is_no_network_and_goes_on_where_it_was(
    tmp_path: Path, kept: Path, server: FileServer
) -> None:
    server.data = bytes(5 * QUICK.block_bytes) + server.data  # a zip may have any bytes before it
    description = described(tmp_path, server)
    server.behave = lambda handler: (
        handler.asked()[0] >= 2 * QUICK.block_bytes and handler.answer(*handler.asked(), body_bytes=0)
    )
    with pytest.raises(DownloadError, match="finished ranges are kept"):
        got(description)
    assert not place(kept, server).exists()
    assert not PINS.exists()
    with pytest.raises(WeightsNotFoundError, match=r"not downloaded yet; run `faceshards parsers get .*parser\.yaml"):
        load_parser(description, "cpu")
    server.behave, sent = None, server.bytes_sent
    assert got(description).path.read_bytes() == server.data
    assert server.bytes_sent - sent < len(server.data)


def test_a_log_in_page_is_refused_with_where_to_put_the_file_by_hand(
    tmp_path: Path, kept: Path, server: FileServer
) -> None:
    server.headers["Content-Type"] = "text/html"
    with pytest.raises(DownloadError, match=rf"sent a web page.*save it as {place(kept, server)}") as caught:
        got(described(tmp_path, server))
    assert "source.path" not in str(caught.value)


@pytest.mark.parametrize("name", ["net.ts", "net.onnx"])
def test_what_is_no_network_is_neither_pinned_nor_kept(tmp_path: Path, server: FileServer, name: str) -> None:
    whole, server.data = server.data, b"<html>Our server is being mended. Come again tomorrow.</html>"
    description = described(tmp_path, server, url=server.url(name))
    with pytest.raises(DownloadError, match=rf"{name}: .*expected .*deleted and not pinned"):
        got(description)
    assert not PINS.exists()
    server.data = whole
    if name == "net.ts":
        assert got(description).pinned_in == PINS


def test_a_file_that_was_saved_by_hand_is_checked_and_pinned(tmp_path: Path, kept: Path, server: FileServer) -> None:
    description = described(tmp_path, server)
    place(kept, server).parent.mkdir(parents=True)
    place(kept, server).write_bytes(server.data)
    assert got(description).pinned_in == PINS
    assert server.requests == []
    load_parser(description, "cpu")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_half_a_file_is_never_pinned(tmp_path: Path, kept: Path, server: FileServer, share: float) -> None:
    description = described(tmp_path, server)
    place(kept, server).parent.mkdir(parents=True)
    place(kept, server).write_bytes(server.data[: int(share * len(server.data))])
    with pytest.raises(WeightsError, match=r"net\.ts: expected .*; found .*not pinned; put the whole file there"):
        got(description)
    place(kept, server).unlink()
    server.data = server.data[: int(max(share, 0.1) * len(server.data))]
    with pytest.raises(DownloadError, match=r"found none, or the beginning of one\. It was deleted and not pinned"):
        got(description)
    assert not PINS.exists()


def test_a_network_is_loaded_only_as_it_was_pinned(tmp_path: Path, kept: Path, server: FileServer) -> None:
    description = described(tmp_path, server)
    path = got(description).path
    PINS.rename("manifests/away.yaml")
    with pytest.raises(WeightsError, match=r"manifests/parsers\.yaml has no pin of it.*faceshards parsers get"):
        load_parser(description, "cpu")
    Path("manifests/away.yaml").rename(PINS)
    path.write_bytes(network(tmp_path, 24))
    with pytest.raises(WeightsError, match=r"expected the SHA-256 .*, as manifests/parsers\.yaml says; found"):
        load_parser(description, "cpu")


def test_a_damaged_copy_is_downloaded_again(tmp_path: Path, server: FileServer) -> None:
    description = described(tmp_path, server)
    path = got(description).path
    path.write_bytes(b"PK")
    assert got(description).path.read_bytes() == server.data


def test_without_a_project_the_pins_lie_beside_the_networks(
    tmp_path: Path, kept: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    description = described(tmp_path, server)
    assert got(description).pinned_in == kept / "pins.yaml" == pins_file()
    load_parser(description, "cpu")


def test_pins_of_others_stay(tmp_path: Path, server: FileServer) -> None:
    other = Pin("1" * 64, 5)
    add_pin(PINS, "https://elsewhere/net.onnx", other)
    got(described(tmp_path, server))
    assert read_pins(PINS)["https://elsewhere/net.onnx"] == other
    assert len(read_pins(PINS)) == 2


def test_pins_that_are_added_at_once_all_stay() -> None:
    addresses = [f"https://elsewhere/{i}.onnx" for i in range(8)]
    with ThreadPoolExecutor(len(addresses)) as pool:
        list(pool.map(lambda address: add_pin(PINS, address, Pin("1" * 64, 5)), addresses))
    assert list(read_pins(PINS)) == addresses
    assert [path.name for path in PINS.parent.iterdir()] == [PINS.name]


def test_damaged_pins_are_named(tmp_path: Path, server: FileServer) -> None:
    PINS.write_text("https://elsewhere/net.onnx: {sha256: abc, bytes: 5}\n")
    with pytest.raises(ParamsError, match=r"manifests/parsers\.yaml: does not fit"):
        got(described(tmp_path, server))


def test_a_model_beside_its_description_is_left_where_it_is(tmp_path: Path) -> None:
    network(tmp_path)
    description = describe(tmp_path, model="network.ts", classes="regions25")
    assert got(description, None) == Obtained(tmp_path / "network.ts", sha256_of(tmp_path / "network.ts"), None)
    assert not PINS.exists()


@pytest.mark.parametrize("keys", [{"model": "net.ts"}, {"url": None}])
def test_either_a_file_or_an_address_is_named(tmp_path: Path, server: FileServer, keys: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match="expected either `model`, a file, or `url`"):
        got(described(tmp_path, server, **keys))


@pytest.mark.parametrize("url", ["ftp://host/net.ts", "net.ts", "https://host/", "file:///etc/passwd"])
def test_an_address_is_one_of_a_file_on_the_web(tmp_path: Path, url: str) -> None:
    with pytest.raises(ParamsError, match="url"):
        got(describe(tmp_path, url=url, classes="regions25"))


def test_what_its_authors_publish_no_file_of_is_exported_by_hand_and_pinned(kept: Path) -> None:
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    name, model = "zoo/segface-lapa.yaml", kept / "segface-lapa/segface-lapa.onnx"
    with pytest.raises(WeightsNotFoundError, match=rf"{model}: no such file.*docs/parsers\.md"):
        obtain(name, "LaPa")
    model.parent.mkdir(parents=True)
    write_stand_in(name, model)
    whole = onnx.load(model)
    onnx.save(whole, model, save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(WeightsError, match=r"expected one file with all weights in it; found weights\.bin"):
        obtain(name, "LaPa")
    write_stand_in(name, model)
    assert obtain(name, "LaPa").pinned_in == PINS
    assert list(read_pins(PINS)) == [name]
    load_parser(name, "cpu")


def test_a_name_that_the_zoo_has_not_is_told_with_those_it_has() -> None:
    with pytest.raises(WeightsNotFoundError, match=r"zoo/farl\.yaml: no such file.*zoo/farl-lapa\.yaml"):
        load_parser("zoo/farl.yaml")


def test_a_folder_named_zoo_of_one_s_own_is_read_and_never_mistaken(tmp_path: Path) -> None:
    Path("zoo").mkdir()
    copied_entry("zoo/farl-lapa.yaml", Path("zoo")).rename("zoo/mine.yaml")
    assert description_of("zoo/mine.yaml") == Path("zoo/mine.yaml")
    copied_entry("zoo/farl-lapa.yaml", Path("zoo"))
    with pytest.raises(WeightsError, match=r"zoo/farl-lapa\.yaml: found a file of this path, and an entry"):
        load_parser("zoo/farl-lapa.yaml")
