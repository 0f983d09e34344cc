"""Whether `torch.compile` pays: of the head alone, and of the network too."""

from gpu_check import Context
from gpu_faces import crops
from gpu_speed import measured
from gpu_weights import device_parser

from faceshards.parsing.replay import Making


def check(context: Context) -> None:
    if context.dry:
        context.notes.leave_out("compiling: on the CPU it takes minutes, and is not what is asked")
        return
    faces, batch = crops(context, 2048).images, Making.batch
    plain = device_parser(context, making=Making(batch=batch))
    expected = plain.parse(faces[:256])
    base, _ = measured(context, "compiled", "nothing", plain, faces)
    for part in ("head", "all"):
        if context.left() < 15:
            context.notes.leave_out(f"compiling {part}: no time was left")
            return
        parser = device_parser(context, making=Making(batch=batch, compiled=part))
        rate, _ = measured(context, "compiled", part, parser, faces)
        off = float((parser.parse(faces[:256]) != expected).mean())
        context.notes.fact(f"pixels that differ with {part} compiled", f"{off:.5%}")
        context.notes.claim(f"with {part} compiled the regions stay", "at most 0.1 % differ", f"{off:.4%}", off <= 1e-3)
        context.notes.fact(f"times as fast with {part} compiled", rate / base)
