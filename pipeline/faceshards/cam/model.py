"""Running a model over many partly hidden copies of the same faces, in micro-batches of bounded size."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceshards.cam.targets import Target, Targets, predicted_targets, target_of_each

Model: TypeAlias = Callable[[Tensor], Any]
"""(B, C, H, W) to a tensor or array (B, D), or to a tuple that begins with one. A torch module, or any callable."""


def numpy_model(function: Callable[[NDArray[Any]], NDArray[Any]], *, channels_last: bool = False) -> Model:
    """A function on arrays, such as an ONNX session or dlib's embedding, as a model.

    Args:
        function: (B, C, H, W) to (B, D).
        channels_last: give it (B, H, W, C) instead.
    """

    def model(images: Tensor) -> Tensor:
        array = (images.movedim(1, -1) if channels_last else images).cpu().numpy()
        return torch.from_numpy(np.asarray(function(np.ascontiguousarray(array))))

    return model


def device_of(model: Model, images: Tensor) -> torch.device:
    """Where a module's parameters lie; for other callables, where the images do."""
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    return next((p.device for p in parameters), images.device)


@contextmanager
def inference(model: Model) -> Iterator[None]:
    """Without gradients and, for a module, in eval mode; afterwards each submodule is in the mode it was in."""
    modules = model.modules() if isinstance(model, nn.Module) else ()
    # A frozen TorchScript module has no mode.
    modes = [(m, m.training) for m in modules if hasattr(m, "training")]
    for module, _ in modes:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def resolve_targets(model: Model, images: Tensor, targets: Targets | None, batch_size: int) -> list[Target]:
    """One target a face; None is the class that the model predicts. Call this within `inference`."""
    if targets is not None:
        return target_of_each(targets, len(images))
    return list(predicted_targets(outputs_of(model, images, batch_size)))


def outputs_of(model: Model, images: Tensor, batch_size: int) -> Tensor:
    """What the model gives for whole faces: (B, D). Call this within `inference`."""
    return torch.cat([_first(model(part)) for part in torch.split(images, batch_size)])


def clean_scores(model: Model, images: Tensor, targets: Sequence[Target], batch_size: int) -> Tensor:
    """The score of each face with nothing hidden: (B,) float32. Call this within `inference`."""
    face = torch.arange(len(images), device=images.device)
    everything = torch.ones(len(images), 1, 1, dtype=torch.bool, device=images.device)
    return masked_scores(model, images, images, targets, face, everything.__getitem__, batch_size)


def masked_scores(
    model: Model,
    images: Tensor,
    stand_ins: Tensor,
    targets: Sequence[Target],
    face: Tensor,
    visible: Callable[[Tensor], Tensor],
    batch_size: int,
) -> Tensor:
    """The score of each of N partly hidden faces; each is seen by the model exactly once.

    Args:
        model: see `Model`; call this within `inference`.
        images: (B, C, H, W).
        stand_ins: (B, C, H, W), what the model sees of hidden pixels.
        targets: one a face.
        face: (N,) int64, which face each copy shows.
        visible: places (n,) in 0..N-1 to the (n, H, W) bool pixels that those copies show.
        batch_size: most copies that the model sees at once.

    Returns:
        (N,) float32 on the device of `images`.
    """
    scores = torch.empty(len(face), device=images.device)
    for first in range(0, len(face), batch_size):
        part = torch.arange(first, min(first + batch_size, len(face)), device=images.device)
        of = face[part]
        seen = torch.where(visible(part)[:, None], images[of], stand_ins[of])
        outputs = _first(model(seen))
        scores[part] = torch.stack(
            [torch.as_tensor(targets[i](row)).float().reshape(()) for i, row in zip(of.tolist(), outputs, strict=True)]
        ).to(scores.device)
    return scores


def _first(output: Any) -> Tensor:
    first = output[0] if isinstance(output, (tuple, list)) else output
    return first if isinstance(first, Tensor) else torch.from_numpy(np.asarray(first))
