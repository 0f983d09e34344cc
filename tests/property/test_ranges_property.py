from hypothesis import given
from hypothesis import strategies as st

from faceshards.source.fetch.ranges import ContentRange, parse_content_range, range_header, split


@given(size=st.integers(0, 10**5), block_bytes=st.integers(1, 10**5))
def test_blocks_cover_the_file_exactly_once_and_in_order(size: int, block_bytes: int) -> None:
    block_bytes = max(block_bytes, size // 1000 + 1)
    blocks = split(size, block_bytes)
    edges = [block.start for block in blocks] + [size]
    assert edges[0] == 0
    assert [block.stop for block in blocks] == edges[1:]
    assert all(0 < len(block) <= block_bytes for block in blocks)


@given(size=st.integers(1, 2**62), first=st.integers(0, 2**62), length=st.integers(1, 2**62))
def test_what_is_asked_for_reads_back_from_the_answer(size: int, first: int, length: int) -> None:
    span = range(first, first + length)
    content = parse_content_range(f"{range_header(span).replace('=', ' ')}/{size}")
    assert content == (ContentRange(span, size) if span.stop <= size else None)


@given(st.text() | st.from_regex(r"bytes [0-9*]{0,30}-[0-9]{0,30}/[0-9*]{0,30}", fullmatch=True))
def test_any_content_range_is_either_sound_or_refused(header: str) -> None:
    content = parse_content_range(header)
    assert content is None or 0 <= content.span.start < content.span.stop <= content.size
