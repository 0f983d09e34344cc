"""Names from anybody, as programs and terminals get them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from faceshards.cells import json_text, visible


@given(st.dictionaries(st.text(st.characters()), st.text(st.characters())))
def test_json_is_read_back_as_it_was_and_drives_no_terminal(names: dict[str, str]) -> None:
    text = json_text(names)
    assert json.loads(text) == names
    assert all(visible(line) == line for line in text.split("\n"))
    text.encode()  # a half of a letter would be refused by a terminal
