"""What a device's own response headers say of it: `X-Acme-Model`, `X-Product-Name`, `X-Firmware-Version`.

The name of such a header names the device's maker or one of a few things (`device`, `camera`); what it holds is a model only where it is written
like one, and a version only beside a model of the same family or a server of that name: servers for programs send versions of much else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netcam.model import Fact, Observation

MAX_SERVER = 200
"""Characters of a server's name in which the name of a header is looked for."""
_HEADER = re.compile(
    r"http\.header\.(?:x-)?(?:(?P<whose>[a-z0-9]{2,20}(?:-[a-z0-9]{2,20})?)-)?"
    r"(?:(?P<model>model(?:-?(?:name|number|no|id))?|product(?:-?(?:name|model))?)|"
    r"(?P<firmware>(?:firmware|fw|software|sw)(?:-?(?:version|ver|rev))?|version))"
)
_THINGS = frozenset(
    {
        "device",
        "dev",
        "camera",
        "cam",
        "ipcam",
        "ip-camera",
        "ipc",
        "nvr",
        "product",
        "hw",
        "hardware",
        "system",
        "sys",
        "unit",
        "firmware",
        "fw",
        "software",
        "sw",
    }
)
"""What a header speaks of that names nobody."""
_MODEL = re.compile(r"(?=.{0,40}\d)(?=[^a-z]{0,40}[A-Z])[A-Za-z0-9][\w ()/.+-]{1,60}")
"""What a model is written like: capitals and digits; `llama-3` and `gpt-4` are models too."""
_VERSION = re.compile(r"(?=.{0,40}\d\w{0,3}[._-]\w)[A-Za-z0-9][\w .:,/()-]{0,60}")


def told(observations: Sequence[Observation]) -> Iterator[tuple[Observation, Fact]]:
    """Facts that a device's own headers hold, each with the header it stands in, in the order of the observations."""
    found = [(one, header) for one in observations if one.field.startswith("http.header.") and (header := _HEADER.fullmatch(one.field))]
    models = [(one, header) for one, header in found if header["model"] and _MODEL.fullmatch(one.value)]
    families = {_family(header) for _, header in models}
    servers = " ".join(one.value[:MAX_SERVER].lower() for one in observations if one.field == "http.server") if found else ""
    for one, header in models:
        yield one, Fact("http.property.model", one.value)
        if whose := _family(header):
            # the header's name stands before the model as a maker's does in a page's title, and is read as one there
            yield one, Fact(f"http.header.x-{whose.replace(' ', '-')}-model", f"{whose} {one.value}")
    for one, header in found:
        whose = _family(header)
        if header["firmware"] and (whose in families or (whose and whose in servers)) and _VERSION.fullmatch(one.value):
            yield one, Fact("http.property.firmware", one.value)


def _family(header: re.Match[str]) -> str:
    """Whom a header's name names, empty where it names nobody."""
    whose = header["whose"] or ""
    return "" if whose in _THINGS else whose.replace("-", " ")
