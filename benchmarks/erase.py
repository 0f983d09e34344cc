"""FSErasing against the paper's procedure and the erasers of other libraries: ratios of one run by turns.

    python benchmarks/erase.py [--quick] [--device cuda]

A ratio is the other's time over FSErasing's: above 1, FSErasing is faster. Every job erases every face once.
Peers, left out where they are missing: torchvision, timm, kornia, albumentations.
"""

import argparse
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import torch
from demo_batch import DemoBatch, demo_batch
from numpy.typing import NDArray
from peers import peer
from timing import by_turns, ratio
from torch import Tensor

from faceshards import rng
from faceshards.ops.erasing import Erase
from faceshards.regions import Region
from faceshards.transforms import FSErasing

Jobs = dict[str, Callable[[], object]]


def papers_procedure(image: Tensor, regions: Tensor, erased: int) -> Tensor:
    """A timing model of what the paper's authors published, in what is computed and in which types.

    A map becomes 25 planes, one after the other by `where` into int64, then bool; every region that goes takes a whole
    image of noise and a `where` of the whole image. Their draws, and the reading of the map, are left out.
    """
    planes = torch.zeros(25, *regions.shape, dtype=torch.int64, device=regions.device)
    for region, plane in enumerate(planes):
        plane.copy_(torch.where(regions == region, 1.0, 0.0))
    return _erase_by_masks(image, planes.bool(), erased)


def lean_procedure(image: Tensor, regions: Tensor, erased: int) -> Tensor:
    """`papers_procedure`, its masks made by torch's `one_hot`, as one would who writes it with care."""
    masks = torch.nn.functional.one_hot(regions.long().clamp(max=24), 25).movedim(-1, 0).bool()
    return _erase_by_masks(image, masks, erased)


def _erase_by_masks(image: Tensor, masks: Tensor, erased: int) -> Tensor:
    for region in Region.of_mask(erased):
        image = torch.where(masks[region], torch.empty_like(image).normal_(), image)
    return image


def face_by_face(images: Tensor, regions: Tensor, masks: NDArray[np.uint32]) -> Jobs:
    """The paper's procedure and its lean form, on every face of a batch."""

    def run(procedure: Callable[[Tensor, Tensor, int], Tensor]) -> None:
        for image, of_face, mask in zip(images, regions, masks.tolist(), strict=True):
            procedure(image, of_face, mask)

    return {
        "the paper's procedure": partial(run, papers_procedure),
        "the same with masks by one_hot": partial(run, lean_procedure),
    }


def on_batches(images: Tensor, regions: Tensor) -> Jobs:
    """Float images in a batch, a draw for each face."""
    erase, inplace = FSErasing(p=1), FSErasing(p=1, inplace=True)
    spare = images.clone()
    masks = erase.make_params([images, regions])["erased"]
    jobs: Jobs = {
        "FSErasing": lambda: erase(images, regions),
        "FSErasing, in place": lambda: inplace(spare, regions),
        **face_by_face(images.contiguous(), regions, masks),
    }
    if timm := peer("timm.data.random_erasing"):
        rectangle = timm.RandomErasing(1.0, mode="pixel", device=images.device.type)
        jobs["timm RandomErasing, noise, in place"] = lambda: rectangle(spare)
        jobs["timm RandomErasing, noise, of a copy"] = lambda: rectangle(images.clone())
    if v2 := peer("torchvision.transforms.v2"):
        each = v2.RandomErasing(1.0, value="random")
        jobs["torchvision RandomErasing, noise, face by face"] = lambda: [each(i) for i in images]
        jobs["torchvision RandomErasing, one rectangle and one noise for the batch"] = lambda: each(images)
    if kornia := peer("kornia.augmentation"):
        constant = kornia.RandomErasing(p=1.0)
        jobs["kornia RandomErasing, no noise"] = lambda: constant(images)
    return jobs


def on_faces(images: Tensor, regions: Tensor) -> Jobs:
    """Float images one at a time, as a data set gives them."""
    erase = FSErasing(p=1)
    jobs: Jobs = {"FSErasing": lambda: [erase(i, r) for i, r in zip(images, regions, strict=True)]}
    if timm := peer("timm.data.random_erasing"):
        rectangle = timm.RandomErasing(1.0, mode="pixel", device=images.device.type)
        jobs["timm RandomErasing, noise, of a copy"] = lambda: [rectangle(i.clone()) for i in images]
    if v2 := peer("torchvision.transforms.v2"):
        each = v2.RandomErasing(1.0, value="random")
        jobs["torchvision RandomErasing, noise"] = lambda: [each(i) for i in images]
    return jobs


def on_array_batches(faces: DemoBatch) -> Jobs:
    """uint8 images in a batch, as the loader's view `erase` has them; the others erase the same faces as floats."""
    images, regions, ids = faces.images.copy(), faces.regions, [str(i) for i in range(len(faces.images))]
    erase, epochs = Erase(), count(1)

    def keys(epoch: int) -> NDArray[np.uint64]:
        return rng.fold(rng.sample_keys(ids), 0, epoch)

    masks = erase.apply(images.copy(), regions, keys(0))
    floats, maps = faces.normalised(), torch.from_numpy(regions)
    tensors, transform = torch.from_numpy(images).movedim(-1, 1), FSErasing(p=1)
    jobs: Jobs = {
        "FSErasing": lambda: erase.apply(images, regions, keys(next(epochs))),
        "FSErasing as a transform of the same as tensors, of a copy": lambda: transform(tensors, maps),
        **face_by_face(floats, maps, masks),
    }
    if timm := peer("timm.data.random_erasing"):
        rectangle = timm.RandomErasing(1.0, mode="pixel", device="cpu")
        jobs["timm RandomErasing, noise"] = lambda: rectangle(floats)
    if v2 := peer("torchvision.transforms.v2"):
        each, planes = v2.RandomErasing(1.0, value="random"), tensors.contiguous()
        jobs["torchvision RandomErasing, noise, face by face"] = lambda: [each(i) for i in planes]
    if albumentations := peer("albumentations"):
        for name, eraser in _rectangles(albumentations).items():
            compose = albumentations.Compose([eraser], seed=0)
            jobs[f"{name}, face by face"] = lambda compose=compose: [compose(image=i) for i in images]
    return jobs


def _rectangles(albumentations: Any) -> dict[str, Any]:
    return {
        "albumentations CoarseDropout, noise": albumentations.CoarseDropout((1, 3), fill="random", p=1),
        "albumentations Erasing, noise": albumentations.Erasing(fill="random", p=1),
    }


def on_arrays(images: NDArray[np.uint8], regions: NDArray[np.uint8]) -> Jobs:
    """uint8 arrays one at a time, as albumentations takes them."""
    albumentations = peer("albumentations")
    if not albumentations:
        return {}
    from faceshards.transforms.albumentations import FSErasing as ArrayErasing

    erasers = {"FSErasing": ArrayErasing(p=1), **_rectangles(albumentations)}

    def run(eraser: Callable[..., object]) -> None:
        for image, mask in zip(images, regions, strict=True):
            eraser(image=image, mask=mask)

    return {name: partial(run, albumentations.Compose([eraser], seed=0)) for name, eraser in erasers.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="a few rounds of a small batch")
    options.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options.add_argument("--threads", type=int, default=1)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    faces = demo_batch(2 if given.quick else 16, range(4))
    images, regions = faces.normalised().to(given.device), torch.from_numpy(faces.regions).to(given.device)
    erased = (FSErasing(p=1)(images, regions)[0] != images).any(1).float().mean().item()
    print(f"{len(images)} faces of 112x112 on {given.device}; FSErasing erased {erased:.1%} of their pixels")
    rounds = 3 if given.quick else 40
    for title, jobs in (
        ("uint8 batch, as the loader erases", on_array_batches(faces) if given.device == "cpu" else {}),
        ("float batch", on_batches(images, regions)),
        ("float batch, channels_last", on_batches(images.to(memory_format=torch.channels_last), regions)),
        ("float faces one at a time", on_faces(images, regions)),
        ("uint8 arrays one at a time", on_arrays(faces.images, faces.regions)),
    ):
        if not jobs:
            continue
        print(f"\n{title}: time over that of FSErasing, median (quartiles)")
        seconds = by_turns(jobs, rounds, given.device)
        base = seconds.pop("FSErasing")
        own = seconds.pop("FSErasing, in place", None)
        if own is not None:
            print(f"  {ratio(own, base)}  FSErasing, in place")
        for name, times in seconds.items():
            print(f"  {ratio(times, own if name.endswith('in place') and own is not None else base)}  {name}")


if __name__ == "__main__":
    main()
