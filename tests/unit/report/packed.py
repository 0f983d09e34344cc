"""What a page's script reads, unpacked as the script does."""

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_DATA = re.compile(r'<script type="text/plain" id="data">([A-Za-z0-9+/=]*)</script>')
_TYPES = {"Uint8Array": "<u1", "Uint16Array": "<u2", "Uint32Array": "<u4"}


def unpacked(page: Path) -> dict[str, Any]:
    """The JSON values and the arrays, by name."""
    found = _DATA.search(page.read_text())
    assert found is not None
    return unpack(found[1])


def unpack(packed: str) -> dict[str, Any]:
    """What `faceshards.report.payload.pack` packed."""
    whole = zlib.decompress(base64.b64decode(packed))
    start = 4 + int.from_bytes(whole[:4], "little")
    data = json.loads(whole[4:start])
    for name, (kind, items, at) in data.pop("arrays").items():
        assert (start + at) % 8 == 0
        data[name] = np.frombuffer(whole, _TYPES[kind], items, start + at)
    return data
