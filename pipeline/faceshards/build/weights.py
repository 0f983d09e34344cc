"""The files that ``parse.weights`` stands for."""

from pathlib import Path

from faceshards.zoo.catalogue import beside, description_of, model_of
from faceshards.zoo.published import read_published

BUNDLED = "bundled"
DESCRIPTIONS = (".yaml", ".yml")


def weights_files(weights: str) -> list[Path]:
    """The files that ``parse.weights`` stands for; none for the bundled weights, which are part of the code.

    Returns:
        The file of weights; or a description, its model, and the files beside that whose names begin with the model's.

    Raises:
        ParamsError: a description is no YAML, or says nothing that can be of its model.
        WeightsError: the name is one of the zoo's, and there is no such entry, or a file of that path as well.
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
    return [description, model, *beside(model)]
