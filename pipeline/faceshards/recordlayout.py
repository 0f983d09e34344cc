"""The layout of RecordIO files, for reader and writer: dmlc-core ``recordio.h``, mxnet ``recordio.py``."""

import struct

MAGIC = b"\x0a\x23\xd7\xce"
"""What every record begins with: 0xCED7230A, the least byte first."""

LENGTH_BITS = 29
"""The word behind the magic: the length of the part in its low bits, one of the four flags above them."""

WHOLE, FIRST, MIDDLE, LAST = range(4)
"""Which part of its record a part is. A record is cut where its bytes hold the magic word at a multiple of four."""

IMAGE_HEADER = struct.Struct("<IfQQ")
"""What an image's record begins with, ``IRHeader``: number of labels behind it, else the label, two ids."""

LABELS_END = 2**24
"""Labels are float32, which has every whole number below this one."""
