"""How chunks of an array are read: its metadata say, and what they say is believed only where it is known."""

from faceshards.errors import StoreFormatError
from faceshards.store.chunkreader import ChunkReader
from faceshards.store.imagechunks import IMAGE_CODECS, ImageReader
from faceshards.store.imagefiles import EncodedImages
from faceshards.store.pixelchunks import PixelReader, coding
from faceshards.store.reader import Store


def chunk_reader(store: Store, split: str, array: str) -> ChunkReader:
    """A reader of one array of one split.

    Args:
        store: where the array is.
        split: name of its split.
        array: its name.

    Raises:
        StoreFormatError: it is coded in a way that this release does not know.
        MissingShardError, CorruptShardError: its metadata is gone or damaged.
    """
    metadata = store.array_metadata(split, array)
    (sharding,) = metadata["codecs"]
    codecs = {codec["name"]: codec.get("configuration") for codec in sharding["configuration"]["codecs"]}
    inner_rows = sharding["configuration"]["chunk_shape"][0]
    if list(codecs) == IMAGE_CODECS and inner_rows == 1:
        return ImageReader(store, split, array)
    coded = coding(codecs, len(metadata["shape"]))
    if coded is None or inner_rows != store.chunk_rows:
        raise StoreFormatError(
            f"{store.path}: {split}/{array} is coded with {', '.join(codecs)} in chunks of {inner_rows} samples, which "
            "this release does not know; upgrade"
        )
    return PixelReader(store, split, array, coded)


def read_files(store: Store, split: str, array: str, start: int, stop: int) -> EncodedImages:
    """The image files of neighbouring samples as they lie there, to be written to another store.

    Args:
        store: where the array is.
        split: name of its split.
        array: the name of one that keeps files (`codecs.keeps_files`).
        start: row of the first, within the split.
        stop: row behind the last.

    Raises:
        IndexError: the rows are not within the split.
        StoreFormatError: the array holds no files.
        MissingShardError, CorruptShardError: they cannot be read.
    """
    reader = chunk_reader(store, split, array)
    if not isinstance(reader, ImageReader):
        raise StoreFormatError(f"{store.path}: {split}/{array} holds pixels; expected JPEG and PNG files")
    return reader.read_files(start, stop)
