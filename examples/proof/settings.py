"""What decides a training, apart from its half, head, arm and seed. Chosen on the half ``"dev"`` alone."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

RandomFill: TypeAlias = Literal["random", "random_1", "random_mix"]


@dataclass(frozen=True)
class Settings:
    """Of every training of a comparison.

    Attributes:
        net: one of `examples.recognition.nets.NETS`.
        epochs: times that the faces are gone through.
        batch_size: faces a step.
        lr: learning rate at its peak; it rises over `warmup` epochs and falls to 0 along a half cosine, step by step.
        warmup: epochs.
        weight_decay: of net and head.
        dropout: before the embedding.
        scale: of ArcFace.
        margin: of ArcFace, radians.
        min_photos: people with fewer photographs are not trained on.
        p: probability that a face is erased, in every arm but "none".
        n_regions: least and greatest number of regions that FSErasing erases.
        fill: of FSErasing.
        bf16: matrix products in bfloat16.
        compiled: by torch.compile, which needs a C++ compiler and takes half of the time.
    """

    net: str = "small"
    epochs: int = 16
    batch_size: int = 64
    lr: float = 0.1
    warmup: int = 2
    weight_decay: float = 5e-4
    dropout: float = 0.0
    scale: float = 16.0
    margin: float = 0.3
    min_photos: int = 2
    p: float = 0.5
    n_regions: tuple[int, int] = (1, 5)
    fill: RandomFill = "random"
    bf16: bool = True
    compiled: bool = True
