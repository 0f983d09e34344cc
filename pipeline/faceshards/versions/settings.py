"""What `dataset.json` says of how a version was made, key by key."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from faceshards.store.reader import Store
from faceshards.versions.difference import Setting

_ELSEWHERE = {"samples", "skipped", "files"}
"""What is compared elsewhere, or follows from the rest."""
_OF_SPLITS = {"rows", "classes"}
"""Of a split, what neither follows from the rest nor is counted with the faces: holes, and people who are gone."""


def setting_changes(a: Store, b: Store) -> tuple[Setting, ...]:
    """The values that differ: params, weights, versions of libraries, specs of arrays, licence. A list is one value."""
    first, second = (dict(flattened(store.info)) for store in (a, b))
    keys = [key for key in dict.fromkeys([*first, *second]) if _is_setting(*key.split("."))]
    # As JSON, for Python takes 1, 1.0 and true for the same.
    return tuple(_setting(key, first, second) for key in keys if _text(first, key) != _text(second, key))


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as dotted keys, no two alike. An empty mapping is a value, for it is not the same as none.

    Example:
        >>> dict(flattened({"erase": {"seed": 0, "classes": {}}, "a.b": 1}))
        {'erase.seed': 0, 'erase.classes': {}, '"a.b"': 1}
    """
    for name, value in values.items():
        plain = name and "." not in name and '"' not in name
        key = prefix + (name if plain else json.dumps(name, ensure_ascii=False))
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{key}.")
        else:
            yield key, value


def _is_setting(section: str, *names: str) -> bool:
    return bool(_OF_SPLITS.intersection(names[-1:])) if section == "splits" else section not in _ELSEWHERE


def _text(values: Mapping[str, Any], key: str) -> str | None:
    return json.dumps(values[key]) if key in values else None


def _setting(key: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Setting:
    only = None if key in a and key in b else "a" if key in a else "b"
    return Setting(key, a.get(key), b.get(key), only)
