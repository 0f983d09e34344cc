"""What each stage would do, and what is wrong, before anything runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faceshards.build.earlier import read_earlier
from faceshards.build.forget import REMOVED
from faceshards.build.licences import licence_of_dataset
from faceshards.build.lockfile import STAGES, check_code
from faceshards.build.nameless import read_numbering
from faceshards.build.params import Params, load_params, nothing_at
from faceshards.build.removal import read_removal
from faceshards.build.weights import BUNDLED, kept_model, weights_files
from faceshards.counted import counted
from faceshards.errors import FaceShardsError, ParamsError
from faceshards.project.recognise import recognised
from faceshards.source.alignment import Aligner


@dataclass(frozen=True)
class Check:
    """What was found.

    Attributes:
        stages: what each stage would do, by its name, in order.
        problems: what is wrong, a message each; none where all can run.
    """

    stages: dict[str, str]
    problems: tuple[str, ...]


def check(params_file: Path) -> Check:
    """Look at all that a run needs, and go on after each problem. Nothing is written, downloaded or rendered.

    Args:
        params_file: the params; paths in it are relative to the working directory.

    Raises:
        ParamsError: the file is not there or does not fit.

    Example:
        >>> check(Path("params.yaml")).problems
        ()
    """
    params = load_params(params_file)
    problems: list[str] = []

    def tried(look: Callable[[], str], otherwise: str) -> str:
        try:
            return look()
        except (FaceShardsError, OSError) as error:
            problems.append(str(error))
            return otherwise

    missing = list(_missing(params))
    problems += missing
    if any(problem.startswith("source.") for problem in missing):
        source = "cannot find the faces"
    else:
        source = tried(lambda: recognised(params.source), "cannot open the faces")
    weights = tried(lambda: _weights(params), f"{params.parse.weights}, which cannot be used")
    removed = tried(lambda: _removed(params), "; leaves out a list that cannot be read")
    goes_on = tried(lambda: _goes_on(params), f"; goes on from {params.plan.earlier}, which cannot be read")
    tried(lambda: _numbered(params), "")
    detector = tried(lambda: _detector(params), f"{params.align.detector}, which cannot be used")
    device = tried(lambda: _device(params), f"{params.parse.device}, which is not here")
    for stage in STAGES:
        try:
            check_code(stage)
        except FaceShardsError as error:  # of one stage: that of the others is the same story
            problems.append(str(error))
            break
    does = _stages(params, source, weights, goes_on + removed, detector, device)
    return Check(does, tuple(dict.fromkeys(problems)))


def _missing(params: Params) -> Iterator[str]:
    for param, path in params.paths.items():
        if path is not None and not Path(path).exists():
            yield str(nothing_at(param, path))
    if params.plan.remove is None and REMOVED.exists():
        yield (
            f"plan.remove: expected {REMOVED}, which `faceshards forget` wrote; found null, so that nobody on it is "
            f"left out; set plan.remove: {REMOVED}, or delete the file"
        )


def _weights(params: Params) -> str:
    weights = params.parse.weights
    if weights == BUNDLED:
        return "the bundled network"
    kept = kept_model(weights)
    if kept is not None:
        return f"{weights} ({'here' if kept.is_file() else 'to be downloaded'})"
    for path in weights_files(weights):
        if not path.is_file():
            found = "a folder" if path.is_dir() else "nothing"
            raise ParamsError(f"parse.weights: expected a file at {path}; found {found} there; check the path")
    return weights


def _detector(params: Params) -> str:
    model = None if params.align.yunet_model is None else Path(params.align.yunet_model)
    if model is None or model.exists():  # else it was said
        Aligner(params.align.detector, model)
    return params.align.detector


def _device(params: Params) -> str:
    if params.parse.device == "cuda":
        from faceshards.parsing.device import resolve_device  # PyTorch takes seconds

        resolve_device(params.parse.device)
    return params.parse.device


def _removed(params: Params) -> str:
    if params.plan.remove is None or not Path(params.plan.remove).exists():
        return ""
    entries = len(read_removal(Path(params.plan.remove)))
    return f"; leaves out {counted(entries, 'entry', 'entries')} of {params.plan.remove}"


def _goes_on(params: Params) -> str:
    earlier = params.plan.earlier
    if earlier is not None and Path(earlier).exists():
        read_earlier(Path(earlier), params.plan.seed)
    return "" if earlier is None else f"; goes on from {earlier}"


def _numbered(params: Params) -> str:
    key = params.plan.names_key
    if key is not None and Path(key).exists():
        read_numbering(Path(key))
    return ""


def _stages(params: Params, source: str, weights: str, others: str, detector: str, device: str) -> dict[str, str]:
    plan, erase = params.plan, params.erase
    shares = ", ".join(f"{name} {share:g}" for name, share in plan.splits.items())
    least, most = erase.n_regions
    licence = licence_of_dataset("that of the source", params.dataset.licence)
    kept = (
        f"{counted(erase.variants, 'variant')} with {least} to {counted(most, 'region')} erased ({erase.fill})"
        if erase.variants
        else "faces"
    )
    return {
        "download": f"{source}, from {params.source.path}",
        "plan": f"splits {shares}; a person is in one of them{others}",
        "align": f"faces without points found by {detector}; fails where more than "
        f"{100 * params.align.max_skipped:g}% drop out",
        "parse": f"by {weights}, on {device}",
        "erase": f"{kept if erase.images else 'region maps alone'}; regions {erase.regions}; profile "
        f"{params.store.profile}; licence {licence}",
        "verify": "every file hashed and read again",
        "report": f"a page on all of it, with {counted(params.report.gallery, 'face')} in its gallery"
        if params.report.pictures
        else "a page of numbers, without pictures and names",
    }
