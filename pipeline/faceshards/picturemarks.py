"""The bytes by which PNG and JPEG files, and the parts of a JPEG, are known (ISO/IEC 15948, 5.2; ITU-T T.81, B.1)."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""What every PNG begins with."""

JPEG_START = b"\xff\xd8\xff"
"""What every JPEG begins with: the marker SOI, and the first byte of the next."""

JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Second bytes of markers whose part says how large the picture is: SOF0-15, without DHT, JPG and DAC."""

JPEG_ALONE = frozenset(range(0xD0, 0xD8)) | {0x01}
"""Second bytes of markers without a length behind them: RSTn and TEM."""
