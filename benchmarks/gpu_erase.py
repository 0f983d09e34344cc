"""FSErasing on a GPU: the same regions go as on the CPU, and how long it takes beside rectangle erasers."""

import contextlib
import io

import torch
from erase import on_batches
from gpu_check import Context
from gpu_faces import crops
from timing import by_turns
from torch import Tensor

from faceshards.transforms import FSErasing, erase_regions


def check(context: Context) -> None:
    torch.backends.cudnn.allow_tf32 = False  # the CPU has none
    given = crops(context, context.pick(256, 4), seed=3)
    images = torch.from_numpy(given.images).movedim(-1, 1).float().div(127.5).sub(1).contiguous()
    regions = torch.from_numpy(given.regions)
    _same(context, images, regions)
    here, maps = images.to(context.device), regions.to(context.device)
    for title, those in (
        ("float batch", here),
        ("float batch, channels_last", here.to(memory_format=torch.channels_last)),
        ("float face, one", here[:1]),
    ):
        with contextlib.redirect_stderr(io.StringIO()) as missing:
            jobs = on_batches(those, maps[: len(those)])
        if title == "float batch":
            for line in missing.getvalue().splitlines():
                context.notes.leave_out(line.removeprefix("left out: "))
        spare = those.clone()
        jobs["plain torch: a rectangle of noise a face, in place"] = lambda spare=spare: _rectangles(spare)
        slow = ("the paper's procedure", "the same with masks by one_hot")
        jobs = {name: job for name, job in jobs.items() if name not in slow or len(those) > 1}
        seconds = by_turns(jobs, context.pick(5, 1), context.device, wall=True)
        base = seconds["FSErasing"]
        for name, times in seconds.items():
            context.notes.row(
                title,
                eraser=name,
                microseconds_a_face=1e6 * float(sorted(times)[len(times) // 2]) / len(those),
                times_of_FSErasing=float(sorted(times / base)[len(times) // 2]),
            )
    rows = {row["eraser"]: row["times_of_FSErasing"] for row in context.notes.facts["float batch"]}
    paper = rows["the paper's procedure"]
    context.aim("times as fast as the paper's procedure, float batch", 1, paper, "times")


def _same(context: Context, images: Tensor, regions: Tensor) -> None:
    """The same seed draws the same regions; given fills put the same numbers there; noise is N(0, 1)."""
    here, maps, claim = images.to(context.device), regions.to(context.device), context.notes.claim
    erase = FSErasing(p=1)
    torch.manual_seed(0)
    on_cpu = erase.make_params([images, regions])
    torch.manual_seed(0)
    on_gpu = erase.make_params([here, maps])
    same = bool((on_cpu["erased"] == on_gpu["erased"]).all())
    claim("the same seed erases the same regions", "equal", "equal" if same else "other regions", same)
    gone, masks = on_gpu["gone"].cpu(), on_cpu["erased"]
    off = int((gone != on_cpu["gone"]).sum())
    claim("the same pixels go", "0 differ", off, off == 0)
    for fill in (0.5, (0.1, -0.2, 0.3)):
        a, b = erase_regions(images, regions, masks, fill=fill), erase_regions(here, maps, masks, fill=fill)
        off = float((a - b.cpu()).abs().max())
        claim(f"filled with {fill} it is the CPU's", "equal", off, off == 0)
    for fill in ("mean", "blur"):
        a, b = erase_regions(images, regions, masks, fill=fill), erase_regions(here, maps, masks, fill=fill)
        off = float((a - b.cpu()).abs().max())
        claim(f"filled with its {fill} it is nearly the CPU's", "1e-3 at most", off, off <= 1e-3)
    noisy = erase.transform(here, on_gpu).cpu()
    changed = (noisy != images).any(dim=1)
    off = int((changed & ~gone).sum())
    claim("noise leaves all other pixels as they were", "0 changed", off, off == 0)
    noise = noisy.movedim(1, -1)[gone]
    found = f"mean {noise.mean():.3f}, deviation {noise.std():.3f}"
    claim(
        "the noise is N(0, 1)", "mean 0, deviation 1", found, abs(noise.mean()) < 0.02 and abs(noise.std() - 1) < 0.02
    )
    layout = erase.transform(here.to(memory_format=torch.channels_last), on_gpu)
    kept = layout.is_contiguous(memory_format=torch.channels_last)
    claim("channels_last stays channels_last", "kept", "kept" if kept else "changed", kept)
    pixels = ((here + 1) * 127.5).round().to(torch.uint8)
    spread = erase.transform(pixels, on_gpu).cpu().movedim(1, -1)[gone].float()
    found = f"mean {spread.mean():.1f}, {int(spread.min())} to {int(spread.max())}"
    claim("in uint8 images it is uniform over 0 to 255", "mean 127.5", found, abs(spread.mean() - 127.5) < 2)


def _rectangles(images: Tensor) -> None:
    """What one writes first: a rectangle a face, by slices."""
    size = images.shape[-1]
    for image, (y, x, h, w) in zip(images, torch.randint(8, size // 2, (len(images), 4)).tolist(), strict=True):
        image[:, y : y + h, x : x + w].normal_()
