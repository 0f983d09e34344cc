"""What a face is made from, as a few bytes, so that a replaced file is seen without a look at its pixels."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from faceshards.errors import BadSampleError

DIGEST_BYTES = 16


class Fingerprints(NamedTuple):
    """The parts of a face, each told by a few bytes; ``b""`` where the source has no such part.

    A part of a zip is told by the CRC-32 and the size that the zip's directory holds, and is not read. Any other part
    is told by BLAKE2b of its bytes. The first eight bytes tell parts apart about as well as all of them.

    Equal fingerprints of two members of a zip do not prove that their bytes are equal. Those of two files do.

    Attributes:
        image: of the encoded image.
        landmarks: of the landmarks.
        truth: of the ground-truth labels.
    """

    image: bytes
    landmarks: bytes
    truth: bytes

    @property
    def digest(self) -> bytes:
        """All parts in one: 16 bytes."""
        digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        for part in self:
            # The length first, so that bytes cannot move from one part to the next.
            digest.update(len(part).to_bytes(4, "little") + part)
        return digest.digest()


def fingerprint(read: Callable[[], bytes]) -> bytes:
    """BLAKE2b of what `read` returns, 16 bytes; the code of the reason where that raises `BadSampleError`."""
    try:
        data = read()
    except BadSampleError as error:
        return error.reason.encode()
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
