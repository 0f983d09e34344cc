"""What a RecordIO file is made of (dmlc-core ``recordio.h``), and MXNet's header of an image in a record."""

import struct
from enum import IntEnum

MAGIC = b"\x0a\x23\xd7\xce"
"""What every part of a record begins with: 0xCED7230A, the least byte first. A word with flag and length follows."""

LENGTH_BITS = 29
"""Of the word behind `MAGIC`, the lower bits: how many bytes the part has. The upper ones are a `Flag`."""

IMAGE_HEADER = struct.Struct("<IfQQ")
"""``mxnet.recordio.IRHeader``: flag, label, id, id2. A flag above 0 says how many float32 labels follow."""

LABEL_LIMIT = 2**24
"""From here on float32, which labels are, has not every whole number."""


class Flag(IntEnum):
    """Which part of a record it is; one that holds `MAGIC` at a multiple of four is cut there."""

    WHOLE = 0
    FIRST = 1
    MIDDLE = 2
    LAST = 3
