"""The face parser: aligned faces to the 25 regions. Training is in `faceshards.parsing.train`."""

from faceshards.errors import MissingExtraError

try:
    from faceshards.parsing.parser import Parser, load_parser
except ModuleNotFoundError as error:
    raise MissingExtraError(
        f"faceshards.parsing needs an extra: pip install 'faceshards[pipeline]' ({error})"
    ) from error

__all__ = ["Parser", "load_parser"]
