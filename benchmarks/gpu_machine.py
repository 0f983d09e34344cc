"""What the machine is, and what its GPU does at best: copies and a matrix product."""

import importlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

import torch
from gpu_check import Context
from gpu_timing import seconds_of

_NEEDED = ("numpy", "zarr", "numcodecs", "pyarrow", "google-crc32c", "opencv-python", "opencv-python-headless")
_USED = ("safetensors", "pydantic", "tqdm", "pynvml", "nvidia-ml-py", "triton", "torchvision", "timm", "kornia")
_PEERS = ("grad-cam",)


def check(context: Context) -> None:
    notes, cuda = context.notes, context.device == "cuda"
    notes.fact("name", torch.cuda.get_device_name() if cuda else "CPU")
    notes.fact("torch", torch.__version__)
    notes.fact("python", platform.python_version())
    notes.fact("cores", os.cpu_count())
    for name in (*_NEEDED, *_USED, *_PEERS):
        try:
            notes.row("packages", package=name, version=version(name))
        except PackageNotFoundError:
            notes.row("packages", package=name, version="not installed")
    import cv2

    notes.fact("OpenCV", cv2.__version__)
    notes.fact("reads pictures as RGB", hasattr(cv2, "IMREAD_COLOR_RGB"))
    for module in ("faceshards", "faceshards.parsing", "faceshards.transforms", "faceshards.cam"):
        importlib.import_module(module)
    notes.fact("device", context.device)  # from here on the other checks can run
    if not cuda:
        return
    about = torch.cuda.get_device_properties(0)
    notes.fact("CUDA", torch.version.cuda)
    notes.fact("cuDNN", torch.backends.cudnn.version())
    notes.fact("memory, GB", about.total_memory / 1e9)
    notes.fact("multiprocessors", about.multi_processor_count)
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        notes.fact(
            "driver", subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
        )
    except (OSError, subprocess.SubprocessError) as error:
        notes.leave_out(f"the driver's version ({type(error).__name__})")
    size = 1 << 28
    pinned, there = (
        torch.empty(size, dtype=torch.uint8, pin_memory=True),
        torch.empty(size, dtype=torch.uint8, device="cuda"),
    )
    other = torch.empty_like(there)
    jobs = {
        "copy to the device, GB/s": lambda: there.copy_(pinned, non_blocking=True),
        "copy from the device, GB/s": lambda: pinned.copy_(there, non_blocking=True),
        "copy on the device, read and written, GB/s": lambda: other.copy_(there),
    }
    for name, job in jobs.items():
        times = 2 if "read and written" in name else 1
        notes.fact(name, times * size / 1e9 / seconds_of(job, "cuda", 0.3))
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.float16)
    notes.fact("fp16 matrix product, TFLOP/s", 2 * 8192**3 / 1e12 / seconds_of(lambda: a @ a, "cuda", 0.5))
