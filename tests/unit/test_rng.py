import numpy as np

from faceshards import rng


def test_words_are_splitmix64_as_published() -> None:
    assert rng.words(1234567, 3).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_word_does_not_depend_on_what_else_is_drawn() -> None:
    keys = rng.sample_keys(["a", "b", "c"])
    assert np.array_equal(rng.words(keys, 5)[1, :2], rng.words(keys[1], 2))
    assert rng.word_at(keys[2], 4) == rng.words(keys, 5)[2, 4]


def test_folding_is_associative_and_tells_coordinates_apart() -> None:
    key = rng.sample_keys(["a"])
    assert np.array_equal(rng.fold(key, 1, 2), rng.fold(rng.fold(key, 1), 2))
    seen = {int(rng.fold(key, a, b)[0]) for a in range(20) for b in range(20)}
    assert len(seen) == 400


def test_sample_keys_are_pinned_to_the_id() -> None:
    assert rng.sample_keys(["000000"]).tolist() == [int.from_bytes(_blake("000000"), "little")]


def test_uniforms_are_uniform() -> None:
    draws = rng.uniforms(rng.fold(rng.sample_keys(map(str, range(2000))), 0), 8)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert abs(draws.mean() - 0.5) < 0.01
    assert np.abs(np.corrcoef(draws.T) - np.eye(8)).max() < 0.1


def _blake(text: str) -> bytes:
    import hashlib

    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def test_a_key_that_skips_words_goes_on_after_them_and_back() -> None:
    keys = rng.sample_keys(["a", "b"])
    assert np.array_equal(rng.words(rng.skip(keys, 3), 4), rng.words(keys, 7)[:, 3:])
    assert np.array_equal(rng.skip(rng.skip(keys, [5, 6]), [-5, -6]), keys)


def test_octets_are_the_bytes_of_each_key_s_words_one_key_after_the_other() -> None:
    keys = rng.fold(rng.sample_keys(["a", "b", "c", "d"]), 3)
    words = rng.words(keys, 3).astype("<u8").view(np.uint8)
    assert np.array_equal(
        rng.octets(keys, np.array([0, 5, 24, 9])), np.concatenate([words[1, :5], words[2], words[3, :9]])
    )
    assert rng.octets(keys[:0], np.zeros(0, np.int64)).shape == (0,)


def test_a_number_folds_like_an_array_of_it() -> None:
    keys = rng.sample_keys(["a", "b"])
    for part in (0, 7, -3, 2**63):
        assert np.array_equal(rng.fold(keys, part), rng.fold(keys, np.full(2, part)))
