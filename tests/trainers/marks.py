"""Marks that tests of several trainers have in common."""

import pytest

QUIET = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
WORKERS = pytest.mark.parametrize("workers", [0, 2])
