"""FS-CAM over many faces: region scores of each, and what they come to on average."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from faceshards.cam.aims import Aim
from faceshards.cam.faces import FaceReader, Faces
from faceshards.cam.fscam import FSCAM
from faceshards.cam.model import Model, device_of, inference
from faceshards.cam.outputs import as_table, whole_outputs
from faceshards.cam.painting import saliency_of_scores
from faceshards.cam.predicted import CHECK, predicted_targets
from faceshards.cam.targets import Target
from faceshards.errors import ModelError, NotFiniteError, ParamsError, TooManySkippedError
from faceshards.records import Float32Array, UInt8Array

OnFaces: TypeAlias = Callable[[Faces, Float32Array], None]
"""Called with each batch and its saliency maps, (B, 112, 112) in [0, 1]."""

_LARGEST, _SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class InputFormat:
    """How the model wants its images: ``(pixel / 255 - mean) / std``, (B, 3, H, W) float32.

    Attributes:
        mean: one number, or one for each channel in the model's order.
        std: one number or three, as of `mean`.
        bgr: the model takes blue, green, red.
        device: to put the images on; None for the CPU.

    Raises:
        ParamsError: another number of values than 1 or 3, values that float32 does not hold, or a `std` that is
            not above 0 in it.
    """

    mean: Sequence[float] = (0.5,)
    std: Sequence[float] = (0.5,)
    bgr: bool = False
    device: torch.device | None = None

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, 3):
                raise ParamsError(f"{name}: expected one number, or three for the channels; found {len(values)}")
            if not all(abs(value) <= _LARGEST for value in values):  # NaN is not
                raise ParamsError(f"{name}: expected finite numbers of float32, found {', '.join(map(str, values))}")
        if not all(value >= _SMALLEST for value in self.std):
            raise ParamsError(f"std: expected numbers above 0, found {', '.join(map(str, self.std))}")

    def __call__(self, images: UInt8Array) -> Tensor:
        """(B, H, W, 3) uint8 RGB to (B, 3, H, W) float32."""
        ordered = images[..., ::-1] if self.bgr else images
        pixels = torch.from_numpy(np.ascontiguousarray(ordered)).to(self.device).movedim(-1, 1).float() / 255
        mean, std = (torch.tensor(v, dtype=torch.float32, device=self.device) for v in (self.mean, self.std))
        return (pixels - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)


@dataclass(frozen=True, eq=False)  # arrays do not compare to one bool
class Explanation:
    """What `explain` found.

    Attributes:
        sample_ids: one a face, in the order of the faces.
        identities: names, empty where unknown.
        targets: what was explained: a class number, or the name of a reference.
        scores: (N, 25) float32, NaN where a face does not show a region.
        average: (112, 112) float32 in [0, 1], the mean of all saliency maps.
        mean_face: (112, 112, 3) uint8 RGB.
        skipped: why, by sample id: faces that could not be used.
    """

    sample_ids: list[str]
    identities: list[str]
    targets: list[str]
    scores: Float32Array
    average: Float32Array
    mean_face: UInt8Array
    skipped: dict[str, str]


def explain(
    cam: FSCAM, faces: FaceReader, aim: Aim, input_format: InputFormat, on_faces: OnFaces | None = None
) -> Explanation:
    """Explain a model on every face, with a progress bar.

    Args:
        cam: with the model; its parser is not used.
        faces: to explain it on.
        aim: what is explained of each.
        input_format: how the model wants them.
        on_faces: for pictures, say, while the faces are at hand.

    Raises:
        ModelError: the model refuses the faces, gives something else than (B, D), or no finite numbers.
        TargetError: the aim does not fit the model or a face.
        TooManySkippedError: not one face can be used.
    """
    sample_ids: list[str] = []
    identities: list[str] = []
    targets: list[str] = []
    scores: list[Float32Array] = []
    saliency_sum, face_sum = np.zeros((112, 112)), np.zeros((112, 112, 3))
    with tqdm(desc="fscam", total=len(faces), unit="face", disable=None) as bar:
        for batch in faces:
            with _by_sample_id(batch):
                each, found = _explained(cam, batch, aim, input_format(batch.images))
            maps = saliency_of_scores(found, batch.regions)
            scores.append(found)
            sample_ids += batch.sample_ids
            identities += batch.names
            targets += map(str, each)
            saliency_sum += maps.sum(axis=0, dtype=np.float64)
            face_sum += batch.images.sum(axis=0, dtype=np.float64)
            if on_faces is not None:
                on_faces(batch, maps)
            bar.update(len(batch.sample_ids))
    _refuse_none(len(sample_ids), faces)
    average = (saliency_sum / len(sample_ids)).astype(np.float32)
    mean_face = np.round(face_sum / len(sample_ids)).astype(np.uint8)
    every = np.concatenate(scores)
    return Explanation(sample_ids, identities, targets, every, average, mean_face, dict(faces.skipped))


def _explained(cam: FSCAM, faces: Faces, aim: Aim, inputs: Tensor) -> tuple[Sequence[Target], Float32Array]:
    """The targets of a batch and its region scores."""
    outputs, normalised = _outputs(cam.model, inputs, cam.batch_size)
    each = aim(faces, outputs)
    if each is None:
        each = predicted_targets(outputs, cam.outputs, normalised=normalised)
    return each, cam.region_scores(inputs, list(each), regions=faces.regions)


@contextmanager
def _by_sample_id(faces: Faces) -> Iterator[None]:
    """Errors that name a face by its place in the batch name it by its sample id."""
    try:
        yield
    except NotFiniteError as error:
        raise ModelError(f"face {faces.sample_ids[error.face]!r}: {error.detail}") from error


def each_output(
    model: Model, faces: FaceReader, input_format: InputFormat, batch_size: int, take: Callable[[Faces, Tensor], None]
) -> None:
    """Hand every batch and the model's output on it, (B, D), to `take`, with a progress bar.

    Raises:
        ModelError: as `explain`.
        TooManySkippedError: not one face can be used.
    """
    done = 0
    with tqdm(desc="outputs", total=len(faces), unit="face", disable=None) as bar:
        for batch in faces:
            with _by_sample_id(batch):
                take(batch, model_outputs(model, input_format(batch.images), batch_size))
            done += len(batch.sample_ids)
            bar.update(len(batch.sample_ids))
    _refuse_none(done, faces)


def model_outputs(model: Model, inputs: Tensor, batch_size: int) -> Tensor:
    """What the model gives for whole faces: (B, D).

    Raises:
        ModelError: it refuses them, or gives something else, or no finite numbers.
    """
    return _outputs(model, inputs, batch_size)[0]


def _outputs(model: Model, inputs: Tensor, batch_size: int) -> tuple[Tensor, bool]:
    """See `faceshards.cam.outputs.whole_outputs`."""
    with inference(model):
        outputs, normalised = whole_outputs(model, inputs.to(device_of(model, inputs)), batch_size)
    table = as_table(outputs)
    # Minus infinity is how classifiers rule classes out.
    wrong = (table.isnan() | table.isposinf()).any(1)
    if wrong.any():
        detail = f"with nothing hidden, the model gives values that are no finite numbers; {CHECK}"
        raise NotFiniteError(int(wrong.int().argmax()), detail)
    return table, normalised


def region_means(scores: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of region scores over the faces that show the region.

    Args:
        scores: (N, 25), NaN where absent.

    Returns:
        (25,) float64 each, NaN where no face shows the region.

    Raises:
        ParamsError: an infinite score.
    """
    if np.isinf(scores).any():
        raise ParamsError("scores: expected finite numbers, or NaN where a face does not show the region; found others")
    there = np.isfinite(scores)
    counts = np.where(there.any(axis=0), there.sum(axis=0), np.nan)
    values = np.where(there, scores, 0).astype(np.float64)
    means = values.sum(axis=0) / counts
    spread = np.sqrt((np.where(there, values - means, 0) ** 2).sum(axis=0) / counts)
    return means, spread


def _refuse_none(faces_done: int, faces: FaceReader) -> None:
    if not faces_done:
        first = next(iter(faces.skipped.items()), None)
        why = f"all {len(faces)} were skipped, {first[0]!r} for {first[1]}" if first else "there are none"
        raise TooManySkippedError(f"expected at least one face to explain: {why}")
