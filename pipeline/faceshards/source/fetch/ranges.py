"""Byte ranges of a file: how it is cut into blocks, and how HTTP writes them (RFC 9110, section 14)."""

import re
from typing import NamedTuple

_CONTENT_RANGE = re.compile(r"\s*bytes\s+(\d{1,19})-(\d{1,19})/(\d{1,19})\s*", re.ASCII | re.IGNORECASE)


class ContentRange(NamedTuple):
    """What a 206 response holds: bytes ``span`` of a file of ``size`` bytes."""

    span: range
    size: int


def split(size: int, block_bytes: int) -> list[range]:
    """Cut ``0 .. size`` into consecutive blocks of `block_bytes`, the last one shorter where it does not divide."""
    return [range(start, min(start + block_bytes, size)) for start in range(0, size, block_bytes)]


def range_header(span: range) -> str:
    """The value of a Range header for a span that is not empty; HTTP's last byte is inclusive."""
    return f"bytes={span.start}-{span.stop - 1}"


def parse_content_range(header: str) -> ContentRange | None:
    """Read a Content-Range header; None where it is absurd, or leaves the file's size unknown (``*``)."""
    match = _CONTENT_RANGE.fullmatch(header)
    if match is None:
        return None
    first, last, size = map(int, match.groups())
    return ContentRange(range(first, last + 1), size) if first <= last < size else None
