"""The face parser: aligned faces to the 25 regions. Training is in `faceshards.parsing.train`."""

from faceshards.parsing.parser import Parser, load_parser

__all__ = ["Parser", "load_parser"]
