"""How chunks of an array are read: its metadata say, and what they say is believed only where it is known."""

from faceshards.errors import StoreFormatError
from faceshards.store.chunkreader import ChunkReader
from faceshards.store.imagechunks import IMAGE_CODECS, ImageReader
from faceshards.store.openfiles import SHUFFLED
from faceshards.store.pixelchunks import PixelReader, coding
from faceshards.store.storefiles import StoreFiles


def chunk_reader(store: StoreFiles, split: str, array: str, open_files: int = SHUFFLED) -> ChunkReader:
    """A reader of one array of one split.

    Args:
        store: where the array is.
        split: name of its split.
        array: its name.
        open_files: how many shards' files it keeps open.

    Raises:
        StoreFormatError: it is coded in a way that this release does not know.
        MissingShardError, CorruptShardError: its metadata is gone or damaged.
    """
    metadata = store.array_metadata(split, array)
    (sharding,) = metadata["codecs"]
    codecs = {codec["name"]: codec.get("configuration") for codec in sharding["configuration"]["codecs"]}
    inner_rows = sharding["configuration"]["chunk_shape"][0]
    if list(codecs) == IMAGE_CODECS and inner_rows == 1:
        return ImageReader(store, split, array, open_files)
    coded = coding(codecs, len(metadata["shape"]))
    if coded is None or inner_rows != store.chunk_rows:
        raise StoreFormatError(
            f"{store.path}: {split}/{array} is coded with {', '.join(codecs)} in chunks of {inner_rows} samples, which "
            "this release does not know; upgrade"
        )
    return PixelReader(store, split, array, coded, open_files)
