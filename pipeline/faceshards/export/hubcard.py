"""The card of a Hugging Face export: `README.md`, whose head of YAML the Hub and `datasets` read.

Why not huggingface_hub's DatasetCard: the export runs in a base install, and the head is a dozen lines of YAML.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from faceshards.regions import IGNORE, REGION_NAMES
from faceshards.store.description import title_of
from faceshards.store.licence import licence_url, spdx

_CC_KINDS = ("BY", "BY-NC", "BY-NC-ND", "BY-NC-SA", "BY-SA")
_HUB_LICENCES = {
    **{name: name.lower() for name in ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT")},
    **{f"CC-{kind}-{version}": f"cc-{kind.lower()}-{version}" for kind, version in product(_CC_KINDS, ("3.0", "4.0"))},
    **{name: name.lower() for name in ("CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0")},
    "C-UDA-1.0": "c-uda",
    "ODC-By-1.0": "odc-by",
    "ODbL-1.0": "odbl",
    "PDDL-1.0": "pddl",
}
"""SPDX identifiers of licences of data, and what the Hub calls them
(https://huggingface.co/docs/hub/repositories-licenses). All others are "other" there, with a name."""

_ABOUT_REGIONS = f"""## The {len(REGION_NAMES)} regions

The pixels of `region` are these ids, or {IGNORE} where no region applies. Ids 1 to 9 are named from the person's side,
11 to 16 from the viewer's."""


def card(info: Mapping[str, Any], splits: Sequence[str], columns: Mapping[str, tuple[str, str]]) -> str:
    """The whole file.

    Args:
        info: the content of the store's `dataset.json`.
        splits: which are exported.
        columns: of the Parquet files, in their order: the type and the meaning of each.

    Returns:
        Markdown behind a head of YAML, whose values are in double quotes.

    Example:
        >>> text = card(store.info, ["train"], {"image": ("picture", "the face")})
        >>> text.splitlines()[0]
        '---'
    """
    about, licence = info["about"], info["licence"]
    title = title_of(info)
    text = [f"# {title}", about.get("description"), f"Licence of the images: {licence}"]
    text += [
        f"{what}: {about[key]}" for key, what in (("version", "Version"), ("homepage", "Homepage")) if key in about
    ]
    text += [f"Cite as:\n\n```\n{about['citation']}\n```"] if "citation" in about else []
    text += ["## The columns", _table(("column", "type", "what"), ((f"`{n}`", *of) for n, of in columns.items()))]
    text += [_ABOUT_REGIONS, _table(("id", "region"), ((str(i), f"`{n}`") for i, n in enumerate(REGION_NAMES)))]
    body = "\n\n".join(part for part in text if part)
    return "\n".join(["---", *_head(title, licence, splits), "---", "", body, ""])


def hub_split(split: str) -> str:
    """What `datasets` calls a split: it takes no name with a hyphen in it, and then loads no split at all.

    Example:
        >>> hub_split("train-2")
        'train_2'
    """
    return split.replace("-", "_")


def _head(title: str, licence: str, splits: Sequence[str]) -> list[str]:
    known = _HUB_LICENCES.get(spdx(licence) or "")
    head = [f"pretty_name: {_scalar(title)}"]
    head += [f"license: {known}"] if known else ["license: other", f"license_name: {_scalar(licence)}"]
    if not known and (link := licence_url(licence)):
        head.append(f"license_link: {link}")
    head += ["configs:", "- config_name: default", "  data_files:"]
    for split in splits:
        # A star would take the files of a split "train-2" for those of "train" as well.
        head += [f"  - split: {_scalar(hub_split(split))}", f"    path: data/{split}-?????-of-?????.parquet"]
    return head


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (names, ["---"] * len(names), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _scalar(text: str) -> str:
    """Text in YAML's double quotes. JSON would not do: YAML takes its two halves of a letter beyond U+FFFF for two."""
    letters = (c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return '"' + "".join(letters) + '"'
