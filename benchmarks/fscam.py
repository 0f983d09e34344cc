"""FS-CAM against other saliency methods: time, and deletion and insertion areas, on one trained net and the same faces.

    python benchmarks/fscam.py [--quick]

The net learns who demo people are, and is explained on views of them that it has not seen. Ratios are of one run by
turns. Region maps are the renderer's own: parsing is not timed. RISE (Petsiuk et al., BMVC 2018) is written out here,
with fewer masks than its authors' 4000; the CAMs are pytorch-grad-cam's, left out where it is missing. No maintained
library has Group-CAM.
"""

import argparse
import contextlib
import io
from collections.abc import Callable

import numpy as np
import torch
from demo_batch import DemoBatch, SmallNet, demo_batch, train
from numpy.typing import NDArray
from peers import peer
from timing import by_turns, ratio
from torch import Tensor, nn

from faceshards.cam import FSCAM, perturbation_curves

Saliency = NDArray[np.float32]
Method = Callable[[Tensor, Tensor], Saliency]


def rise(net: nn.Module, masks: int) -> Method:
    """Random masks of 7x7 cells, each half open, weighted by the probability that the net gives to what they show."""

    def explain(images: Tensor, _: Tensor) -> Saliency:
        generator = torch.Generator().manual_seed(0)
        cells = (torch.rand(masks, 1, 8, 8, generator=generator) < 0.5).float()
        size = images.shape[-1]
        fine = nn.functional.interpolate(cells, scale_factor=size // 7, mode="bilinear")
        shifts = torch.randint(size // 7, (masks, 2), generator=generator).tolist()
        open_ = torch.stack([m[:, y : y + size, x : x + size] for m, (y, x) in zip(fine, shifts, strict=True)])
        maps = torch.zeros(len(images), size, size)
        with torch.inference_mode():
            predicted = net(images).argmax(1)
            for image, c, total in zip(images, predicted, maps, strict=True):
                for part in torch.split(open_, 64):
                    total += torch.einsum("n,nchw->hw", net(image * part).softmax(1)[:, c], part)
        found: Saliency = (maps / masks).numpy()
        return found

    return explain


def methods(net: SmallNet, masks: int) -> dict[str, Method]:
    """What is compared: images (B, C, H, W) and regions (B, H, W) to maps (B, H, W)."""
    cams = {
        "FS-CAM": FSCAM(net),
        "FS-CAM, blur": FSCAM(net, baseline="blur"),
        "FS-CAM, erase": FSCAM(net, mode="erase"),
        "FS-CAM, erase, blur": FSCAM(net, mode="erase", baseline="blur"),
    }
    found: dict[str, Method] = {name: by_region(cam) for name, cam in cams.items()}
    found[f"RISE, {masks} masks"] = rise(net, masks)
    if theirs := peer("pytorch_grad_cam"):
        for name in ("GradCAM", "GradCAMPlusPlus", "ScoreCAM"):
            cam = getattr(theirs, name)(net, [net.last])
            cam.batch_size = 64  # ScoreCAM's, as FS-CAM's
            found[name] = quiet(cam)
    return found


def by_region(cam: FSCAM) -> Method:
    """FS-CAM as a method."""

    def explain(images: Tensor, regions: Tensor) -> Saliency:
        return cam(images, regions=regions)

    return explain


def quiet(cam: Callable[[Tensor, None], Saliency]) -> Method:
    """A method of pytorch-grad-cam without its progress bars."""

    def explain(images: Tensor, _: Tensor) -> Saliency:
        with contextlib.redirect_stderr(io.StringIO()):
            return cam(images, None)

    return explain


def judge(net: SmallNet, faces: DemoBatch, maps: dict[str, Saliency]) -> None:
    """Print the areas under the curves of each method, and how often it beats Grad-CAM."""
    images = faces.normalised()
    areas = {
        name: (
            perturbation_curves(net, images, saliency, mode="deletion", steps=24).area,
            perturbation_curves(net, images, saliency, mode="insertion", steps=24).area,
        )
        for name, saliency in maps.items()
    }
    print(
        "\ndeletion (low is good)  insertion (high is good)  share of faces better than Grad-CAM: deletion, insertion"
    )
    theirs = areas.get("GradCAM")
    for name, (deletion, insertion) in areas.items():
        better = f"{(deletion < theirs[0]).mean():.0%}, {(insertion > theirs[1]).mean():.0%}" if theirs else ""
        print(f"  {deletion.mean():.3f}  {insertion.mean():.3f}  {name:22s} {better}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="few people, short training, one round")
    options.add_argument("--threads", type=int, default=1)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    people = 4 if given.quick else 24
    net = train(demo_batch(people, range(8)), epochs=4 if given.quick else 30)
    faces = demo_batch(people, range(8, 9))
    images, regions = faces.normalised(), torch.from_numpy(faces.regions)
    with torch.inference_mode():
        right = float((net(images).argmax(1).numpy() == faces.identity).mean())
    print(f"{people} people, {len(images)} unseen views, {right:.0%} recognised")

    compared = methods(net, 100 if given.quick else 500)
    maps: dict[str, Saliency] = {}

    def job(name: str, method: Method) -> Callable[[], None]:
        def run() -> None:
            maps[name] = method(images, regions)

        return run

    seconds = by_turns({name: job(name, m) for name, m in compared.items()}, rounds=1 if given.quick else 2)
    print("\ntime a face over that of FS-CAM, median (quartiles)")
    base = seconds.pop("FS-CAM")
    for name, times in seconds.items():
        print(f"  {ratio(times, base)}  {name}")
    judge(net, faces, maps)


if __name__ == "__main__":
    main()
