"""How far a parser's confidence is the share of the pixels that it gets right, and the temperature that makes it so.

python benchmarks/parser_calibration.py SOURCE --only IDS [--weights W] [--save OUT.safetensors]

SOURCE is one that the parser did not learn from. The temperature is the one under which its truth is likeliest, which
`faceshards train` finds by its validation faces; `--save` writes the weights with it in their metadata, where the
parser looks for it.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from faceshards.errors import BadSampleError
from faceshards.parsing.calibrate import likeliest_temperature
from faceshards.parsing.certainty import Parsed, confidence_of, layers_of
from faceshards.parsing.crops import labelled_face
from faceshards.parsing.mirror import MirrorAveraged, for_inference
from faceshards.parsing.unet import normalise
from faceshards.parsing.weights import load_weights, save_weights
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE
from faceshards.source.open import open_source

BINS = np.array([0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0])


@click.command(help=(__doc__ or "").replace("\n\n", "\n\n\b\n"))
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--only", type=click.Path(exists=True, path_type=Path), help="File of sample ids, one a line.")
@click.option("--weights", default="bundled", show_default=True)
@click.option("--save", type=click.Path(path_type=Path), help="Write the weights with the temperature.")
def main(source: Path, only: Path | None, weights: str, save: Path | None) -> None:
    loaded = load_weights(weights)
    network = for_inference(loaded.network, mirror=True)
    assert isinstance(network, MirrorAveraged)
    faces = list(_faces(source, only))
    votes = [_votes(network, image) for image, _ in faces]
    truths = [truth for _, truth in faces]
    means = ((one + other)[0] / 2 for one, other in votes)
    temperature = likeliest_temperature(zip(means, truths, strict=True))
    click.echo(f"{len(faces)} faces; temperature {temperature:.3f} (the weights' own: {loaded.temperature:g})")
    parsed = [Parsed.of(layers_of(one + other, (one, other), temperature).numpy()) for one, other in votes]
    _reliability(parsed, truths)
    if save is not None:
        save_weights(loaded.network, save, {**loaded.metadata, "temperature": f"{temperature:.3f}"})


def _faces(source: Path, only: Path | None) -> Iterator[tuple[UInt8Array, UInt8Array]]:
    faces = open_source(source)
    wanted = set(only.read_text().splitlines()) if only else None
    for i in range(len(faces)):
        if wanted is None or faces.face(i).sample_id in wanted:
            try:
                yield labelled_face(faces, i).aligned()
            except BadSampleError as error:
                click.echo(f"left out: {error}", err=True)


def _votes(network: MirrorAveraged, image: UInt8Array) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        return network.votes(normalise(torch.from_numpy(image[None])))


def _reliability(parsed: list[Parsed], truths: list[UInt8Array]) -> None:
    sure = np.concatenate([of.probability[0][truth != IGNORE] / 255 for of, truth in zip(parsed, truths, strict=True)])
    right = np.concatenate(
        [(of.regions[0] == truth)[truth != IGNORE] for of, truth in zip(parsed, truths, strict=True)]
    )
    click.echo("confidence of a pixel   share of pixels   mean confidence   share that is right")
    gap = 0.0
    for low, high in itertools.pairwise(BINS):
        here = (sure >= low) & ((sure < high) | (high == 1))
        if here.any():
            gap += here.mean() * abs(sure[here].mean() - right[here].mean())
            click.echo(
                f"{low:8.2f} to {high:.2f} {here.mean():19.3f} {sure[here].mean():17.3f} {right[here].mean():21.3f}"
            )
    click.echo(f"expected calibration error: {gap:.3f}")
    faces = np.array([confidence_of(of).face[0] for of in parsed])
    agreement = np.array([confidence_of(of).agreement[0] for of in parsed])
    accuracy = np.array(
        [(of.regions[0] == truth)[truth != IGNORE].mean() for of, truth in zip(parsed, truths, strict=True)]
    )
    click.echo(f"faces: mean confidence {faces.mean():.3f}, accuracy {accuracy.mean():.3f}")
    for name, column in (("confidence", faces), ("agreement with the mirror image", agreement)):
        click.echo(f"rank correlation of a face's accuracy with its {name}: {_rank_correlation(column, accuracy):.2f}")


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1])


if __name__ == "__main__":
    main()
