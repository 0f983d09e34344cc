"""The files that the repository of a data set begins with."""

import hashlib
import json
import re
from pathlib import Path

from ruamel.yaml import YAML

_TEMPLATE = Path(__file__).parent / "template"
_ENDING = ".in"
_DEMO = "manifests/demo.yaml"
_PATH = re.compile(r"^  path: .*$", re.MULTILINE)

PARAMS = "params.yaml"
README = "README.md"


def files_of_template(title: str, source: str | None) -> dict[str, bytes]:
    """What a new repository holds, by path, beside `faceshards.lock`.

    Their names in the package differ (``reports__dot-gitignore.in`` is ``reports/.gitignore``), for a data file counts
    as code of every stage whose modules hold its name, or its folder's.

    Args:
        title: of the README.
        source: ``source.path`` in params.yaml; None for the rendered demo.

    Example:
        >>> files_of_template("Faces", None)["README.md"][:8]
        b'# Faces\\n'
    """
    files = {}
    for path in sorted(_TEMPLATE.glob(f"*{_ENDING}")):
        name = path.name.removesuffix(_ENDING).replace("__", "/")
        files[re.sub(r"(^|/)dot-", r"\1.", name)] = path.read_bytes()
    files[README] = files[README].replace(b"{title}", title.encode())
    if source is not None:
        files[PARAMS] = _PATH.sub(lambda _: f"  path: {scalar(source)}", files[PARAMS].decode(), count=1).encode()
    return files


def title_in(readme: str) -> str | None:
    """The title that a README has, None where it has none."""
    found = re.match(r"# (.+)\n", readme)
    return found[1] if found else None


def source_in(params: str) -> str | None:
    """The value of ``source.path`` in params.yaml, None for that of the template."""
    value = YAML(typ="safe", pure=True).load(params)["source"]["path"]
    return None if value == _DEMO else str(value)


def digest(data: bytes) -> str:
    """SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def scalar(text: str) -> str:
    """Text as YAML: as it is where that is read as this very text, else in quotes.

    Example:
        >>> scalar("../photos"), scalar("a: b"), scalar("a\\x85b")
        ('../photos', '"a: b"', '"a\\\\u0085b"')
    """
    if re.fullmatch(r"[A-Za-z/][\w./+-]*(?: [\w./+-]+)*|\.\.?/[\w./+-]*(?: [\w./+-]+)*", text, re.ASCII):
        read = YAML(typ="safe", pure=True).load(f"path: {text}")["path"]
        if read == text:
            return text
    quoted = json.dumps(text, ensure_ascii=False)
    # YAML takes U+0085 for the end of a line, and of others it refuses the bare letter.
    return "".join(
        c if c.isprintable() else f"\\U{ord(c):08x}" if ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in quoted
    )
