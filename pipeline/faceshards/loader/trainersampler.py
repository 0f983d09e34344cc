"""What stands for a sampler where a trainer asks a loader for one."""

from collections.abc import Iterator

from faceshards.checks import whole_number
from faceshards.errors import ParamsError
from faceshards.loader.position import Progress


class TrainerSampler:
    """What trainers ask of a loader's sampler: to be told the epoch, and for a length.

    Args:
        progress: the loader's.
        length: how many samples, or batches, this rank gets.
    """

    def __init__(self, progress: Progress, length: int) -> None:
        self._progress, self._length = progress, length

    def set_epoch(self, epoch: int) -> None:
        """The trainer is in this epoch: see `Loader.set_epoch`. More iterations within it draw anew."""
        self._progress.set_epoch(whole_number("epoch", epoch, 0), of_trainer=True)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        raise ParamsError(
            "a faceshards.Loader makes whole batches itself: nobody else can sample for it or skip some. To go on in "
            "mid-epoch use its state_dict() and load_state_dict(); under Hugging Face's Trainer set "
            "ignore_data_skip=True (docs/recipes.md)"
        )
