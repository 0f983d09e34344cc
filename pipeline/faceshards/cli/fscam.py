"""`faceshards fscam`: which regions of a face a model relies on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from faceshards.cli.explained import explained, say
from faceshards.cli.parameters import PATH
from faceshards.counted import counted

if TYPE_CHECKING:
    import torch

    from faceshards.cam import FSCAM
    from faceshards.cam.aims import Aim
    from faceshards.cam.explain import InputFormat
    from faceshards.cam.faces import FaceReader
    from faceshards.source.alignment import Aligner


def _numbers(_: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in value.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise click.BadParameter(f"{value!r}: expected a number, or three with commas between them", param=param)
    return numbers


def _baseline(context: click.Context, param: click.Parameter, value: str) -> str | tuple[float, ...]:
    return value if value in ("mean", "blur") else _numbers(context, param, value)


def _target(_: click.Context, param: click.Parameter, value: str) -> str | int:
    if value in ("predicted", "identity", "identity-mean"):
        return value
    if not value.isdecimal():
        raise click.BadParameter(
            f"{value!r}: expected predicted, identity, identity-mean or the number of a class", param=param
        )
    return int(value)


_COLOUR = "NUMBER[,NUMBER,NUMBER]"


@click.command(
    epilog="""
\b
Example:
  $ faceshards fscam data/shards out --split val --model net.pt
  $ faceshards fscam photos out --model model.onnx --target identity-mean --outputs embeddings
"""
)
@click.argument("faces")
@click.argument("out", type=PATH)
@click.option("--model", required=True, help="model.pt or .ts (TorchScript), model.onnx, or module:attribute.")
@click.option("--split", help="Of a store with several.")
@click.option("--target", callback=_target, default="predicted", show_default=True, help="What to explain; see above.")
@click.option(
    "--outputs", type=click.Choice(["logits", "embeddings"]), help="What the model gives, where it is not certain."
)
@click.option("--reference", type=PATH, help="Explain the likeness to the face in this image instead.")
@click.option("--mode", type=click.Choice(["keep", "erase"]), default="keep", show_default=True)
@click.option(
    "--baseline",
    callback=_baseline,
    default="0",
    metavar=f"mean|blur|{_COLOUR}",
    show_default=True,
    help="What hidden pixels become.",
)
@click.option(
    "--mean", callback=_numbers, default="0.5", metavar=_COLOUR, show_default=True, help="The model's: see above."
)
@click.option(
    "--std", callback=_numbers, default="0.5", metavar=_COLOUR, show_default=True, help="The model's: see above."
)
@click.option("--bgr", is_flag=True, help="The model takes blue, green, red.")
@click.option("--batch-size", type=click.IntRange(min=1), default=64, show_default=True, help="Images a pass.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many faces.")
@click.option("--overlays", type=click.IntRange(min=0), default=64, show_default=True, help="Pictures of single faces.")
@click.option(
    "--detector",
    type=click.Choice(["auto", "mesh", "none", "dlib", "yunet"]),
    default="auto",
    show_default=True,
    help="How faces without landmarks are found; see above.",
)
@click.option("--yunet-model", type=PATH, help="The ONNX file of the detector yunet.")
@click.option("--landmarks", type=PATH, help="A CSV table of landmarks, for images.")
@click.option("--parser", default="bundled", show_default=True, help="Weights of the region parser, for images.")
@explained
def fscam(faces: str, out: Path, **options: Any) -> None:
    """Show which regions of a face a model relies on (FS-CAM).

    FACES is a store, at a path or a URL, or images: a folder, a folder of one subfolder a person, a FaceSynthetics zip,
    InsightFace's RecordIO. Images are aligned by the landmarks that they come with, or by --landmarks. Without any, an
    image of 112x112 pixels is taken as it is, and the face mesh finds the largest face of any other. A --detector that
    is named looks at all of them; with none, others than 112x112 pixels are skipped. The bundled network parses them.

    OUT becomes a folder: scores.csv (one row a face), regions.svg (mean and standard deviation by region),
    identities.svg (identity by region), average.npy and average.png (the mean map), overlays/ (face, regions, map;
    named by the row in scores.csv), and skipped.csv where a face could not be used.

    \b
    What is explained, --target:
      predicted      the class of the highest logit; a single logit itself;
                     refused where the outputs are embeddings or may be:
                     of unit length, made by a normalising layer, or 32, 64,
                     ..., 8192 of them; for logits say --outputs logits
      3              class 3; refused where the outputs are of unit length
                     or made by a normalising layer
      identity       the face's label, as the loader gives it;
                     of images, folders by name from 0, and of RecordIO
                     its own labels
      identity-mean  for embeddings: cosine to the mean of the identity's
    or --reference face.jpg: for embeddings, cosine to that face's.

    The model gets (pixel / 255 - MEAN) / STD: --mean 0.5 --std 0.5 is [-1, 1];
    --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 is torchvision's. The baseline is a value in these units, or the
    image's mean or blur. In mode keep the model sees one region at a time; in mode erase one is taken away, and its
    score is how far the target drops. Loading a model runs its code: load only what you trust.
    """
    from faceshards.cam import FSCAM
    from faceshards.cam.explain import InputFormat, explain
    from faceshards.cam.loading import load_model
    from faceshards.cam.results import OverlayWriter, write_results
    from faceshards.parsing.device import resolve_device
    from faceshards.store.folder import new_folder

    _refuse_contradictions(options)
    device = resolve_device(options["device"])
    input_format = InputFormat(options["mean"], options["std"], options["bgr"], device)
    align = _aligner(options)
    with new_folder(out, outside=Path(faces)) as work:
        reader = _reader(faces, options, align)
        model = load_model(options["model"], device)
        settings = {name: options[name] for name in ("mode", "baseline", "batch_size", "outputs")}
        cam = FSCAM(model, **settings)
        aim = _aim(options, cam, reader, input_format, align)
        found = explain(cam, reader, aim, input_format, OverlayWriter(work, options["overlays"]))
        write_results(found, work)
    say(f"{out}: {counted(len(found.sample_ids), 'face')} explained, {len(found.skipped)} skipped")


def _refuse_contradictions(options: dict[str, Any]) -> None:
    if options["reference"] is not None and options["target"] != "predicted":
        raise click.UsageError("--reference is a target of its own; leave --target out")


def _aligner(options: dict[str, Any]) -> "Aligner":
    from faceshards.source.alignment import Aligner

    return Aligner(options["detector"], options["yunet_model"])


def _reader(faces: str, options: dict[str, Any], align: "Aligner") -> "FaceReader":
    from faceshards.cam.faces import SourceFaces, StoreFaces
    from faceshards.parsing.parser import load_parser
    from faceshards.source.open import open_source
    from faceshards.store.remote import open_store
    from faceshards.store.schema import DATASET_JSON

    if "://" in faces or (Path(faces) / DATASET_JSON).is_file():
        # A reference is an image, and is searched for its face.
        of_images = ("landmarks", "parser", *(() if options["reference"] else ("detector", "yunet_model")))
        if given := [f"--{name.replace('_', '-')}" for name in of_images if _is_given(name)]:
            raise click.UsageError(f"{' and '.join(given)}: for images; the faces of a store are aligned and parsed")
        return StoreFaces(open_store(faces), options["split"], options["limit"])
    if options["split"] is not None:
        raise click.UsageError(f"--split is for stores; {faces} has no {DATASET_JSON}")
    source = open_source(Path(faces), landmarks=options["landmarks"])
    parser = load_parser(options["parser"], options["device"])
    return SourceFaces(source, parser.parse, align, options["limit"])


def _is_given(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is not ParameterSource.DEFAULT


def _aim(
    options: dict[str, Any],
    cam: "FSCAM",
    reader: "FaceReader",
    input_format: "InputFormat",
    align: "Aligner",
) -> "Aim":
    from faceshards.cam.aims import LikeOwnIdentity, like_reference, one_class, own_identity, predicted_class
    from faceshards.cam.explain import each_output

    if options["reference"] is not None:
        return like_reference(_reference(options["reference"], cam, input_format, align))
    if options["target"] == "identity-mean":
        likeness = LikeOwnIdentity()
        each_output(cam.model, reader, input_format, cam.batch_size, likeness.add)
        return likeness
    if isinstance(options["target"], int):
        return one_class(options["target"])
    return own_identity if options["target"] == "identity" else predicted_class


def _reference(path: Path, cam: "FSCAM", input_format: "InputFormat", align: "Aligner") -> "torch.Tensor":
    from faceshards.cam.explain import model_outputs
    from faceshards.cam.faces import aligned_face
    from faceshards.errors import SourceNotFoundError

    if not path.is_file():
        raise SourceNotFoundError(f"{path}: expected the image of a reference face; found none there; check the path")
    image = aligned_face(path.read_bytes(), str(path), None, align)
    return model_outputs(cam.model, input_format(image[None]), 1)[0]
