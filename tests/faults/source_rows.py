"""Rows about what faces come from: downloads, zips, pictures, labels, points, weights."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
from downloads import DATA, QUICK, download
from file_server import FileServer, Handler
from frame_files import frames, landmark_text, landmarks, write_zip
from image_files import encode, noise
from odd_pictures import picture, saved
from outcomes import Outcome
from parsers import tiny_weights
from table import Row, Try, attempt, damaged

from faceshards.errors import BadSampleError, FaceShardsError
from faceshards.parsing.weights import load_weights
from faceshards.source.decode import decode_image, decode_labels
from faceshards.source.facesynthetics import FaceSynthetics, parse_landmarks


def downloads(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """Half of the answers are cut off, damaged in their length, busy, or gone; then all are right."""
    for number in range(times):
        into = folder / str(number)
        into.mkdir()
        yield _downloaded(into, random.Random(rng.random()))


def _downloaded(into: Path, dice: random.Random) -> Try:
    def behave(handler: Handler) -> bool:
        start, stop = handler.asked()
        match dice.randrange(10):
            case 0 | 1 | 2:
                return handler.answer(start, stop, body_bytes=dice.randrange(stop - start))
            case 3:
                return handler.reply(dice.choice([500, 502, 503, 504]), {"Content-Length": "0"})
            case 4:
                return dice.random() < 0.1 and handler.reply(404, {"Content-Length": "0"})
        return False

    with FileServer(DATA, behave) as server:
        transfer = replace(QUICK, retries=3, backoff_s=0.001)
        outcome, what = attempt("a server that fails", lambda: download(server, into, transfer), DATA)
        if (into / "faces.zip").exists() and (into / "faces.zip").read_bytes() != DATA:
            outcome, what = Outcome.FAILED, f"{what}; what lies there is another file"
        server.behave = None
        after = attempt("and then one that does not", lambda: download(server, into), DATA)
    return (outcome, what) if after[0] == Outcome.HELD else (Outcome.FAILED, f"{what}; {after[1]}")


def zips(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """A zip of frames is damaged; each file comes as it was, or is a bad sample, or the zip is refused."""
    path = write_zip(folder / "x.zip", frames())
    sound = path.read_bytes()
    expected = _frames_of(path)
    for _ in range(times):
        what, data = damaged(sound, rng)
        path.write_bytes(data)
        try:
            found = _frames_of(path)
        except FaceShardsError as error:
            yield Outcome.NAMED, f"{what}: {error}"
        except Exception as error:
            yield Outcome.FAILED, f"{what}: {type(error).__name__}: {error}"
        else:
            others = [i for i in found if found[i] not in (None, expected.get(i))]
            if others or found.keys() != expected.keys():
                yield Outcome.FAILED, f"{what}: {others} are others, without a word; faces {sorted(found)}"
            else:
                yield (Outcome.NAMED if None in found.values() else Outcome.HELD), what


def _frames_of(path: Path) -> dict[str, bytes | None]:
    """What each sample is made of; None where it is a bad sample."""
    source = FaceSynthetics(path)
    found: dict[str, bytes | None] = {}
    for index in range(len(source)):
        name = source.face(index).sample_id
        try:
            truth, points = source.truth(index), source.landmarks(index)
            parts = (
                source.image_bytes(index),
                truth and truth.labels.tobytes(),
                points is not None and points.tobytes(),
            )
            found[name] = repr(parts).encode()
        except BadSampleError:
            found[name] = None
    return found


def _decoded(sound: bytes, read: Callable[[bytes], bytes], times: int, rng: random.Random) -> Iterator[Try]:
    expected = read(sound)
    for _ in range(times):
        what, data = damaged(sound, rng)
        yield attempt(what, lambda data=data: read(data), expected)


def images(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """A PNG is damaged anyhow; a JPEG, which has no checksum, is cut off."""
    yield from _decoded(saved(picture(), "PNG"), lambda data: decode_image(data, "x").tobytes(), -(-times // 2), rng)
    jpeg = cv2.imencode(".jpg", cv2.resize(noise(20, 20), (256, 256)))[1].tobytes()
    expected = decode_image(jpeg, "x").tobytes()
    for _ in range(times // 2):
        at = rng.randrange(len(jpeg) - 2)
        data = jpeg[:at] + rng.choice([b"", b"\xff\xd9"])
        yield attempt(f"a JPEG cut at {at}", lambda data=data: decode_image(data, "x").tobytes(), expected)


def labels(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """A label map is damaged anyhow."""
    sound = encode(noise(32, 32, 1, top=19))
    yield from _decoded(sound, lambda data: decode_labels(data, "x").tobytes(), times, rng)


def points(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """A line or a number of a file of 70 points is gone, doubled, or no number."""
    lines = landmark_text(landmarks()).decode().splitlines(keepends=True)
    expected = parse_landmarks("".join(lines).encode(), "x").tobytes()
    for _ in range(times):
        at, odd = (
            rng.randrange(len(lines)),
            rng.choice(["nan", "inf", "-inf", "1e40", "x", "1,5", "\xe9", "\0", "0x10"]),
        )
        x, y = lines[at].split()
        changed = rng.choice(["", lines[at] * 2, f"{x}\n", f"{x} {y} {y}\n", f"{odd} {y}\n", f"{x} {odd}\n"])
        text = "".join([*lines[:at], changed, *lines[at + 1 :]])
        data = text.encode()[: rng.choice([None, rng.randrange(len(text) - 12)])]
        yield attempt(f"line {at} is {changed!r}", lambda data=data: parse_landmarks(data, "x").tobytes(), expected)


def weights(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """A file of weights is damaged; what is read has the hash of the sound one, by which a version names it."""
    path = tiny_weights(folder)
    sound, expected = path.read_bytes(), load_weights(path).sha256
    header = 8 + int.from_bytes(sound[:8], "little")
    for _ in range(times):
        what, data = damaged(sound[: rng.choice([8, header, header])], rng)
        path.write_bytes(rng.choice([data + sound[header:], sound[: rng.randrange(len(sound))]]))
        yield attempt(what, lambda: load_weights(path).sha256, expected)


ROWS = [
    Row("download", 100, "answers cut off, of errors, of files that are gone", downloads),
    Row("zip", 300, "a zip of frames damaged", zips),
    Row("images", 300, "PNGs damaged, JPEGs cut off", images),
    Row("labels", 300, "a label map damaged", labels),
    Row("landmarks", 300, "a file of points damaged", points),
    Row("weights", 300, "the head of a safetensors file damaged, or the file cut off", weights),
]
