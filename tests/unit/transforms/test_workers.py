"""Draws in DataLoader workers: apart in each worker and epoch, and the same again from the same seeds."""

import copy
import multiprocessing
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from faceshards.errors import ParamsError
from faceshards.transforms import FSErasing, erase_regions

IMAGE, REGIONS = torch.zeros(3, 16, 16), torch.full((16, 16), 10, dtype=torch.uint8)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Faces(Dataset[Tensor]):
    """Eight times the same face, erased."""

    def __init__(self, erase: nn.Module, before: Callable[["Faces", int], None] | None = None) -> None:
        self.erase, self.before = erase, before

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Tensor:
        if self.before is not None:
            self.before(self, index)
        return self.erase(IMAGE, REGIONS)[0]


class Both(nn.Module):
    """One transform after the other, as `v2.Compose`; both draw from one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.first, self.second = (FSErasing(p=1, generator=generator) for _ in range(2))

    def forward(self, image: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        return torch.cat([self.first(image, regions)[0], self.second(image, regions)[0]]), regions


def epochs(
    faces: Faces, *, start: str = "fork", kind: type = DataLoader, torch_seed: int = 5, **options: bool
) -> Tensor:
    """What two workers make in two epochs: (16, ...)."""
    torch.manual_seed(torch_seed)
    loader = kind(faces, batch_size=None, num_workers=2, multiprocessing_context=start, **options)
    return torch.stack([face for _ in range(2) for face in loader])


def different(faces: Tensor) -> int:
    return len({face.numpy().tobytes() for face in faces})


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("generator", [None, seeded()], ids=["torch", "own"])
def test_every_worker_and_epoch_draws_apart(persistent: bool, generator: torch.Generator | None) -> None:
    faces = Faces(FSErasing(p=1, generator=generator))
    assert different(epochs(faces, persistent_workers=persistent)) == 16


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")  # torchdata calls it
def test_every_worker_of_a_stateful_loader_draws_apart() -> None:
    from torchdata.stateful_dataloader import StatefulDataLoader

    assert different(epochs(Faces(FSErasing(p=1, generator=seeded())), kind=StatefulDataLoader)) == 16


def test_draws_follow_the_generators_seed_and_torchs() -> None:
    def draw(seed: int, torch_seed: int) -> Tensor:
        return epochs(Faces(FSErasing(p=1, generator=seeded(seed))), torch_seed=torch_seed)

    first = draw(0, 5)
    assert torch.equal(draw(0, 5), first)
    assert different(torch.cat([first, draw(1, 5)])) == 32
    assert different(torch.cat([first, draw(0, 6)])) == 32


def test_draws_go_on_from_where_the_generator_was() -> None:
    def draw(before: int) -> Tensor:
        generator = seeded()
        torch.rand(before, generator=generator)
        return epochs(Faces(FSErasing(p=1, generator=generator)))

    assert different(torch.cat([draw(0), draw(1)])) == 32


def test_two_transforms_of_one_generator_draw_apart() -> None:
    assert different(epochs(Faces(Both(seeded()))).view(32, 3, 16, 16)) == 32


def test_a_copy_in_the_main_process_draws_apart_in_workers_too() -> None:
    assert different(epochs(Faces(copy.deepcopy(FSErasing(p=1, generator=seeded()))))) == 16


def by_index(faces: Faces, index: int) -> None:
    faces.erase.generator.manual_seed(index)


def of_another_generator(faces: Faces, index: int) -> None:
    torch.rand(1, generator=faces.erase.generator)
    faces.erase.generator.manual_seed(index)


@pytest.mark.parametrize("before", [by_index, of_another_generator])
def test_a_generator_that_the_worker_seeds_is_obeyed(before: Callable[[Faces, int], None]) -> None:
    alone = torch.stack([FSErasing(p=1, generator=seeded(index))(IMAGE, REGIONS)[0] for index in range(8)])
    faces = Faces(FSErasing(p=1, generator=seeded(99)), before)
    assert torch.equal(epochs(faces), alone.repeat(2, 1, 1, 1))


class Owner(Faces):
    """A data set that owns the generator."""

    def __init__(self, before: Callable[["Owner", int], None]) -> None:
        super().__init__(FSErasing(p=1), before)
        self.generator = seeded()


def made_once(faces: Owner, _: int) -> None:
    if faces.erase.generator is None:
        faces.erase = FSErasing(p=1, generator=faces.generator)


def made_for_each_face(faces: Owner, _: int) -> None:
    faces.erase = FSErasing(p=1, generator=faces.generator)


def set_afterwards(faces: Owner, _: int) -> None:
    faces.erase.generator = faces.generator


def drawn_from_before(faces: Owner, index: int) -> None:
    torch.rand(1, generator=faces.generator)
    set_afterwards(faces, index)


def cloned(faces: Owner, _: int) -> None:
    if faces.erase.generator is None:
        faces.erase.generator = faces.generator.clone_state()


def its_state_set(faces: Owner, _: int) -> None:
    if faces.erase.generator is None:
        faces.erase.generator = torch.Generator()
        faces.erase.generator.set_state(faces.generator.get_state())


def made_in_the_worker(faces: Owner, _: int) -> None:
    if faces.erase.generator is None:
        faces.erase.generator = seeded()


def by_function(faces: Owner, _: int) -> None:
    faces.erase = lambda image, regions: (
        erase_regions(image, regions, ["nose"], fill="random", generator=faces.generator),
        regions,
    )


WAYS = [
    made_once,
    made_for_each_face,
    set_afterwards,
    drawn_from_before,
    cloned,
    its_state_set,
    made_in_the_worker,
    by_function,
]


@pytest.mark.parametrize("way", WAYS)
def test_a_generator_that_comes_to_the_transform_in_the_worker_draws_apart(way: Callable[[Owner, int], None]) -> None:
    assert different(epochs(Owner(way))) == 16


class Several(Faces):
    """The faces of several data sets, side by side: a spawned worker takes seconds, so they share one."""

    def __init__(self, parts: list[Faces]) -> None:
        self.parts = parts

    def __getitem__(self, index: int) -> Tensor:
        return torch.cat([part[index] for part in self.parts])


def test_so_do_all_of_these_in_workers_that_are_spawned() -> None:
    owners = [Owner(way) for way in (made_once, drawn_from_before, by_function)]
    parts = [*owners, Faces(FSErasing(p=1, generator=seeded())), Faces(Both(seeded(1)))]
    *alone, first, second = epochs(Several(parts), start="spawn").unflatten(1, (-1, 3)).unbind(1)
    assert [different(faces) for faces in alone] == [16] * 4
    assert different(torch.cat([first, second])) == 32


def test_its_draws_follow_both_seeds() -> None:
    assert torch.equal(epochs(Owner(made_once)), epochs(Owner(made_once)))
    assert different(torch.cat([epochs(Owner(made_once)), epochs(Owner(made_once), torch_seed=6)])) == 32


def a_coin_first(faces: Faces, _: int) -> None:
    torch.rand(1, generator=faces.erase.generator)


def copied_once(faces: Faces, _: int) -> None:
    if not hasattr(faces, "copied"):
        faces.erase = faces.copied = copy.deepcopy(faces.erase)


@pytest.mark.parametrize("before", [a_coin_first, copied_once])
def test_what_a_data_set_draws_or_copies_first_does_not_hide_a_copy(before: Callable[[Faces, int], None]) -> None:
    assert different(epochs(Faces(FSErasing(p=1, generator=seeded()), before))) == 16


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_process_that_is_no_worker_warns_that_its_copy_is_one(start: str) -> None:
    with multiprocessing.get_context(start).Pool(1) as pool:
        faces = Faces(FSErasing(p=1, generator=seeded()))
        assert pool.map(warned, [faces, Faces(FSErasing(p=1))]) == [1, 0]
        assert pool.apply(warned, (Faces(FSErasing(p=1, generator=seeded()), by_index),)) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        faces[0]


def warned(faces: Faces) -> int:
    """How often two draws warn."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        faces[1], faces[2]
    return sum("generator came from another process as a copy" in str(one.message) for one in caught)


def test_only_a_generator_can_be_set() -> None:
    erase = FSErasing()
    with pytest.raises(ParamsError, match=r"generator must be a torch\.Generator or None, found 0"):
        erase.generator = 0
    with pytest.raises(ParamsError, match=r"generator must be a torch\.Generator or None, found 0"):
        erase_regions(IMAGE, REGIONS, ["nose"], fill="random", generator=0)


def test_the_main_process_draws_from_the_generator_itself() -> None:
    generator = seeded()
    epochs(Faces(FSErasing(p=1, generator=generator)))
    assert torch.equal(
        FSErasing(p=1, generator=generator)(IMAGE, REGIONS)[0], FSErasing(p=1, generator=seeded())(IMAGE, REGIONS)[0]
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a device other than the CPU")
def test_a_devices_generator_is_refused_in_a_worker() -> None:
    with pytest.raises(ParamsError, match="generator is on cuda:0, which a DataLoader worker cannot draw from"):
        epochs(Faces(FSErasing(p=1, generator=torch.Generator("cuda"))))
