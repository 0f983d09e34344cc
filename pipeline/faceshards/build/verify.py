"""Stage `verify`: the check of a whole store, with a progress bar, and the list of its hashes."""

from pathlib import Path

from tqdm import tqdm

from faceshards.store.sha256sums import write_sha256sums
from faceshards.store.verify import Report, verify


def verify_with_bar(path: str | Path, against: str | Path | None = None) -> Report:
    """See `faceshards.store.verify.verify`; shows how many bytes have been hashed."""
    with tqdm(desc="verify", unit="B", unit_scale=True, disable=None) as bar:

        def advance(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return verify(path, progress=advance, against=against)


def certify(path: Path, sums: Path) -> Report:
    """Verify a store and, where nothing is wrong with it, list the SHA-256 of its files in `sums`.

    The list is what ``sha256sum --check`` reads, with paths relative to the store, and what ``verify --against`` takes.
    """
    report = verify_with_bar(path)
    if report.ok:
        write_sha256sums(path, sums)
    return report
