"""Where faces come from: one Protocol, three formats, opened by what lies at a path."""

from faceshards.source.base import Source
from faceshards.source.decode import decode_image, decode_labels
from faceshards.source.formats import SourceFormat
from faceshards.source.open import open_source

__all__ = ["Source", "SourceFormat", "decode_image", "decode_labels", "open_source"]
