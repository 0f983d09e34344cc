"""Whether the network of a description is on this machine, and is the file that it must be. Nothing is downloaded."""

from pathlib import Path

from faceshards.errors import WeightsError, WeightsNotFoundError
from faceshards.store.durable import sha256_of
from faceshards.zoo.catalogue import is_kept, model_of, name_of
from faceshards.zoo.onnxfiles import external_files, model_sha256
from faceshards.zoo.pins import Pin, pins_file, read_pins
from faceshards.zoo.published import Published


def held_model(description: Path, published: Published) -> tuple[Path, str]:
    """The file of a network and what `model_sha256` gives of it, checked against the description, or against the pins.

    Raises:
        WeightsNotFoundError: the model is not there.
        WeightsError: it is another file than the description or the pins say, or one that nobody has pinned.
        ParamsError: the pins are damaged.
    """
    model = model_of(description, published)
    require_model(description, published, model)
    if not is_kept(description, published):
        sha256 = model_sha256(model)
        if published.sha256 not in (None, sha256):
            raise WeightsError(
                f"{model}: expected the SHA-256 {published.sha256}, as {description} says; found {sha256}"
            )
        return model, sha256
    sha256 = sha256_of(model)
    known = known_sha256(description, published, pins_file())
    if known is None:
        name = name_of(description)
        raise WeightsError(
            f"{model}: {pins_file()} has no pin of it, so that it may be any file. Run `faceshards parsers get {name}`"
        )
    check_kept(description, published, Pin(sha256, model.stat().st_size), known, pins_file())
    return model, sha256


def known_sha256(description: Path, published: Published, pins: Path) -> str | None:
    """The SHA-256 that the model of a description must have: the description's own, else the pinned one, or None."""
    if published.sha256 is not None:
        return published.sha256
    pin = read_pins(pins).get(address_of(description, published))
    return None if pin is None else pin.sha256


def address_of(description: Path, published: Published) -> str:
    """What a model is pinned by: its URL, or the name of its entry in the zoo."""
    return published.url or name_of(description)


def check_kept(description: Path, published: Published, found: Pin, known: str | None, pins: Path) -> None:
    """See that a kept model is the expected file, and is whole by itself.

    Raises:
        WeightsError: it is not.
    """
    model = model_of(description, published)
    if known not in (None, found.sha256):
        where = name_of(description) if published.sha256 else str(pins)
        raise WeightsError(
            f"{model}: expected the SHA-256 {known}, as {where} says; found {found.sha256}. "
            f"{other_file(published, pins)}"
        )
    parts = [file.name for file in external_files(model)]
    if parts:
        raise WeightsError(
            f"{model}: expected one file with all weights in it; found {', '.join(parts)} named in it. Export it as one"
        )


def require_model(description: Path, published: Published, model: Path) -> None:
    """See that a model is there.

    Raises:
        WeightsNotFoundError: with how to get it.
    """
    if model.is_file():
        return
    if published.url is not None:
        name, licence = name_of(description), published.licence
        accept = "" if licence is None or licence.accept is None else f" --accept-licence {licence.accept}"
        said = f"not downloaded yet; run `faceshards parsers get {name}{accept}`"
    elif published.export is not None:
        said = f"no such file. Its authors publish none that can be run. {published.export.strip()}"
    else:
        said = f"no such file; `model` in {description} names it, relative to that file"
    raise WeightsNotFoundError(f"{model}: {said}")


def other_file(published: Published, pins: Path) -> str:
    """What to do where a file has changed."""
    if published.sha256 is not None:
        return "To use another file, copy the description and give its SHA-256"
    return f"Remove its entry from {pins} only where you know why the file has changed"
