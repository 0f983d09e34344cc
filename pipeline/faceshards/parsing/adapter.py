"""Somebody else's segmentation network as a `Parser`."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import torch
from torch import Tensor

from faceshards.counted import counted
from faceshards.errors import ParserError, WeightsError
from faceshards.parsing.adapterparams import AdapterParams, read_adapter
from faceshards.parsing.certainty import Parsed, layers_of
from faceshards.parsing.framing import Filling, Framed, Framing
from faceshards.parsing.networks import Network
from faceshards.parsing.onnx import OnnxNetwork
from faceshards.parsing.passes import FixedPasses, check_faces, in_shrinking_batches
from faceshards.parsing.schemes import ClassMap
from faceshards.parsing.torchscript import TorchScriptNetwork
from faceshards.parsing.unet import SIZE
from faceshards.parsing.weights import NOT_CALIBRATED
from faceshards.records import UInt8Array
from faceshards.store.durable import sha256_of
from faceshards.zoo.catalogue import description_of, model_of
from faceshards.zoo.kept import held_model

_ROUNDING = 1e-2  # of probabilities in half precision

_NETWORKS: dict[str, Callable[[Path, int | str, str], Network]] = {
    ".onnx": OnnxNetwork,
    ".pt": TorchScriptNetwork,
    ".ts": TorchScriptNetwork,
    ".torchscript": TorchScriptNetwork,
}


def load_adapter(path: Path, device: str = "auto", threads: int = 1) -> "AdaptedParser":
    """Load the network that a YAML file describes, and run it once to see that it is what the file says.

    Nothing is downloaded: `faceshards.zoo.obtain.obtain` does that.

    Args:
        path: of a description, see `AdapterParams`; or a name of the zoo, ``zoo/farl-lapa.yaml``.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: passes in work at once on the CPU. It changes the speed, never the result.

    Raises:
        ParamsError: the description does not fit.
        WeightsNotFoundError: description or model are not there.
        WeightsError: the model is damaged, has another SHA-256, or is not what the description says.
        MissingExtraError: ONNX Runtime is needed and not installed.
        DeviceError: CUDA was asked for and is not there.
    """
    description = description_of(path)
    params = read_adapter(description)
    wanted = model_of(description, params)
    kind = _NETWORKS.get(wanted.suffix)
    if kind is None:
        raise WeightsError(
            f"{wanted}: expected a file named {', '.join(_NETWORKS)}; found {wanted.suffix or 'no suffix'}"
        )
    model, sha256 = held_model(description, params)
    network = kind(model, params.output, device)
    made_by = {"weights_sha256": sha256, "description_sha256": sha256_of(description), "opencv": cv2.__version__}
    published = {"weights_from": params.url or params.homepage, "weights_licence": params.terms}
    told = {key: value for key, value in published.items() if value is not None} | {"temperature": NOT_CALIBRATED}
    parser = AdaptedParser(params, network, {**made_by, **told, **network.provenance}, threads)
    parser.try_out(model)
    return parser


class AdaptedParser:
    """Resizes faces for a network, its logits back, and turns its classes into regions.

    Both are resized bilinearly, averaging where they shrink, so that a pixel gets the class which the network finds
    likeliest over the pixel's area; see `Framing` for where the face lies in the input. On the CPU a face's regions
    depend on that face alone (see `FixedPasses`).

    Args:
        params: how to feed the network.
        network: gives (batch, classes, h, w) logits or probabilities.
        provenance: see `Parser`.
        threads: passes in work at once on the CPU.
    """

    def __init__(self, params: AdapterParams, network: Network, provenance: Mapping[str, str], threads: int) -> None:
        self._params = params
        self._network = network
        self._classes = ClassMap.of(params.classes)
        self._batch = params.batch
        self._passes = FixedPasses(params.batch, threads)
        self._framing = _framing(params, network.device)
        self._mean, self._std = (
            torch.tensor(x, dtype=torch.float32, device=network.device).view(3, 1, 1) for x in (params.mean, params.std)
        )
        self.provenance = MappingProxyType(dict(provenance))

    def parse(self, images: UInt8Array) -> UInt8Array:
        """See `Parser.parse`."""
        return self._classes.regions(self._layers(images, sure=False)[:, 0])

    def assess(self, images: UInt8Array) -> Parsed:
        """See `Parser.assess`. The network's own probabilities, which nobody has calibrated."""
        parsed = Parsed.of(self._layers(images, sure=True))
        return parsed._replace(regions=self._classes.regions(parsed.regions))

    def _layers(self, images: UInt8Array, *, sure: bool) -> UInt8Array:
        check_faces(images)
        run = partial(self._pass, sure=sure)
        if self._network.device.type == "cuda":
            layers, self._batch = in_shrinking_batches(run, images, self._batch)
            return layers
        return self._passes(run, images)

    def try_out(self, model: Path) -> None:
        """Run black faces and check the shape of what comes out.

        Raises:
            WeightsError: they are no logits, or of another number of classes.
        """
        faces = np.zeros((self._params.batch, SIZE, SIZE, 3), np.uint8)
        with torch.inference_mode():
            logits = self._network(self._inputs(faces))
        if logits.ndim != 4 or len(logits) != len(faces) or not logits.is_floating_point():
            raise WeightsError(
                f"{model}: expected (batch, classes, height, width) logits; found {logits.dtype} "
                f"{tuple(logits.shape)}. Choose another `output`, or export the network without its argmax"
            )
        if logits.shape[1] != len(self._classes.names):
            raise WeightsError(
                f"{model}: expected the {counted(len(self._classes.names), 'class', 'classes')} that `classes` names; "
                f"the network gives {logits.shape[1]}. Name one for each, in the order of the outputs"
            )

    def _pass(self, images: UInt8Array, wanted: int | None = None, *, sure: bool) -> UInt8Array:
        """Classes of the first `wanted` of the images, as `layers_of` gives them."""
        with torch.inference_mode():
            logits = self._network(self._inputs(images))[:wanted].float()
            if not logits.isfinite().all():
                raise ParserError(
                    f"{self._params.file_name} gives values that are no finite numbers; check `mean`, `std` and "
                    "`scale` of its description, or load another copy of it"
                )
            outputs = self._framing.to_face(logits)[:, self._classes.kept]
            if not sure:
                return np.asarray(layers_of(outputs).cpu().numpy(), np.uint8)
            logarithms = outputs.clamp(min=torch.finfo(outputs.dtype).tiny).log()
            probabilities = _are_probabilities(logits)[:, None, None, None]
            layers = layers_of(torch.where(probabilities, logarithms, outputs), temperature=1.0)
            layers[:, :1] = layers_of(outputs)  # two outputs may have the same logarithm
            return np.asarray(layers.cpu().numpy(), np.uint8)

    def _inputs(self, images: UInt8Array) -> Tensor:
        """(B, 112, 112, 3) uint8 -> (B, 3, height, width) float32, contiguous, as the network wants it."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(self._network.device)
        pixels = pixels.permute(0, 3, 1, 2).float()
        if self._params.channels == "bgr":
            pixels = pixels.flip(1)
        framed = self._framing.to_network(pixels) / self._params.scale
        return ((framed - self._mean) / self._std).contiguous()


def _are_probabilities(outputs: Tensor) -> Tensor:
    """(B,) bool: whether a network gives the result of a softmax for a face, rather than logits."""
    off = (outputs.sum(dim=1) - 1).abs().amax(dim=(1, 2))
    return (outputs.amin(dim=(1, 2, 3)) >= 0) & (off < _ROUNDING)


def _framing(params: AdapterParams, device: torch.device) -> Framing:
    if params.points is None:
        return Filling(params.size)
    return Framed(params.size, np.array(params.points), params.tanh_warp, device)
