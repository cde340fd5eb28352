"""What an answer of a maker's interface says of the device: lines of `key=value`, members of JSON, elements of XML.

Only keys that say model, brand or firmware are read, and only of an answer that gives a model: pages speak of the versions of many things.
The spellings are those of Axis (VAPIX param.cgi and basicdeviceinfo.cgi), Hikvision (ISAPI System/deviceInfo), Dahua (magicBox.cgi), Hanwha
(SUNAPI deviceinfo), Vivotek (getparam system_info), Reolink (GetDevInfo), Uniview (LAPI DeviceInfo) and D-Link (common/info.cgi), as their
published interface descriptions and client libraries have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from netcam.model import Fact

MAX_ANSWER = 32_768
"""Characters of an answer that are looked through."""
MAX_PROPERTIES = 1_000
"""Properties of each form that are looked at: a whole list of parameters has some hundreds before the device's own."""

_FORMS = (
    re.compile(r"""^[ \t]{0,8}(?:var[ \t]{1,4})?([A-Za-z][\w.]{1,60})[ \t]{0,4}=[ \t]{0,4}['"]?([^'"\r\n;<>]{1,80})""", re.MULTILINE),
    re.compile(r'"([A-Za-z][\w.]{1,60})"\s{0,4}:\s{0,4}"([^"\r\n]{1,80})"'),
    re.compile(r"<([A-Za-z][\w.]{1,60})(?:[ \t][^<>]{0,80})?>([^<>\r\n]{1,80})</"),
)
_MODEL = re.compile(r"(?:model(?:name)?|prodnbr|prodshortname|devicetype)\Z")
_BRAND = re.compile(r"(?:brand(?:brand)?|manufacturer|vendor(?:name)?)\Z")
_FIRMWARE = re.compile(r"(?:firmwarever(?:sion)?|firmver|fwver(?:sion)?|softwarever(?:sion)?)\Z")
_VERSION = re.compile(r"(?=.{0,40}\d\w{0,3}[._-]\w)[A-Za-z0-9][\w .:,/-]{0,60}")
"""What a version is written like; scripts of pages assign expressions to variables of these names."""
_LABELLED = re.compile(
    r"""\b(?:(?:firmware|soft(?:ware)?|fw)[ _-]?(?:version|ver\.?)|sys_ver)["']?"""
    r"""(?:\s{0,3}[:=]\s{0,3}|\s{0,3}:?\s{0,3}(?:</?\w{1,8}[^<>]{0,80}>\s{0,6}){1,3}|\s)["']?"""
    r"(?P<version>(?:[A-Z0-9]{3,12}-VVTK-\w{4,6}|[A-Z]{2,6}_[A-Z]?\d{3,5}-[0-9A-Z]{4,24}|MX-V[\d.]{5,20}|v?\d{1,3}(?:\.\w{1,10}){1,6})"
    r"(?:,? ?build[ _:]?\d{6,8})?(?: rel[. ]{1,2}\w{4,12})?)(?![\w.]*\w)",
    re.IGNORECASE,
)
"""A version of the firmware that a page names so: in a sentence, in a table's next cell, or as a variable's text. `sys_ver` is what Foscam's
get_status.cgi and the many firmwares after it call it."""
_LABELS = ("ersion", "ERSION", "_ver", "Ver", "ver")
"""What a page that names one holds."""
_SIGNS = ("odel", "MODEL", "ProdNbr", "deviceType")
"""What an answer that gives a model holds; others are not looked through."""


def version(page: str) -> Iterator[Fact]:
    """The version of the firmware that a page names as such, the first."""
    if any(one in page for one in _LABELS) and (found := _LABELLED.search(page[:MAX_ANSWER])):
        yield Fact("http.property.version", found["version"])


def told(answer: str) -> Iterator[Fact]:
    """Facts of model, brand and firmware; none where no model is given."""
    if not any(sign in answer for sign in _SIGNS):
        return
    text = answer[:MAX_ANSWER]
    models: dict[str, None] = {}
    brands: dict[str, None] = {}
    firmware = version = build = ""
    for form in _FORMS:
        for found in islice(form.finditer(text), MAX_PROPERTIES):
            key, value = re.sub(r"[\W_]", "", found[1]).lower(), " ".join(found[2].split())
            if not value:
                continue
            if _MODEL.search(key):
                models.setdefault(value)
            elif _BRAND.search(key):
                brands.setdefault(value)
            elif _FIRMWARE.search(key) and _VERSION.fullmatch(value):
                firmware = firmware or value
            elif key == "firmwarereleaseddate" and value.startswith("build"):
                build = build or value
            elif key == "version" and _VERSION.fullmatch(value):
                version = version or value
    if not models:
        return
    yield from (Fact("http.property.model", one) for one in models)
    yield from (Fact("http.property.brand", one) for one in brands)
    firmware = firmware or (version if brands else "")
    if firmware:
        yield Fact("http.property.firmware", f"{firmware} {build}".strip())
