"""Nothing from a device can steer a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.report.terminal_text import MAX_SHOWN, escape


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("App-webs/", "App-webs/"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("cam\u202egpj.exe", "cam\\u202egpj.exe"),
        ("a\u200bb\ufeffc\u2066d", "a\\u200bb\\ufeffc\\u2066d"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\u2028", "\\u2028"),
        ("摄像机 Überwachung", "摄像机 Überwachung"),
        ("e\u0301", "e\u0301"),
        ("a" + "\u0301" * 4, "a\u0301\u0301\\u0301\\u0301"),
    ],
)
def test_hostile_characters_are_shown_and_honest_ones_stay(hostile, shown):
    assert escape(hostile) == shown


def test_long_text_is_cut_with_a_mark():
    assert escape("x" * 10_000) == "x" * MAX_SHOWN + "…"
    assert escape("\x1b" * 10_000, limit=9) == "\\x1b\\x1b…"
    assert escape("x" * 5, limit=5) == "xxxxx"


@given(st.text(st.characters()), st.integers(1, 300))
def test_what_is_shown_is_one_bounded_line_without_hidden_characters(text, limit):
    shown = escape(text, limit)
    assert len(shown) <= limit + 1
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
