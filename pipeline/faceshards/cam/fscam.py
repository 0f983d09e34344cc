"""FS-CAM: which regions of a face a recognition model relies on.

From Kawai et al., IET Biometrics 2024: with ``M_k`` the mask of region ``k``, the score of a region is
``s_k = softmax(f(x * M_k))_c`` and the map is ``minmax(sum_k s_k M_k)``. The model is a black box.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

from torch import Tensor, nn

from faceshards.cam.attributions import CaptumTarget, attributions
from faceshards.cam.given import Regions, checked_images, feature_maps, region_maps, stand_ins
from faceshards.cam.model import Model, device_of, inference
from faceshards.cam.painting import saliency_of
from faceshards.cam.predicted import Outputs, check_outputs
from faceshards.cam.regional import RegionCopies
from faceshards.cam.scoring import resolve_targets, target_scores
from faceshards.cam.targets import Targets
from faceshards.checks import whole_number
from faceshards.errors import NotFiniteError, ParamsError
from faceshards.ops.stand_in import StandIn, check_form
from faceshards.records import Float32Array

Mode: TypeAlias = Literal["keep", "erase"]


class FSCAM:
    """Saliency by face region, called like pytorch-grad-cam: ``cam(input_tensor, targets)``.

        cam = FSCAM(model, mode="erase", baseline="blur")
        maps = cam(images, [CosineTarget(r) for r in references], regions=regions)

    The model runs without gradients and in eval mode. Afterwards, also after an error, each of its submodules is in the
    mode it was in. A function around a module keeps that module's mode: call ``.eval()`` there.

    Args:
        model: a torch module, or any callable on tensors (`faceshards.cam.numpy_model` for one on arrays); see
            `faceshards.cam.model.Model`.
        parser: makes the region maps from ``input_tensor`` where a call brings none.
        mode: ``"keep"`` shows the model one region at a time, as in the paper; ``"erase"`` takes one away at a time,
            and a region's score is how far the target drops.
        baseline: what hidden pixels become, see `faceshards.ops.stand_in`; 0 is the paper's mid-grey in [-1, 1].
        batch_size: most images that the model sees at once, from 1.
        outputs: ``"logits"`` or ``"embeddings"``; None finds out, and refuses where it cannot be sure, see
            `faceshards.cam.predicted.predicted_targets`.

    Raises:
        ParamsError: an argument is none of these.
    """

    def __init__(
        self,
        model: Model,
        *,
        parser: Callable[[Tensor], Regions] | None = None,
        mode: Mode = "keep",
        baseline: StandIn = 0.0,
        batch_size: int = 64,
        outputs: Outputs | None = None,
    ) -> None:
        for name, function in (("model", model), ("parser", parser if parser is not None else model)):
            if not callable(function):
                raise ParamsError(f"{name}: expected a torch module or a callable, found {type(function).__name__}")
            if isinstance(function, type) and issubclass(function, nn.Module):
                raise ParamsError(
                    f"{name}: expected a module, found the class {function.__name__} itself; make one of it"
                )
        if mode not in get_args(Mode):
            raise ParamsError(f'mode is "keep" or "erase", not {mode!r}')
        check_form(baseline)
        check_outputs(outputs)
        self.model = model
        self.parser = parser
        self.mode = mode
        self.baseline = baseline
        self.batch_size = whole_number("batch_size", batch_size, 1)
        self.outputs = outputs

    def __call__(
        self, input_tensor: Tensor, targets: Targets | None = None, *, regions: Regions | None = None
    ) -> Float32Array:
        """Saliency maps.

            maps = cam(images, 3, regions=regions)  # the probability of class 3

        Args:
            input_tensor: (B, C, H, W), as the model takes it.
            targets: see `faceshards.cam.targets.Targets`; None is the class that the model predicts, or its only logit.
            regions: (B, H, W) region ids, 0-24 or 255; None calls the parser.

        Returns:
            (B, H, W) float32 in [0, 1]: 1 for the highest region of each face, 0 for the lowest and for ignored pixels,
            and 0 everywhere where all regions score alike.

        Raises:
            TargetError: `targets` are not one or one a face, or do not fit the model's outputs; or they are None, and
                the model gives embeddings or what may be some.
            ModelError: the model refuses the images, gives something else than one row a face, or a score that is no
                finite number; the latter is a NotFiniteError that names the face and the region.
            ParamsError: no regions and no parser, or images or maps of another form.
            ParserError: the parser gives no region maps.
        """
        maps = region_maps(regions, checked_images(input_tensor, "input_tensor"), self.parser)
        return saliency_of(self._scores(input_tensor, maps, targets), maps)

    def region_scores(
        self, input_tensor: Tensor, targets: Targets | None = None, *, regions: Regions | None = None
    ) -> Float32Array:
        """The score of each region, arguments and errors as for a call: (B, 25) float32.

            nose = cam.region_scores(images, 3, regions=regions)[:, faceshards.Region.NOSE]

        A score is finite, or NaN where a face does not show the region.
        """
        maps = region_maps(regions, checked_images(input_tensor, "input_tensor"), self.parser)
        scores: Float32Array = self._scores(input_tensor, maps, targets).float().cpu().numpy()
        return scores

    def attribute(
        self,
        inputs: Tensor,
        baselines: StandIn | None = None,
        target: CaptumTarget = None,
        *,
        feature_mask: Regions | None = None,
    ) -> Tensor:
        """Attributions in the manner of Captum: in mode ``"erase"``, those of its `FeatureAblation`.

            attributions = FSCAM(model, mode="erase").attribute(images, target=3, feature_mask=regions)

        Args:
            inputs: (B, C, H, W).
            baselines: what hidden pixels become; None for the `baseline` of this object.
            target: as Captum's: the index of an output, one for all faces or a list, array or tensor of one a face; a
                tuple, or a list of tuples, for outputs of more dimensions. None explains every output. Negative ones
                are refused: -1 is also how stores write that there is no identity.
            feature_mask: (B, H, W) region maps, or as Captum's (B, C, H, W), (1, C, H, W) and such; None calls the
                parser. See `faceshards.cam.given.feature_maps`.

        Returns:
            (B, C, H, W) in the outputs' floating dtype: each pixel has the score of its region, ignored pixels 0. Where
            K numbers a face are explained it is (B * K, C, H, W), all those of the first face first. Captum gives that
            for a mask that all faces share, and raises an error where each has its own.

        Raises:
            TargetError, ModelError, ParamsError, ParserError: as for a call.
        """
        maps = feature_maps(feature_mask, checked_images(inputs, "inputs"), self.parser)
        with inference(self.model):
            copies = self._copies(inputs, maps, self.baseline if baselines is None else baselines)
            return attributions(self.model, copies, target, self.batch_size).to(inputs.device)

    def _copies(self, images: Tensor, maps: Tensor, baseline: StandIn) -> RegionCopies:
        images = images.to(device_of(self.model, images))
        return RegionCopies.of(images, stand_ins(images, baseline), maps, keep=self.mode == "keep")

    def _scores(self, images: Tensor, maps: Tensor, targets: Targets | None) -> Tensor:
        """(B, 25) float32 or float64, NaN where a region is absent."""
        with inference(self.model):
            made = self._copies(images, maps, self.baseline)
            each = resolve_targets(self.model, made.copies.images, targets, self.outputs, self.batch_size)
            seen = target_scores(self.model, made.copies, each, self.outputs, self.batch_size)
            scores = made.by_region(seen[:, None])[..., 0]
        # What overflows when it is subtracted, or as float32, was finite before.
        beyond = scores.float().isinf()
        if beyond.any():
            face, region = beyond.nonzero()[0].tolist()
            raise NotFiniteError(face, f"the score of region {region} is beyond what float32 holds")
        return scores
