import numpy as np
import pytest
from stores import build_faces, face_arrays, sample_id

import faceshards

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402 (after the skip)

from faceshards.loader.tensors import to_tensors  # noqa: E402
from faceshards.loader.torch import TorchDataset  # noqa: E402

TRAIN = face_arrays("train", 0, 21)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> faceshards.Dataset:
    root = tmp_path_factory.mktemp("store")
    return faceshards.open(build_faces(root / "work", root / "out"))


def test_tensors_share_the_memory_of_the_batch(faces: faceshards.Dataset) -> None:
    batch = next(faces.batches(4, view="all_variants"))
    tensors = to_tensors(batch)
    assert tensors["image"].data_ptr() == batch["image"].ctypes.data
    assert tensors["erased"].dtype == torch.uint32
    assert tensors["sample_id"] == [sample_id("train", row) for row in range(4)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_dataset_goes_into_a_dataloader_as_it_is(faces: faceshards.Dataset, workers: int) -> None:
    faces[0]  # Zarr's own thread now runs in this process, which the workers are forked from
    batches = list(DataLoader(faces, batch_size=8, num_workers=workers))
    assert [i for b in batches for i in b["sample_id"]] == [sample_id("train", row) for row in range(21)]
    np.testing.assert_array_equal(torch.cat([b["image"] for b in batches]).numpy(), TRAIN["image"])
    np.testing.assert_array_equal(torch.cat([b["identity"] for b in batches]).numpy(), TRAIN["identity"])


def test_a_torch_dataset_shows_other_variants_in_another_epoch(faces: faceshards.Dataset) -> None:
    shown = TorchDataset(faces, view="variants", seed=4, fields=["image", "erased"])
    assert len(shown) == 21
    epochs = []
    for epoch in range(2):
        shown.set_epoch(epoch)
        batches = list(DataLoader(shown, batch_size=8, num_workers=1))
        images = torch.cat([b["image"] for b in batches]).numpy()
        expected = faces.take(range(21), view="variants", seed=4, epoch=epoch)["image"]
        np.testing.assert_array_equal(images, expected)
        epochs.append(images)
    assert (epochs[0] != epochs[1]).any()
    np.testing.assert_array_equal(shown[3]["image"], epochs[1][3])
