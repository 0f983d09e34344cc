"""How much a Zstandard frame decodes to, from its header (RFC 8878, 3.1.1.1)."""

from faceshards.records import UInt8Array

_MAGIC = b"\x28\xb5\x2f\xfd"
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)
_SIZE_BYTES = (0, 2, 4, 8)
_HEADER = 18  # bytes at most


def refuse_other_length(frame: UInt8Array, expected: int) -> None:
    """See that a frame decodes to so many bytes, no more and no less; else a ValueError.

    To be asked before it is decoded into memory that is used again: of a shorter one, what lay there before would be
    taken for data.
    """
    found = content_size(frame[:_HEADER].tobytes())
    if found != expected:
        raise ValueError(f"a Zstandard frame of {found} bytes, where {expected} are expected")


def content_size(header: bytes) -> int | None:
    """The size that a frame's first bytes give for its content; None where they give none, or are of no frame."""
    if not header.startswith(_MAGIC) or len(header) <= len(_MAGIC):
        return None
    descriptor = header[len(_MAGIC)]
    single = descriptor >> 5 & 1
    size = _SIZE_BYTES[descriptor >> 6] or single
    start = len(_MAGIC) + 1 + (1 - single) + _DICTIONARY_ID_BYTES[descriptor & 3]
    if not size or len(header) < start + size:
        return None
    return int.from_bytes(header[start : start + size], "little") + (256 if size == 2 else 0)
