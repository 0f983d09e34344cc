"""Getting the network of a description: licence, download, hash, pin."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zipfile import is_zipfile

from filelock import FileLock, Timeout

from faceshards.errors import DownloadError, LicenceError, WeightsError
from faceshards.source.fetch.download import fetch, is_there
from faceshards.source.fetch.http import BY_HAND
from faceshards.source.fetch.remote import RemoteFile, Transfer
from faceshards.store.durable import sha256_of
from faceshards.zoo.catalogue import description_of, is_kept, model_of
from faceshards.zoo.kept import address_of, check_kept, held_model, known_sha256, other_file, require_model
from faceshards.zoo.onnxfiles import external_files
from faceshards.zoo.pins import Pin, add_pin, pins_file
from faceshards.zoo.published import Published, read_published

_WAIT_S = 3600


@dataclass(frozen=True)
class Obtained:
    """A network that is on this machine.

    Attributes:
        path: its file.
        sha256: of its bytes, which are the expected ones.
        pinned_in: the file in which it was pinned just now; None where its hash was known before.
    """

    path: Path
    sha256: str
    pinned_in: Path | None


def obtain(
    weights: str | Path,
    accept_licence: str | None = None,
    *,
    pins: Path | None = None,
    transfer: Transfer | None = None,
    progress: bool = True,
    tell: Callable[[str], object] = lambda _: None,
) -> Obtained:
    """Have the network of a description on this machine; one that is there already is checked, without the network.

    Args:
        weights: a description, or the name of an entry of the zoo: ``"zoo/farl-lapa.yaml"``.
        accept_licence: the name of the licence that the user accepts.
        pins: the file of pins; None for `pins.pins_file`.
        transfer: how to download; None for the defaults.
        progress: whether to show a bar, on a terminal.
        tell: takes a line that says what is downloaded, before it begins: a server out of reach is tried for minutes.

    Raises:
        WeightsNotFoundError: there is no such description; or its model is not there, and it has no address.
        ParamsError: the description or the pins are not of their layout.
        LicenceError: the licence was not accepted.
        DownloadError: the file cannot be had, or is not the one that is expected.
        WeightsError: the file that is there is not the one that is expected.

    Example:
        >>> obtain("zoo/farl-lapa.yaml", "LaPa").path.name  # doctest: +SKIP
        'face_parsing.farl.lapa.main_ema_136500_jit191.pt'
    """
    description = description_of(weights)
    published = read_published(description)
    if not is_kept(description, published):
        return Obtained(*held_model(description, published), None)
    require_licence(weights, published, accept_licence)
    pins = pins_file() if pins is None else pins
    known = known_sha256(description, published, pins)
    model = model_of(description, published)
    if published.url is not None:
        file = RemoteFile(published.url, published.bytes, known)
        if not is_there(model, file):  # nothing is written otherwise: machines may share a folder that is read-only
            other = ", where another file lies" if model.is_file() else ""
            tell(f"{weights}: downloading {published.url} to {model}{other}")
            _download(file, published, model, pins, transfer, progress)
            if known is None and (fault := _fault(model)) is not None:
                model.unlink()
                raise DownloadError(
                    f"{file.url}: {fault}. It was deleted and not pinned; look at what the address gives"
                )
    require_model(description, published, model)
    if known is None and (fault := _fault(model)) is not None:
        raise WeightsError(f"{model}: {fault}. It was not pinned; put the whole file there")
    found = Pin(sha256_of(model), model.stat().st_size)
    check_kept(description, published, found, known, pins)
    if known is None:
        add_pin(pins, address_of(description, published), found)
    return Obtained(model, found.sha256, pins if known is None else None)


def require_licence(weights: str | Path, published: Published, accepted: str | None) -> None:
    """Pass only where the user has accepted a network's licence by name, or it is free.

    Raises:
        LicenceError: with the terms, and how to accept them.
    """
    licence = published.licence
    if licence is None or licence.accept in (None, accepted):
        return
    raise LicenceError(
        f"{weights} is under {licence.accept}. {licence.terms.strip()} Its code: {licence.code}. It learnt from "
        f"{licence.data}. If you accept, set `parse.accept_licence: {licence.accept}` in params.yaml, or run "
        f"`faceshards parsers get {weights} --accept-licence {licence.accept}` (found {accepted!r})"
    )


def _download(
    file: RemoteFile, published: Published, model: Path, pins: Path, transfer: Transfer | None, progress: bool
) -> None:
    model.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(model.with_name(".lock"), timeout=_WAIT_S):  # of other projects of this user
            fetch([file], model.parent, transfer=transfer, progress=progress)
    except Timeout as error:
        raise DownloadError(
            f"{model}: expected another process to end its download; found that it took {_WAIT_S} seconds; look at it, "
            "then run again"
        ) from error
    except DownloadError as error:
        said = str(error).replace(BY_HAND, f"Or download it in a browser and save it as {model}")
        if file.sha256 is not None and f"expected SHA-256 {file.sha256}" in said:
            said = f"{said}. {other_file(published, pins)}"
        raise DownloadError(said) from error


def _fault(model: Path) -> str | None:
    """What shows that a file is no whole network, such as a page, or half of a file; None where nothing does."""
    if not model.stat().st_size:
        return "expected a network; found an empty file"
    try:
        external_files(model)
    except WeightsError as error:
        return str(error)
    # A zip's directory is at its end.
    if model.suffix != ".onnx" and not is_zipfile(model):
        return "expected TorchScript, which is a zip; found none, or the beginning of one"
    return None
