"""One face of a store as pictures: side by side in one image, or drawn in a terminal."""

import difflib
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from faceshards.errors import StoreFormatError, UnknownSampleError
from faceshards.maps import COLOURS
from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS, REGION_NAMES, Region
from faceshards.store.reader import Store
from faceshards.store.schema import OK

_NEAR = 3
_UPPER_HALF = "\u2580"


@dataclass(frozen=True)
class Shown:
    """A face, as pictures and in words.

    Attributes:
        pictures: (H, W, 3) uint8 RGB each.
        names: what each picture is: ``"as aligned"``, ``"regions"``, ``"variant 0"``.
        said: lines about the face.
    """

    pictures: tuple[UInt8Array, ...]
    names: tuple[str, ...]
    said: tuple[str, ...]


def pictures_of(store: Store, sample_id: str) -> Shown:
    """The face of a sample id: as aligned, its regions in their colours, its erased variants.

    Raises:
        UnknownSampleError: the store has no such sample, or it dropped out.
        StoreFormatError: the store holds no picture.
        MissingShardError, CorruptShardError: the store is damaged.

    Example:
        >>> pictures_of(open_store("data/shards"), "000081").names[:2]
        ('as aligned', 'regions')
    """
    manifest = store.manifest
    rows = manifest.filter(pc.equal(manifest["sample_id"], sample_id)).to_pylist()
    if not rows:
        of_person = manifest.filter(pc.equal(manifest["identity_name"], sample_id))["sample_id"].to_pylist()
        if of_person:
            first = ", ".join(of_person[:_NEAR])
            hint = f"; it is a person, whose samples are {first}{', ...' if len(of_person) > _NEAR else ''}"
        elif near := difflib.get_close_matches(sample_id, manifest["sample_id"].to_pylist(), _NEAR):
            hint = f"; near to it: {', '.join(near)}"
        else:
            hint = f"; it has samples such as {manifest['sample_id'][0].as_py()!r}, and manifest.parquet lists all"
        raise UnknownSampleError(f"{store.path} has no sample {sample_id!r}{hint}")
    row = rows[0]
    if row["status"] != OK:
        raise UnknownSampleError(
            f"{store.path}: expected a face of {sample_id!r}; it dropped out: {row['status']}, {row['reason']}"
        )
    split, at = row["split"], row["row"]
    found: dict[str, UInt8Array] = {}
    said = [f"{sample_id}: split {split}, row {at}, from {row['source_id']}", f"person: {_person(row)}"]
    if row.get("confidence") is not None:
        said.append(f"confidence: {row['confidence']:.3f}")
    if "image" in store.arrays:
        found["as aligned"] = store.read(split, "image", at, at + 1)[0]
    if "region" in store.arrays:
        region = store.read(split, "region", at, at + 1)[0]
        found["regions"] = COLOURS[region]
        said.append(f"regions: {_regions(region)}")
    if "variant" in store.arrays:
        masks = store.read(split, "erased", at, at + 1)[0]
        for k, variant in enumerate(store.read(split, "variant", at, at + 1)[0]):
            found[f"variant {k}"] = variant
            said.append(f"variant {k} lacks: {', '.join(one.label for one in Region.of_mask(int(masks[k])))}")
    if not found:
        raise StoreFormatError(f"{store.path}: expected images, regions or variants; found {', '.join(store.arrays)}")
    return Shown(tuple(found.values()), tuple(found), tuple(said))


def sheet_of(pictures: tuple[UInt8Array, ...], a_row: int) -> UInt8Array:
    """Pictures of one size beside each other, so many a row; places that are left are black. (H, W, 3) uint8."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // a_row)
    sheet = np.zeros((rows * height, a_row * width, 3), np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // a_row * height, number % a_row * width
        sheet[top : top + height, left : left + width] = picture
    return sheet


def half_blocks(image: UInt8Array, columns: int) -> str:
    """Draw an image in a terminal of 24-bit colours: each character is a pixel above another one.

    Args:
        image: (H, W, 3) uint8 RGB.
        columns: of the terminal; a wider image is made smaller, by the mean of its pixels.
    """
    width = min(image.shape[1], columns)
    height = max(2, round(image.shape[0] * width / image.shape[1]) // 2 * 2)
    small = _smaller(image, height, width)
    lines = []
    for y in range(0, height, 2):
        cells = [_cell(*above, *below) for above, below in zip(small[y].tolist(), small[y + 1].tolist(), strict=True)]
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)


def _cell(r: int, g: int, b: int, below_r: int, below_g: int, below_b: int) -> str:
    return f"\x1b[38;2;{r};{g};{b};48;2;{below_r};{below_g};{below_b}m{_UPPER_HALF}"


def _smaller(image: UInt8Array, height: int, width: int) -> UInt8Array:
    """The mean of the pixels that fall into each place."""
    ys, xs = (np.arange(n) * of // n for n, of in ((height, image.shape[0]), (width, image.shape[1])))
    sums = np.add.reduceat(np.add.reduceat(image.astype(np.uint32), ys, axis=0), xs, axis=1)
    counts = np.outer(np.diff([*ys, image.shape[0]]), np.diff([*xs, image.shape[1]]))
    return np.asarray(sums // counts[:, :, None], np.uint8)


def _person(row: dict[str, object]) -> str:
    if row["identity"] == -1:
        return "not known"
    return f"{row['identity_name']} (class id {row['identity']})"


def _regions(region: UInt8Array) -> str:
    pixels = np.bincount(region.ravel(), minlength=N_REGIONS)[:N_REGIONS]
    order = [i for i in np.argsort(-pixels, kind="stable") if pixels[i]]
    return ", ".join(f"{REGION_NAMES[i]} {pixels[i]}" for i in order)
