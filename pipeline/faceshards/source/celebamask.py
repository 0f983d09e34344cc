"""CelebAMask-HQ (Lee et al., MaskGAN, CVPR 2020): photographs with masks of 19 classes, as published or in pairs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from faceshards.counted import counted
from faceshards.errors import BadSampleError, SourceFormatError
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE, CoarseRegion
from faceshards.source.decode import check_class_ids, decode_labels, decode_mask
from faceshards.source.files import FolderFiles, zip_files
from faceshards.source.labelledphotos import LabelledPhotos, Photo, classes, is_hidden
from faceshards.source.names import composed, shown

_PARTS = (
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth"),
    *("u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)
"""Classes 1 to 18 by the names of their masks, in the order in which the data set's own script lays them over each
other. ``l_`` is the person's left."""

_COARSE = (
    *(CoarseRegion.BACKGROUND, CoarseRegion.SKIN, CoarseRegion.NOSE, CoarseRegion.GLASSES),
    # The coarse classes name sides as the viewer sees them.
    *(CoarseRegion.RIGHT_EYE, CoarseRegion.LEFT_EYE, CoarseRegion.RIGHT_BROW, CoarseRegion.LEFT_BROW),
    *(CoarseRegion.RIGHT_EAR, CoarseRegion.LEFT_EAR, CoarseRegion.MOUTH_INTERIOR, CoarseRegion.TOP_LIP),
    *(CoarseRegion.BOTTOM_LIP, CoarseRegion.HAIR, CoarseRegion.HEADWEAR),
    # No region stands for an earring. A necklace lies on the neck.
    *(IGNORE, CoarseRegion.NECK, CoarseRegion.NECK, CoarseRegion.CLOTHING),
)

PUBLISHED_IMAGES, PUBLISHED_MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
_CLASS_OF = {part: number for number, part in enumerate(_PARTS, 1)}
_PICTURES = frozenset({"jpg", "jpeg", "png", "webp", "bmp"})

_LOOKED_AT = 8
"""So many masks are looked at to tell whether they are numbered as CelebAMask-HQ's."""


class CelebAMask(LabelledPhotos):
    """Photographs with CelebAMask-HQ's masks, in a folder or in a zip that is read in place.

    As published: ``CelebA-HQ-img/0.jpg`` with ``CelebAMask-HQ-mask-anno/0/00000_skin.png`` and so on, one mask a class;
    sample ids are ``"0"``, ``"1"``, ... In pairs: ``images/NAME.jpg`` with ``masks/NAME.png``, which holds class ids 0
    to 18 as its grey values or palette indices; sample ids are the names. Masks smaller than the photograph, as the
    published ones are, are enlarged.

    There are no landmarks. `truth` is in FaceSynthetics' coarse classes: an earring becomes 255 (ignore), a necklace
    neck.

    Args:
        path: the folder, or the zip.

    Raises:
        SourceNotFoundError: the path is not there.
        SourceFormatError: it holds no such photographs, or masks that are numbered otherwise.

    Example:
        >>> source = CelebAMask(Path("CelebAMask-HQ"))
        >>> source.truth(0).labels.shape
        (1024, 1024)
    """

    name = "celebamask"

    def __init__(self, path: Path) -> None:
        files = FolderFiles(path) if path.is_dir() else zip_files(path)
        photos = _photos(files.names)
        if not any(map(_is_labelled, photos)):
            raise SourceFormatError(
                f"{path}: expected CelebAMask-HQ: {PUBLISHED_IMAGES}/0.jpg with {PUBLISHED_MASKS}/0/00000_skin.png, or "
                "images/NAME.jpg with masks/NAME.png; found no image with a mask"
            )
        super().__init__(path, files, photos)
        self._refuse_other_numbers(path)

    def coarse(self, photo: Photo) -> UInt8Array:
        """See `LabelledPhotos.coarse`."""
        return classes(_COARSE, self._ids(photo))

    def meaning(self, name: str) -> bytes:
        """See `LabelledPhotos.meaning`; the class of a published mask."""
        return b"" if (of := _class_of(name)) is None else b"%d " % of

    def _ids(self, photo: Photo) -> UInt8Array:
        if _class_of(photo.labels[0]) is None:
            (name,) = photo.labels
            ids = decode_labels(self.files.read(name), self._what(name), palette=True)
            return check_class_ids(ids, len(_COARSE), self._what(name))
        masks = [(name, decode_mask(self.files.read(name), self._what(name))) for name in photo.labels]
        ids = np.zeros(masks[0][1].shape, np.uint8)
        for name, mask in masks:
            if mask.shape != ids.shape:
                raise BadSampleError(
                    "truth_of_other_size",
                    f"{self._what(name)}: expected {ids.shape} as of the others; found {mask.shape}",
                )
            ids[mask] = _class_of(name) or 0
        return ids

    def _refuse_other_numbers(self, path: Path) -> None:
        """Refuse masks of other classes, or of these in another order, by where some of the classes lie.

        Raises:
            SourceFormatError: they are.
        """
        labelled = [photo for photo in self._photos if _is_labelled(photo)]
        if _class_of(labelled[0].labels[0]) is not None:
            return
        looked_at = labelled[:: max(1, len(labelled) // _LOOKED_AT)]
        plausible = [self._is_plausible(photo) for photo in looked_at]
        if plausible.count(True) <= plausible.count(False):
            raise SourceFormatError(
                f"{path}: expected masks numbered as CelebAMask-HQ's: 2 nose, 4 the person's left eye, 5 the right, "
                f"11 upper lip, 12 lower lip; found them so in {plausible.count(True)} of "
                f"{counted(len(looked_at), 'mask')}; give the folder of the photographs alone, or "
                "number the masks so"
            )

    def _is_plausible(self, photo: Photo) -> bool | None:
        try:
            return _is_plausible(self._ids(photo))
        except BadSampleError:
            return False


def is_celebamask(names: Iterable[str]) -> bool:
    """Whether files are laid out as CelebAMask-HQ's: at least one image with a mask."""
    return any(map(_is_labelled, _photos(names)))


def _is_labelled(photo: Photo) -> bool:
    return bool(photo.labels) and not photo.stray


def _photos(names: Iterable[str]) -> list[Photo]:
    images: dict[tuple[str, str], str] = {}
    masks: dict[tuple[str, str], list[str]] = defaultdict(list)
    paired_images: dict[tuple[str, str], str] = {}
    paired_masks: dict[tuple[str, str], list[str]] = {}
    # Of the published set these are 300,000 names.
    for name in sorted(name for name in names if not is_hidden(name)):
        path, _, suffix = name.rpartition(".")
        folder, _, stem = path.rpartition("/")
        within, _, last = folder.rpartition("/")
        if last == "images" and suffix.lower() in _PICTURES:
            paired_images.setdefault((within, composed(stem)), name)
        elif last == "masks" and suffix.lower() == "png":
            paired_masks.setdefault((within, composed(stem)), [name])
        elif last == PUBLISHED_IMAGES and stem.isdecimal() and suffix.lower() in _PICTURES:
            images.setdefault((within, f"{int(stem)}"), name)
        elif _class_of(name) is not None:
            above, _, anno = (within if last.isdecimal() else folder).rpartition("/")
            if anno == PUBLISHED_MASKS:
                masks[above, f"{int(stem.partition('_')[0])}"].append(name)
    return _paired(images, masks) if masks.keys() & images.keys() else _paired(paired_images, paired_masks)


def _paired(images: Mapping[tuple[str, str], str], masks: Mapping[tuple[str, str], list[str]]) -> list[Photo]:
    """The photographs, and one stray picture for all masks of each that is not there."""
    photos = [
        Photo(composed(shown(key[1])), name, tuple(sorted(masks.get(key, ()), key=lambda mask: _class_of(mask) or 0)))
        for key, name in images.items()
    ]
    alone = [(names[0], tuple(names[1:])) for key, names in masks.items() if key not in images]
    return [*photos, *(Photo(composed(shown(first)), first, others, stray=True) for first, others in alone)]


def _class_of(mask: str) -> int | None:
    """The class of a published mask by its name, such as ``00000_skin.png``; None for any other name."""
    stem, _, suffix = mask.rpartition("/")[2].rpartition(".")
    number, _, part = stem.partition("_")
    return _CLASS_OF.get(part) if suffix == "png" and number.isdecimal() else None


_NOSE, _LEFT_EYE, _RIGHT_EYE, _UPPER_LIP, _LOWER_LIP = 2, 4, 5, 11, 12


def _is_plausible(ids: UInt8Array) -> bool | None:
    """Whether nose, eyes and lips lie as in a face that is upright; None where one of them is not there."""
    places = {}
    for number in (_NOSE, _LEFT_EYE, _RIGHT_EYE, _UPPER_LIP, _LOWER_LIP):
        rows, columns = np.nonzero(ids == number)
        if not len(rows):
            return None
        places[number] = (float(columns.mean()), float(rows.mean()))
    eyes = (places[_LEFT_EYE][1] + places[_RIGHT_EYE][1]) / 2
    down = [eyes, *(places[number][1] for number in (_NOSE, _UPPER_LIP, _LOWER_LIP))]
    return down == sorted(down) and places[_LEFT_EYE][0] > places[_RIGHT_EYE][0]
