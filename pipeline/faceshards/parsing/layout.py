"""Key names of other people's checkpoints of the same network."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Shapes: TypeAlias = Mapping[str, Sequence[int]]


def matching_names(found: Shapes, expected: Shapes) -> dict[str, str]:
    """Our name of every key of a checkpoint whose layers are ours, under other names.

    What is known of the FSErasing authors' checkpoint are the names of its parts (``conv0`` .. ``final``) and its size.
    So within a part, layers of the same kind and shapes are taken in the order in which they stand.

    Args:
        found: shapes by key, in the checkpoint's order.
        expected: shapes by key, in the network's order.

    Returns:
        Found key -> expected key; every key as it is where the names are ours, or a part has other layers than ours.
    """
    if set(found) == set(expected):
        return {key: key for key in found}
    theirs, ours = _layers(found), _layers(expected)
    if {kind: len(names) for kind, names in theirs.items()} != {kind: len(names) for kind, names in ours.items()}:
        return {key: key for key in found}
    layer = {t: o for kind, names in theirs.items() for t, o in zip(names, ours[kind], strict=True)}
    return {key: ".".join((layer[key.rpartition(".")[0]], key.rpartition(".")[2])) for key in found}


def _layers(shapes: Shapes) -> dict[tuple[object, ...], list[str]]:
    """Names of layers by (part, names and shapes of its tensors)."""
    tensors: dict[str, list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for key, shape in shapes.items():
        layer, _, leaf = key.rpartition(".")
        tensors[layer].append((leaf, tuple(shape)))
    kinds: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for layer, content in tensors.items():
        kinds[layer.partition(".")[0], *sorted(content)].append(layer)
    return kinds
