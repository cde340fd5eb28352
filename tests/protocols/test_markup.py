"""Text decoding and bounded markup."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcam.errors import DecodeError
from netcam.protocols import decoding, markup


def test_chinese_bytes_that_are_not_utf8_are_read_as_gb18030() -> None:
    assert decoding.text("海康威视".encode("gb18030")) == "海康威视"
    assert decoding.text(b"\xff\xfe") != ""


def test_controls_that_drive_a_terminal_or_hide_text_are_dropped() -> None:
    assert decoding.text(b"DS\x00-2CD\x1b[31m\xe2\x80\xaex") == "DS-2CD[31mx"


def test_elements_are_found_whatever_their_prefix() -> None:
    document = markup.read(b'<a:E xmlns:a="urn:a"><b xmlns="urn:b"><a:C> x &amp; y </a:C></b></a:E>')
    assert document.root.value("C") == "x & y"
    assert document.namespaces == ("urn:a", "urn:b")
    assert not document.lenient


def test_broken_xml_is_scanned_and_marked() -> None:
    document = markup.read(b"<ProbeMatch><Uuid>1</Uuid><MAC>aa</MAC><Open></ProbeMatch>")
    assert document.lenient
    assert (document.root.name, document.root.value("MAC")) == ("ProbeMatch", "aa")


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b"<a>" * 25 + b"</a>" * 25,
        b"<a>" + b"<b/>" * 600 + b"</a>",
        b"<a>" + b"x" * 70_000 + b"</a>",
        b"<" * 300_000,
        "<!DOCTYPE a><a/>".encode("utf-16"),
        b"",
        b"plain",
    ],
)
def test_a_document_over_a_bound_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        markup.read(data)


@given(st.binary(max_size=400) | st.text("<>/aAb =\"'&;:!?x", max_size=300).map(str.encode))
def test_any_bytes_are_a_document_or_a_decode_error(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert isinstance(markup.read(data), markup.Document)


def test_the_title_is_one_line_with_entities_resolved() -> None:
    assert markup.title("<html><HEAD><TITLE id=t>\n WEB &amp;\n SERVICE </title>") == "WEB & SERVICE"
    assert markup.title("<p>none") == ""
