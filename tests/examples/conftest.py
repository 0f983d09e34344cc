import numpy as np
import pytest

import faceshards


@pytest.fixture(scope="session")
def dataset(small_run):
    """The demo faces of the split train."""
    return faceshards.open(small_run / "shards", "train")


@pytest.fixture(scope="session")
def labels(dataset):
    """Their people, from 0."""
    return np.unique(dataset.identities, return_inverse=True)[1]
