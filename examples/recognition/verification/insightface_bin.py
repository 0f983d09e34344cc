"""InsightFace's verification sets (`lfw.bin`, `cfp_fp.bin`, `agedb_30.bin`, ...): a pickle of (images, same).

A pickle may name any callable and have it called. This reader calls none: of all names it knows those that bytes, bools
and one-dimensional numpy arrays of bytes and bools are pickled with, and for these it has stand-ins of its own, which
check what they are given. Any other name, `os.system` or `builtins.eval`, is refused before anything happens.

A pickle may also claim any size, and ask for one value any number of times. So its opcodes are looked through first,
and no copy is made of a value before all of them together are known to be no longer than the file.
"""

import io
import pickle
import pickletools
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.recognition.verification.protocol import Pairs
from faceshards.errors import SourceFormatError, SourceNotFoundError
from faceshards.source.decode import decode_image

FOLDS = 10
_EDGE = 112
_MOST_COPIED = 64
"""So many times the file's bytes may come of text, if each were as long as the longest."""
_DTYPES = {"u1": np.uint8, "b1": np.bool_}


class InsightFaceBin:
    """Encoded images in pairs: image ``2 i`` and image ``2 i + 1`` are pair i.

    Args:
        path: the file. It is trusted in nothing; see the module.

    Attributes:
        pairs: by index of the images; ten folds of neighbours, as InsightFace evaluates them.

    Raises:
        SourceNotFoundError: no such file.
        SourceFormatError: not a pickle of a list of encoded images and a list with a bool for every two of them; or it
            asks for anything else than those.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SourceNotFoundError(f"{path}: expected one of InsightFace's verification sets; found no such file")
        self._path = path
        found = _load(path)
        if not (isinstance(found, tuple | list) and len(found) == 2):
            raise SourceFormatError(f"{path}: expected a pickle of (images, same); found {type(found).__name__}")
        images, same = (_elements(path, part) for part in found)
        if not all(isinstance(image, bytes | bytearray | np.ndarray) for image in images):
            raise SourceFormatError(f"{path}: expected encoded images as bytes; found something else among them")
        once = {id(image): image for image in images}  # a person's picture may be in many pairs and in the file once
        if sum(map(len, once.values())) > path.stat().st_size:
            raise SourceFormatError(f"{path}: expected images of no more bytes than the file; found more")
        copies = {key: bytes(image) for key, image in once.items()}
        self._images = [copies[id(image)] for image in images]
        if not all(isinstance(value, int) and value in (0, 1) for value in same):  # a bool is an int
            raise SourceFormatError(f"{path}: expected a bool for every pair; found something else among them")
        kinds = np.array(same, bool)
        if len(self._images) != 2 * len(kinds) or len(kinds) < FOLDS:
            raise SourceFormatError(
                f"{path}: expected two images for each of {FOLDS} pairs or more; found {len(self._images)} images and "
                f"{len(kinds)} pairs"
            )
        first = 2 * np.arange(len(kinds))
        self.pairs = Pairs(first, first + 1, kinds, np.arange(len(kinds)) * FOLDS // len(kinds))

    def __len__(self) -> int:
        return len(self._images)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Decode one: (112, 112, 3) uint8 RGB.

        Raises:
            BadSampleError: it does not decode.
            SourceFormatError: it has another size.
        """
        image = decode_image(self._images[index], f"{self._path}: image {index}")
        if image.shape != (_EDGE, _EDGE, 3):
            raise SourceFormatError(
                f"{self._path}: image {index}: expected an aligned face of {_EDGE}x{_EDGE} pixels; found "
                f"{image.shape[1]}x{image.shape[0]}"
            )
        return image


class _Refused(Exception):
    """The pickle asks for something that no verification set needs."""


class _StandIn:
    """What a pickle may make: a value, which nothing in the pickle can change afterwards."""

    value: Any = None

    def __setstate__(self, state: object) -> None:
        raise _Refused(f"a state of {type(self).__name__}")


class _DType(_StandIn):
    """For `numpy.dtype`: of bytes or bools."""

    def __init__(self, code: object, *_: object) -> None:
        name = code.decode("ascii", "replace") if isinstance(code, bytes) else code
        if name not in _DTYPES:
            raise _Refused(f"an array of {name!r}")
        self.value = _DTYPES[name]

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment: nothing to single bytes."""


class _Array(_StandIn):
    """For `numpy.ndarray`, which is made first and filled then."""

    def __init__(self, *_: object) -> None:
        self.value = np.empty(0, np.uint8)

    def __setstate__(self, state: object) -> None:
        match state:
            case (_, (int() as length,), _DType() as dtype, _, data):
                self.value = _values(data, length, dtype)
            case _:
                raise _Refused("an array that is not of one dimension")


class _FromBuffer(_Array):
    """For numpy's `_frombuffer`, by which protocol 5 makes arrays."""

    def __init__(self, data: object, dtype: object, shape: object, order: object = "C") -> None:
        self.__setstate__((1, shape, dtype, order, data))


class _Scalar(_StandIn):
    """For numpy's `scalar`: a bool."""

    def __init__(self, dtype: object, data: object) -> None:
        if not isinstance(dtype, _DType):
            raise _Refused("a numpy scalar that is no bool")
        self.value = bool(_values(data, 1, dtype)[0])


class _Encoded(_StandIn):
    """For `_codecs.encode`, by which Python 3 writes bytes in old protocols."""

    def __init__(self, text: object, encoding: object) -> None:
        if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
            raise _Refused(f"text in {encoding!r}")
        if max(text, default="") > "\xff":
            raise _Refused("text that is no bytes")
        self._text = text

    @cached_property
    def value(self) -> bytes:
        """The bytes, made when they are asked for, and once."""
        return self._text.encode("latin1")

    def __len__(self) -> int:
        return len(self._text)


def _values(data: object, length: int, dtype: _DType) -> NDArray[Any]:
    """A view of bytes, as numbers or as bools."""
    data = data.value if isinstance(data, _Encoded) and len(data) == length else data
    if not isinstance(data, bytes | bytearray) or len(data) != length:
        raise _Refused(f"an array of {length} bytes without those bytes")
    values = np.frombuffer(data, np.uint8)
    return values != 0 if dtype.value is np.bool_ else values


_STAND_INS: dict[tuple[str, str], type[_StandIn]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _Encoded,
}
for _core in ("numpy.core", "numpy._core"):  # before and since numpy 2
    _STAND_INS[f"{_core}.multiarray", "_reconstruct"] = _Array
    _STAND_INS[f"{_core}.multiarray", "scalar"] = _Scalar
    _STAND_INS[f"{_core}.numeric", "_frombuffer"] = _FromBuffer


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise _Refused(f"{module}.{name}")
        return _STAND_INS[module, name]


def _load(path: Path) -> object:
    try:
        data = path.read_bytes()
        _look_through(data)
        # Python 2 wrote the published sets: its str are bytes.
        return _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except _Refused as error:
        raise SourceFormatError(
            f"{path}: expected a pickle of encoded images and bools; it asks for {error}, which no verification set "
            "needs; do not trust this file"
        ) from error
    except Exception as error:  # a broken pickle can raise nearly anything
        raise SourceFormatError(f"{path}: expected a pickle of (images, same); found a broken one ({error})") from error


def _look_through(data: bytes) -> None:
    """Read the opcodes one by one, without doing what they say.

    Raises:
        _Refused: one claims more than the file has.
        ValueError: the file ends before its last.
    """
    calls, longest = 0, 0
    for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if "PUT" in opcode.name and isinstance(argument, int) and argument > number:
            raise _Refused(f"place {argument:,} for value {number:,}")
        if opcode.name in ("REDUCE", "BUILD"):
            calls += 1
        elif isinstance(argument, str) and opcode.name.endswith("UNICODE"):
            longest = max(longest, len(argument))
    # Old protocols write each image as text, from which its bytes are made.
    if calls * longest > _MOST_COPIED * max(len(data), 1):
        raise _Refused(f"{calls:,} values, as if each were of {longest:,} bytes")


def _value(of: object) -> object:
    return of.value if isinstance(of, _StandIn) else of


def _elements(path: Path, part: object) -> list[Any]:
    part = _value(part)
    if isinstance(part, np.ndarray):
        return list(part.tolist())
    if isinstance(part, list | tuple):
        return [_value(element) for element in part]
    raise SourceFormatError(f"{path}: expected lists of images and of bools; found {type(part).__name__}")
