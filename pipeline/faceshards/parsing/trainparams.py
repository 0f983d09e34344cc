"""How the parser is trained."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from faceshards.parsing.weights import NOT_STATED

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class TrainParams:
    """Hyperparameters of a training run; unknown names and values out of range raise pydantic's ValidationError.

    Attributes:
        network: unet (the paper's) or efficientnet (its encoder from ImageNet, for small training sets).
        width: of the unet; 1.0 is the paper's 56.78 M parameters, 0.25 has 3.55 M.
        encoder: ImageNet weights of the efficientnet: package (``faceshards[imagenet]``) or a .pth file.
        encoder_rate: learning rate of the encoder, as a share of the decoder's.
        steps: optimiser steps in all.
        batch_size: faces a step.
        learning_rate: peak of the one-cycle schedule (AdamW).
        weight_decay: of AdamW, on convolutions only.
        ema_decay: of the exponential moving average of the weights, which is what is kept.
        dice_weight: of soft Dice beside class-weighted cross entropy.
        validation_share: of a source that has no list of validation faces.
        validate_every: steps between validations; each also writes a checkpoint.
        seed: of initial weights, sampling and augmentation.
        precision: bf16 runs convolutions in bfloat16; faster on GPUs, and on CPUs with AVX512-BF16 or AMX.
        device: auto, cpu or cuda.
        workers: processes that prepare samples; 0 prepares them in this one.
        initial: weights to start from (see `load_weights`; their network and width count), or None.
        licence: of the data, for the metadata of the weights, with that of `initial`.
    """

    network: Literal["unet", "efficientnet"] = "unet"
    width: Positive = 0.25
    encoder: str = "package"
    encoder_rate: Positive = 1.0
    steps: PositiveInt = 20_000
    batch_size: PositiveInt = 16
    learning_rate: Positive = 2e-3
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    dice_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    validate_every: PositiveInt = 500
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    precision: Literal["bf16", "fp32"] = "bf16"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: Annotated[int, Field(ge=0)] = 0
    initial: str | None = None
    licence: Annotated[str, Field(min_length=1)] = NOT_STATED
