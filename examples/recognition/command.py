"""What all commands of this folder share."""

from collections.abc import Callable

from faceshards.errors import FaceShardsError


def run(main: Callable[[], None]) -> None:
    """Run a command; what its user can mend is told as one message in place of a traceback."""
    try:
        main()
    except FaceShardsError as error:
        raise SystemExit(f"Error: {error}") from None
