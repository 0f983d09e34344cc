import numpy as np
import pytest

from faceshards.loader.memory import Pool

UINT8 = np.dtype(np.uint8)


def test_memory_is_used_again_once_nobody_sees_it() -> None:
    pool = Pool()
    first = pool.take((4, 3), np.dtype(np.uint32))
    address = first.ctypes.data
    part = first[1:3].T
    del first
    assert pool.take((4, 3), np.dtype(np.uint32)).ctypes.data != address
    del part
    assert pool.take((48,), UINT8).ctypes.data == address


def test_arrays_have_the_shape_and_dtype_asked_for_and_can_be_written() -> None:
    array = Pool().take((2, 5), np.dtype(np.int64))
    array[:] = 7
    assert (array.shape, array.dtype, array.sum()) == ((2, 5), np.int64, 70)


@pytest.mark.parametrize("size", [1, 64, 1000, 128 * 112 * 112 * 3])
def test_arrays_start_where_jax_takes_them_without_a_copy(size: int) -> None:
    arrays = [Pool().take((size,), UINT8) for _ in range(5)]
    assert [array.ctypes.data % 64 for array in arrays] == [0] * 5
