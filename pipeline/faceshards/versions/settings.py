"""What `dataset.json` says of how a version was made, key by key."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from faceshards.store.reader import Store
from faceshards.versions.difference import Setting

_COUNTS = {"samples", "skipped", "splits", "files"}
"""What is compared elsewhere, or follows from the rest."""


def setting_changes(a: Store, b: Store) -> tuple[Setting, ...]:
    """The values that differ: params, weights, versions of libraries, specs of arrays, licence. A list is one value."""
    first, second = (dict(flattened(store.info)) for store in (a, b))
    keys = [key for key in dict.fromkeys([*first, *second]) if key.partition(".")[0] not in _COUNTS]
    # As JSON, for Python takes 1, 1.0 and true for the same.
    return tuple(_setting(key, first, second) for key in keys if _text(first, key) != _text(second, key))


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as dotted keys: ``{"erase": {"seed": 0}}`` gives ``("erase.seed", 0)``."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _text(values: Mapping[str, Any], key: str) -> str | None:
    return json.dumps(values[key]) if key in values else None


def _setting(key: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Setting:
    only = None if key in a and key in b else "a" if key in a else "b"
    return Setting(key, a.get(key), b.get(key), only)
