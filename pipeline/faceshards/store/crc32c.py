"""CRC-32C of arrays, outside Python's lock, so that several threads check at a time."""

import ctypes
from collections.abc import Callable
from typing import Any

import google_crc32c
from numpy.typing import NDArray

_ALONE = 1 << 17  # bytes from which it pays to let other threads run meanwhile
_KNOWN = b"123456789", 0xE3069283  # RFC 3720, appendix B.4, and every catalogue of checksums


def extend(crc: int, data: NDArray[Any]) -> int:
    """The checksum of what came before, which has the checksum `crc` (0 for nothing), and of `data` after it.

    Args:
        crc: 0 .. 2**32 - 1.
        data: C-contiguous; its bytes count.
    """
    if data.nbytes < _ALONE or _without_lock is None:
        return int(google_crc32c.extend(crc, data))
    return _without_lock(crc, data.ctypes.data, data.nbytes)


def _library() -> Callable[[int, int, int], int] | None:
    """The C function that google-crc32c itself calls, with Python's lock held; None where it cannot be had."""
    try:
        from google_crc32c import _crc32c

        function: Any = ctypes.CDLL(_crc32c.__file__).crc32c_extend  # of the library that the module is linked with
    except (ImportError, OSError, AttributeError):  # pure Python, or linked in another way
        return None
    function.restype = ctypes.c_uint32
    function.argtypes = ctypes.c_uint32, ctypes.c_void_p, ctypes.c_size_t
    content, expected = _KNOWN
    return function if function(0, content, len(content)) == expected else None


_without_lock = _library()
