"""Which files look like pictures, by their suffix or by their first bytes: far more than can be read."""

import re
from pathlib import Path

from faceshards.faulttext import is_shortage

_SUFFIXES = """
3fr apng arw avci avcs avif avifs bmp bpg cin cr2 cr3 cur dcm dcr dds dib djv djvu dng dpx emf eps erf exr fff fits
flif gif gpr hdr heic heics heif heifs hej2 hif ico iiq insp j2c j2k jfi jfif jif jls jng jp2 jpc jpe jpeg jpf jpg jph
jpm jps jpx jxl jxr kdc mdc mef miaf mng mos mpo mrw nef nrw orf pam pbm pct pcx pef pfm pgm pic pict pjp pjpeg png
pnm pns ppm psb psd ptx qoi raf ras raw rw2 rwl rwz sgi sr2 srf srw sun svg svgz tga tif tiff wbmp wdp webp wmf x3f
xbm xcf xpm
"""
PICTURE_SUFFIXES = frozenset(f".{name}" for name in _SUFFIXES.split())
"""Suffixes of pictures, in small letters."""

FIRST_BYTES = 64
"""How much of a file `picture_format` takes to tell."""

# What is read comes first; the rest is named so that a reason can say what a file is.
_MAGIC = (
    ("PNG", rb"\x89PNG\r\n\x1a\n"),
    ("JPEG", rb"\xff\xd8\xff"),
    ("WebP", rb"RIFF.{4}WEBP"),
    ("GIF", rb"GIF8[79]a"),
    ("TIFF", rb"II\*\0|MM\0\*|II\+\0|MM\0\+"),
    ("BMP", rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}"),
    ("Netpbm", rb"P[1-7F]\s[\s\d#]|P7\nWIDTH|Pf\s"),
    ("JPEG 2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    ("AVIF", rb".{4}ftypavi[fs]"),
    ("HEIC", rb".{4}ftyp(?:hei[cxmsf]|hev[cx]|mif[12]|msf1|miaf|avc[is])"),
    ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
    ("JPEG XR", rb"II\xbc[\x00\x01]"),
    ("Photoshop", rb"8BPS\0[\x01\x02]"),
    ("GIMP", rb"gimp xcf "),
    ("Canon CR3", rb".{4}ftypcrx "),
    ("Fuji RAF", rb"FUJIFILMCCD-RAW"),
    ("Sigma X3F", rb"FOVb"),
    ("Panasonic RW2", rb"IIU\0"),
    ("Olympus ORF", rb"IIR[OS]|MMOR"),
    ("OpenEXR", rb"\x76\x2f\x31\x01"),
    ("Radiance HDR", rb"#\?R(?:ADIANC|GB)E"),
    ("DDS", rb"DDS \x7c\0\0\0"),
    ("QOI", rb"qoif"),
    ("FITS", rb"SIMPLE  ="),
    ("icon", rb"\0\0[\x01\x02]\0[\x01-\x40]\0.{2}[\0\x01].{5}"),
    ("Sun raster", rb"\x59\xa6\x6a\x95"),
    ("SGI", rb"\x01\xda[\0\x01][\x01\x02]"),
    ("PCX", rb"\x0a[\x00\x02\x03\x04\x05]\x01[\x01\x02\x04\x08]"),
    ("BPG", rb"BPG\xfb"),
    ("FLIF", rb"FLIF[1-F]"),
    ("JNG or MNG", rb"\x8bJNG\r\n\x1a\n|\x8aMNG\r\n\x1a\n"),
    ("Minolta MRW", rb"\0MRM"),
    ("DPX", rb"SDPX|XPDS"),
    ("DjVu", rb"AT&TFORM"),
    ("EPS", rb"%!PS-Adobe-[\d.]+ EPSF"),
    ("SVG", rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^>]*-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]"),
)
_APPLE_DOUBLE = b"\x00\x05\x16\x07"


def picture_format(first: bytes) -> str | None:
    """The format of a picture file by its first `FIRST_BYTES`, as a person names it; None where it is no picture.

    Example:
        >>> picture_format(b"\\xff\\xd8\\xff\\xe0\\x00\\x10JFIF")
        'JPEG'
    """
    for name, magic in _MAGIC:
        if re.match(magic, first, re.DOTALL):
            return name
    return None


def is_apple_double(first: bytes) -> bool:
    """Whether a file holds what macOS knows of another file, as ``._x.jpg`` holds it of ``x.jpg``."""
    return first.startswith(_APPLE_DOUBLE)


def has_picture_suffix(name: str) -> bool:
    """Whether a file is named as a picture."""
    return stem(name) != name


def stem(name: str) -> str:
    """A file's name, or path, without the suffix of a picture; whole where it has none.

    Example:
        >>> stem("alice/1.JPG"), stem("alice/1.b"), stem("alice/.jpg")
        ('alice/1', 'alice/1.b', 'alice/.jpg')
    """
    before, point, tail = name.rpartition(".")
    named = before and not before.endswith("/") and f"{point}{tail}".lower() in PICTURE_SUFFIXES
    return before if named else name


def looks_like_picture(path: Path, name: str) -> bool:
    """Whether a file looks like a picture: by its name, or by its first bytes where it is a plain file."""
    if has_picture_suffix(name):
        return True
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return picture_format(file.read(FIRST_BYTES)) is not None
    except OSError as error:
        if is_shortage(error):
            raise
        return False
