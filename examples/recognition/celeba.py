"""CelebA as a folder of people with its own landmarks, ready for `shards`: links, no copies.

    python -m examples.recognition.celeba CELEBA data/celeba
    python -m examples.recognition.shards data/celeba/people data/celeba --landmarks data/celeba/landmarks.csv --folds 1

CELEBA holds `img_align_celeba/`, `identity_CelebA.txt` and `list_landmarks_align_celeba.txt`, as its authors publish
them (Liu et al., ICCV 2015; for non-commercial research).
"""

import argparse
import csv
import sys
from pathlib import Path

from tqdm import tqdm

from examples.recognition.command import run
from faceshards.errors import SourceFormatError, SourceNotFoundError

_COLUMNS = ["sample_id", *(f"{axis}{i}" for i in range(1, 6) for axis in "xy")]


def link_celeba(celeba: Path, out: Path) -> None:
    """Write ``out/people/<identity>/<image>.jpg``, links to the images, and ``out/landmarks.csv``.

    CelebA's left eye is the left one in the picture, the person's right, which comes first here as well.

    Raises:
        SourceNotFoundError: a file of CelebA is missing.
        SourceFormatError: a line of a table is not as it should be, named by its number.
    """
    identities = _table(celeba / "identity_CelebA.txt", skip=0, values=1)
    landmarks = _table(celeba / "list_landmarks_align_celeba.txt", skip=2, values=10)
    images = (celeba / "img_align_celeba").resolve()
    if not images.is_dir():
        raise SourceNotFoundError(f"{images}: expected the folder of CelebA's aligned images; found none")
    out.mkdir(parents=True, exist_ok=True)
    with (out / "landmarks.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for image, (identity,) in tqdm(sorted(identities.items()), unit="face", disable=not sys.stderr.isatty()):
            if image not in landmarks:
                raise SourceFormatError(f"{celeba}: expected landmarks of every image; found none of {image}")
            person = out / "people" / identity
            person.mkdir(parents=True, exist_ok=True)
            link = person / image
            if not link.is_symlink():
                link.symlink_to(images / image)
            writer.writerow([f"{identity}/{Path(image).stem}", *landmarks[image]])


def _table(path: Path, skip: int, values: int) -> dict[str, list[str]]:
    """Rows of ``image value value ...`` after `skip` lines."""
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: expected a table of CelebA; found no such file")
    rows = {}
    for number, line in enumerate(path.read_text().splitlines()[skip:], start=skip + 1):
        image, *found = line.split() or [""]
        if len(found) != values or not all(value.isdecimal() for value in found) or Path(image).name != image:
            raise SourceFormatError(
                f"{path}: line {number}: expected an image and {values} whole numbers; found {line!r}"
            )
        rows[image] = found
    return rows


def main() -> None:
    """Read the command line and link."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("celeba", type=Path, help="folder with CelebA's files")
    parser.add_argument("out", type=Path, help="folder for people/ and landmarks.csv")
    given = parser.parse_args()
    link_celeba(given.celeba, given.out)


if __name__ == "__main__":
    run(main)
