"""Texts of people: nothing in them turns what follows around."""

import pytest

from foundation.errors import InvalidInput
from foundation.texts import checked_text

DIRECTION = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("control", DIRECTION)
@pytest.mark.parametrize("text", ["{}tắt đèn", "tắt {} đèn", "tắt đèn{}"])
def test_control_of_direction_is_refused_wherever_it_stands(control: str, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_text("body", text.format(control))
    assert refused.value.details == {"field": "body"}


def test_letters_tabs_lines_and_joined_emoji_are_kept() -> None:
    text = "Đèn tắt\n\tngõ 12 👨\u200d👩\u200d👧"
    assert checked_text("body", f" {text} ") == text
