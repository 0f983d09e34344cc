"""The files that ``parse.weights`` stands for."""

from pathlib import Path

from faceshards.zoo.catalogue import description_of, is_kept, model_of
from faceshards.zoo.onnxfiles import external_files
from faceshards.zoo.published import read_published

BUNDLED = "bundled"
DESCRIPTIONS = (".yaml", ".yml")


def kept_model(weights: str) -> Path | None:
    """Where ``parse.weights`` lies that is kept outside the project, as networks to download are; else None.

    Raises:
        ParamsError, WeightsError: as `weights_files`.
    """
    if Path(weights).suffix not in DESCRIPTIONS:
        return None
    description = description_of(weights)
    if not description.is_file():
        return None
    published = read_published(description)
    return model_of(description, published) if is_kept(description, published) else None


def weights_files(weights: str) -> list[Path]:
    """The files that ``parse.weights`` stands for; none for the bundled weights, which are part of the code.

    Returns:
        The file of weights; or a description, its model, and the files in which that keeps its tensors, see
        `external_files`.

    Raises:
        ParamsError: a description is no YAML, or says nothing that can be of its model.
        WeightsError: the name is one of the zoo's, and there is no such entry, or a file of that path as well; or the
            model is a damaged ONNX file, or one that names files outside its folder.
    """
    path = Path(weights)
    if weights == BUNDLED:
        return []
    if path.suffix not in DESCRIPTIONS:
        return [path]
    description = description_of(path)
    if not description.is_file():
        return [path]
    # The stage `parse` checks the rest of the description.
    model = model_of(description, read_published(description))
    return [description, model, *(external_files(model) if model.is_file() else ())]
