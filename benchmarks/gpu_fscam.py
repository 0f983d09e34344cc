"""FS-CAM on a GPU: the CPU's maps, and the time beside Grad-CAM and RISE."""

import contextlib
import copy
import io
import time

import numpy as np
import torch
from demo_batch import SmallNet
from gpu_check import Context
from gpu_faces import crops
from gpu_timing import seconds_of
from peers import peer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from faceshards.cam import FSCAM

_OFF = 0.02


def check(context: Context) -> None:
    torch.backends.cudnn.allow_tf32 = False  # the CPU has none, and a map is to be the same
    given = crops(context, context.pick(512, 12), seed=4)
    images = torch.from_numpy(given.images).movedim(-1, 1).float().div(127.5).sub(1).contiguous()
    who, regions = torch.from_numpy(given.who), torch.from_numpy(given.regions)
    net = _trained(context, images, who)
    few = context.pick(16, 2)
    images, regions = images[:few], regions[:few]
    here, maps, there = images.to(context.device), regions.to(context.device), copy.deepcopy(net).to(context.device)
    for mode in ("keep", "erase"):
        for baseline in (0.0, "blur"):
            name = f"FS-CAM, {mode}, {'blur' if baseline else 'grey'}"
            one = FSCAM(net, mode=mode, baseline=baseline)
            other = FSCAM(there, mode=mode, baseline=baseline, batch_size=256)
            begun = time.perf_counter()
            expected = one(images, regions=regions)
            on_cpu = (time.perf_counter() - begun) / few
            found = np.asarray(other(here, regions=maps))
            off = float(np.abs(found - expected).mean())
            context.notes.claim(
                f"{name}: the maps are the CPU's", f"off by {_OFF} on average at most", off, off <= _OFF
            )
            seconds = (
                seconds_of(lambda cam=other: cam(here, regions=maps), context.device, context.pick(0.4, 0.1)) / few
            )
            context.notes.row("a face", method=name, ms=1e3 * seconds, ms_on_the_CPU=1e3 * on_cpu)
    methods = {"Grad-CAM, plain": lambda: _grad_cam(there, here)}
    masks = context.pick(500, 8)  # of RISE (Petsiuk et al., BMVC 2018), whose authors take 4000
    methods[f"RISE, {masks} masks, plain"] = lambda: _rise(there, here, masks)
    with contextlib.redirect_stderr(io.StringIO()):
        theirs = peer("pytorch_grad_cam")
    if theirs is None:
        context.notes.leave_out("pytorch-grad-cam: not installed")
    else:
        for name in ("GradCAM", "ScoreCAM"):
            cam = getattr(theirs, name)(there, [there.last])
            methods[f"pytorch-grad-cam {name}"] = lambda cam=cam: _quiet(cam, here)
    for name, method in methods.items():
        if context.left() < 2:
            context.notes.leave_out(f"{name}: no time was left")
            continue
        seconds = seconds_of(method, context.device, context.pick(0.4, 0.1), least=1) / few
        context.notes.row("a face", method=name, ms=1e3 * seconds)


def _trained(context: Context, images: Tensor, who: Tensor) -> SmallNet:
    """Who the rendered people are, learnt for a moment on the device; on the CPU, in eval mode."""
    torch.manual_seed(0)
    net = SmallNet(int(who.max()) + 1).to(context.device)
    images, who = images.to(context.device), who.to(context.device)
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3)
    for _ in range(context.pick(150, 2)):
        part = torch.randint(len(images), (64,), device=context.device)
        loss = cross_entropy(net(images[part] + 0.2 * torch.randn_like(images[part])), who[part])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    with torch.inference_mode():
        context.notes.fact(
            "faces that the explained net recognises", float((net(images).argmax(1) == who).float().mean())
        )
    return net.cpu()


def _grad_cam(net: nn.Module, images: Tensor) -> Tensor:
    """Selvaraju et al., ICCV 2017."""
    kept: list[Tensor] = []
    handle = net.last.register_forward_hook(lambda _, __, out: kept.append(out))
    try:
        logits = net(images)
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(logits.max(dim=1).values.sum(), kept[0])
    maps = (gradient.mean(dim=(2, 3), keepdim=True) * kept[0]).sum(dim=1, keepdim=True).relu()
    return interpolate(maps, images.shape[-2:], mode="bilinear")


@torch.inference_mode()
def _rise(net: nn.Module, images: Tensor, masks: int) -> Tensor:
    size = images.shape[-1]
    cells = (torch.rand(masks, 1, 8, 8, device=images.device) < 0.5).float()
    fine = interpolate(cells, scale_factor=size // 7, mode="bilinear")[..., :size, :size]
    predicted = net(images).argmax(1)
    return torch.stack(
        [
            sum(torch.einsum("n,nchw->hw", net(image * part).softmax(1)[:, c], part) for part in torch.split(fine, 256))
            for image, c in zip(images, predicted, strict=True)
        ]
    )


def _quiet(cam: object, images: Tensor) -> object:
    with contextlib.redirect_stderr(io.StringIO()):
        return cam(images, None)
