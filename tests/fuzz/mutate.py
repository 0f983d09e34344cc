"""Other inputs out of good ones: bits flipped, sizes exchanged for great ones, parts moved, cut and joined."""

import random
import struct

_BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
_NUMBERS = (0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFF0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
_FORMS = ("<H", ">H", "<I", ">I", "<Q", ">Q")
_WORDS = (
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"[",
    b"{",
    b'"',
    b"..",
    b"/",
    b"\0",
    b"\n",
    b"=cmd()",
    b"9" * 40,
    b"&a [*a]",
)


def mutated(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """An input that is a little like `data`, with one to eight changes.

    Args:
        data: a good input, or a mutated one.
        others: to take parts of.
        rng: decides all.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        data = rng.choice(_CHANGES)(bytearray(data), others, rng)
    return data


def _flip(data: bytearray, _: list[bytes], rng: random.Random) -> bytes:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _set(data: bytearray, _: list[bytes], rng: random.Random) -> bytes:
    if data:
        data[rng.randrange(len(data))] = rng.choice((*_BYTES, rng.randrange(256)))
    return bytes(data)


def _number(data: bytearray, _: list[bytes], rng: random.Random) -> bytes:
    form = rng.choice(_FORMS)
    size = struct.calcsize(form)
    if len(data) >= size:
        at = rng.randrange(len(data) - size + 1)
        number = rng.choice((*_NUMBERS, len(data), rng.getrandbits(32))) & (1 << 8 * size) - 1
        struct.pack_into(form, data, at, number)
    return bytes(data)


def _cut(data: bytearray, _: list[bytes], rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return bytes(data[:start]) if rng.random() < 0.3 else bytes(data[:start] + data[start + rng.randrange(1, 64) :])


def _again(data: bytearray, _: list[bytes], rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    part = data[start : start + rng.randrange(1, 256)]
    return bytes(data[:start] + part * rng.choice((2, 2, 3, 50)) + data[start + len(part) :])


def _word(data: bytearray, _: list[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return bytes(data[:at] + rng.choice(_WORDS) + data[at + rng.choice((0, 0, 1, 4)) :])


def _join(data: bytearray, others: list[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others)
    return bytes(data[: rng.randrange(len(data) + 1)]) + other[rng.randrange(len(other) + 1) :]


_CHANGES = (_flip, _flip, _set, _set, _number, _number, _cut, _again, _word, _join)
