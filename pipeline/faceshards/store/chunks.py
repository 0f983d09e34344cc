"""How chunks of an array are read: its metadata say, once they were held against what `dataset.json` says."""

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
        StoreFormatError: it is coded in another way than `dataset.json` says.
        MissingShardError, CorruptShardError: its metadata is gone or damaged.
    """
    metadata = store.array_metadata(split, array)
    (sharding,) = metadata["codecs"]
    codecs = {codec["name"]: codec.get("configuration") for codec in sharding["configuration"]["codecs"]}
    if list(codecs) == IMAGE_CODECS:
        return ImageReader(store, split, array, open_files)
    return PixelReader(store, split, array, coding(codecs, len(metadata["shape"])), open_files)
