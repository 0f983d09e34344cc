"""torch over a `Dataset`. Needs ``faceshards[torch]``.

A `Dataset` may also be given to `torch.utils.data.DataLoader` as it is; `TorchDataset` adds views and epochs. Where one
process is enough, ``map(to_tensors, dataset.batches(...))`` copies nothing.
"""

from collections.abc import Sequence
from typing import Any

import torch.utils.data

from faceshards.loader.dataset import Dataset, View, samples_of
from faceshards.records import Batch


def to_tensors(batch: Batch) -> dict[str, Any]:
    """Tensors that share the batch's memory; text (`sample_id`) becomes a list of str."""
    return {
        name: values.tolist() if values.dtype.kind == "U" else torch.from_numpy(values)
        for name, values in batch.items()
    }


class TorchDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """A map-style dataset for `torch.utils.data.DataLoader`, with any of its samplers and any number of workers.

    Args:
        dataset: what `faceshards.open` gave.
        fields: as in `Dataset.take`.
        view: as in `Dataset.take`.
        seed: picks, with the epoch, the variant that is shown.
    """

    def __init__(
        self, dataset: Dataset, *, fields: Sequence[str] | None = None, view: View = "original", seed: int = 0
    ) -> None:
        self.dataset = dataset
        self.fields = fields
        self.view: View = view
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Show other variants from now on. Workers see it when they start: not with ``persistent_workers=True``."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """What a DataLoader asks for: the samples of one batch, gathered together."""
        return samples_of(self.take(indices))

    def take(self, indices: Sequence[int]) -> Batch:
        """One batch of numpy arrays."""
        return self.dataset.take(indices, fields=self.fields, view=self.view, seed=self.seed, epoch=self.epoch)
