"""Bounded XML and HTML reading: no DTD, no entities beyond the five, limited depth and size; a lenient scan for broken XML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from netcam.errors import DecodeError
from netcam.protocols import decoding

MAX_BYTES = 262_144
"""Bytes of one document: the largest real one (an ONVIF GetServices answer with capabilities) is under 64 kB."""
MAX_DEPTH = 24
"""Nesting of elements: SOAP answers reach 12."""
MAX_ELEMENTS = 512
"""Elements of one document: a SADP answer has under 80, a GetCapabilities answer under 200."""
MAX_ATTRIBUTES = 64
"""Attributes and namespace declarations of one element: ONVIF envelopes declare up to 50."""
MAX_TEXT = 65_536
"""Characters of text kept of one document."""

_FORBIDDEN = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_TAG = re.compile(
    r"<(?:[A-Za-z_][\w.\-]{0,60}:)?([A-Za-z_][\w.\-]{0,60})(?:\s[^<>]{0,2000})?>([^<]{0,4000})</(?:[A-Za-z_][\w.\-]{0,60}:)?\1\s{0,8}>"
)
_XMLNS = re.compile(r"""\bxmlns(?::[\w.\-]{1,60})?\s{0,8}=\s{0,8}["']([^"'<>]{1,500})["']""")
_TITLE = re.compile(r"<title(?:\s[^<>]{0,500})?>([^<]{0,2000})", re.IGNORECASE)


@dataclass(slots=True)
class Element:
    """One element: local name, namespace, text, children."""

    name: str
    namespace: str = ""
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def every(self, name: str) -> Iterator[Element]:
        """This element and all below it called `name`, whatever the namespace, in document order."""
        stack = [self]
        while stack:
            at = stack.pop()
            if at.name == name:
                yield at
            stack.extend(reversed(at.children))

    def first(self, *path: str) -> Element | None:
        """The first element at the end of `path`; each step is searched at any depth below the one before."""
        at: Element | None = self
        for step in path:
            at = None if at is None else next((found for child in at.children for found in child.every(step)), None)
        return at

    def value(self, *path: str) -> str:
        """Text of `first(*path)` without outer white space, empty where there is none."""
        found = self.first(*path)
        return "" if found is None else found.text.strip()


@dataclass(slots=True)
class Document:
    """A document read: its root, every namespace it declares, and whether the lenient scan had to be used."""

    root: Element
    namespaces: tuple[str, ...] = ()
    lenient: bool = False


def read(data: bytes) -> Document:
    """Read XML, leniently where it is broken. Raises DecodeError for a DTD, a bound exceeded, or nothing like XML."""
    if len(data) > MAX_BYTES:
        raise DecodeError(f"XML of more than {MAX_BYTES} bytes")
    data = data.strip(b"\x00\r\n\t \xef\xbb\xbf")
    if b"<" not in data:
        raise DecodeError("no XML")
    # UTF-16 would hide a DTD from the check below, and no known device sends it
    if b"\x00" in data or _FORBIDDEN.search(data):
        raise DecodeError("XML with a DTD or NUL bytes")
    try:
        return _Reader().read(data)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, DecodeError):
            raise
        return _lenient(decoding.decoded(data))


class _Reader:
    def __init__(self) -> None:
        self._root: Element | None = None
        self._open: list[Element] = []
        self._elements = 0
        self._characters = 0
        self._namespaces: dict[str, None] = {}
        self._parser = expat.ParserCreate(namespace_separator="\x1f")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartNamespaceDeclHandler = self._namespace
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, data: bytes) -> Document:
        self._parser.Parse(data, True)
        if self._root is None:
            raise DecodeError("no XML element")
        return Document(self._root, tuple(self._namespaces))

    def _doctype(self, *_: object) -> None:
        raise DecodeError("XML with a DTD")

    def _namespace(self, _prefix: str | None, uri: str | None) -> None:
        if uri and len(self._namespaces) < MAX_ATTRIBUTES:
            self._namespaces[uri] = None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH or len(attributes) > MAX_ATTRIBUTES:
            raise DecodeError("XML with too many elements, attributes or levels")
        namespace, _, local = name.rpartition("\x1f")
        element = Element(local, namespace)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, data: str) -> None:
        self._characters += len(data)
        if self._characters > MAX_TEXT:
            raise DecodeError(f"XML with more than {MAX_TEXT} characters of text")
        self._open[-1].text += data


def _lenient(text: str) -> Document:
    """Leaf elements by scanning for `<tag>text</tag>`, all as children of one root named after the first tag."""
    first = re.search(r"<(?:[A-Za-z_][\w.\-]{0,60}:)?([A-Za-z_][\w.\-]{0,60})", text)
    if first is None:
        raise DecodeError("nothing like XML")
    root = Element(first[1])
    for found in _TAG.finditer(text[:MAX_TEXT]):
        if len(root.children) >= MAX_ELEMENTS:
            break
        root.children.append(Element(found[1], "", html.unescape(found[2])))
    if not root.children:
        raise DecodeError("XML that cannot be read")
    return Document(root, tuple(dict.fromkeys(_XMLNS.findall(text[:MAX_TEXT])))[:MAX_ATTRIBUTES], lenient=True)


def escaped(value: str) -> str:
    """Text for an element or attribute of a message that we write."""
    return html.escape(value, quote=True)


def title(page: str) -> str:
    """Text of the first title element of an HTML page, entities resolved; empty where there is none."""
    found = _TITLE.search(page)
    return decoding.line(html.unescape(found[1]), 512) if found else ""
