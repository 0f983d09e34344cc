"""A look at a batch that one rank alone may have taken: it is then an epoch ahead of the others."""

import logging
from collections.abc import Callable

from faceshards.loader.position import Position

_log = logging.getLogger(__name__)


class Peeks:
    """Warns, once, where an iteration was left and the next one goes on further, and nobody has set the epoch.

    A trainer that leaves all of its epochs after as many batches is not warned.
    """

    def __init__(self) -> None:
        self._told = False

    def watched(self, moved: Callable[[Position], None], left: int) -> Callable[[Position], None]:
        """What to call after every batch of an iteration in place of `moved`.

        Args:
            moved: what it calls.
            left: after how many batches the iteration before was left.
        """

        def watching(position: Position) -> None:
            moved(position)
            if position.batches_done > left and not self._told:
                self._told = True
                _log.warning(
                    "an iteration was left after batch %d, and the next one is epoch %d: a rank that did so alone is "
                    "in another epoch than the others and gets some of their faces. Call set_epoch(...) on every rank "
                    "before every epoch",
                    *(left, position.epoch),
                )

        return watching
