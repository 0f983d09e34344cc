"""The script and the style of the page, and the policy that lets a browser run them and nothing else."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

_PARTS = (
    "page.js",
    "data.js",
    "picture.js",
    "filter.js",
    "filterform.js",
    "grid.js",
    "variants.js",
    "forget.js",
    "face.js",
    "maps.js",
    "duplicates.js",
    "people.js",
    "start.js",
)
"""The files of the script, in the order in which they are joined: each uses those before it."""

_STYLES = ("report.css", "explorer.css", "face.css")


@cache
def script() -> str:
    """The whole script: the files of ``templates/script`` inside one function."""
    parts = [_read("script", name) for name in _PARTS]
    return "\n(() => {\n'use strict';\n" + "\n".join(parts) + "})();\n"


@cache
def style() -> str:
    """The whole style sheet."""
    return "\n" + "\n".join(_read(name) for name in _STYLES)


def policy() -> str:
    """The Content-Security-Policy: the script and the style by their SHA-256, pictures that the page carries itself."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"script-src {_hash(script())}",
            f"style-src {_hash(style())}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(*path: str) -> str:
    return files("faceshards.report").joinpath("templates", *path).read_text(encoding="utf-8")
