"""Faces by the stream to their regions and to how sure the parser is of them: what the stage `parse` runs on."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from faceshards.parsing.certainty import Confidence, Parsed, confidence_of
from faceshards.parsing.gather import Gathered
from faceshards.records import UInt8Array

_ON_A_DEVICE = 256
"""Faces that a parser on CUDA gets at once: a chunk alone would be filled up to a batch."""


class Judged(NamedTuple):
    """What is known of some faces, one after the other.

    Attributes:
        regions: (n, 112, 112) uint8, 0-24.
        confidence: of the same n faces.
    """

    regions: UInt8Array
    confidence: Confidence


class Assessor(Protocol):
    """A `Parser`, as far as it matters here."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """See `Parser.provenance`."""
        ...

    def assess(self, images: UInt8Array) -> Parsed:
        """See `Parser.assess`."""
        ...


@runtime_checkable
class Judge(Protocol):
    """A parser that sums up its pixels itself, and does better with many parts than with one after the other."""

    def judge(self, parts: Iterable[UInt8Array]) -> Iterator[Judged]:
        """See `judge`."""
        ...


def judge(parser: Assessor, parts: Iterable[UInt8Array]) -> Iterator[Judged]:
    """Regions and confidence of faces that come in parts.

    Args:
        parser: from `load_parser`.
        parts: (n, 112, 112, 3) uint8 RGB each, n any number. One is asked for only when the parser is ready for it.

    Returns:
        The same faces in the same order, in parts of any length.

    Raises:
        ParserError: as `Parser.assess`.

    Example:
        >>> for regions, confidence in judge(load_parser(), [images]):
        ...     print(regions.shape, confidence.face)
    """
    if isinstance(parser, Judge):
        yield from parser.judge(parts)
        return
    for part in _large(parts) if parser.provenance["device"] == "cuda" else parts:
        parsed = parser.assess(part)
        yield Judged(parsed.regions, confidence_of(parsed))


def _large(parts: Iterable[UInt8Array]) -> Iterator[UInt8Array]:
    """The same faces in parts of one size; the last one may be smaller."""
    gathered = Gathered()
    for part in parts:
        gathered.add(part)
        while len(gathered) >= _ON_A_DEVICE:
            yield np.concatenate(gathered.take(_ON_A_DEVICE))
    if len(gathered):
        yield np.concatenate(gathered.take(_ON_A_DEVICE))
