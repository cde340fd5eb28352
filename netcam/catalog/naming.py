"""Names and numbering schemes of a maker's file, spelt out as fingerprints over every field where a device names itself.

A maker lists each brand and each model scheme once; this file knows in which fields devices write them. `any.model` stands for the
fields that hold a model (`any.camera` for those of cameras alone), `any.maker` for those that hold a company, `any.text` for running text that the device's firmware wrote
(`any.badge` where that text speaks of the product, `any.made` where it speaks of the software: certificates and server headers keep
the maker's name behind another's badge, `any.company` where that names a company and nothing else), `any.alone` for text that may be nothing but a name, `any.named` for names and models of cameras alone, `any.site` for addresses of web sites
and mail, and `any.host` for host names, which people change. `any.server` and `any.realm` stand for a
server's name and a realm of whatever service: a firmware gives its services the same ones; `any.firmware` for fields that hold a version of
the firmware and nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from netcam.catalog.maker_file import Brand, Fingerprint, MakerFile

_MODEL = (
    "onvif.model", "onvif.scope.hardware", "onvif.scope.model", "upnp.model_name", "upnp.model_number", "sadp.DeviceDescription",
    "dhip.DeviceType", "dhip.deviceType", "dahua5050.model", "hanwha.model", "vivotek.model", "panasonic.model", "sony.MODEL",
    "tvt.model", "axis.ProdNbr", "axis.ProdFullName", "axis.ProdShortName", "ubiquiti.model", "ubiquiti.platform", "tplink.device_model",
    "tplink.model", "hnap.ModelName", "gvcp.model", "mdns.txt.model", "mdns.txt.md", "mdns.txt.mdl", "mdns.txt.product",
    "mdns.txt.modelname", "mdns.txt.model_name", "mdns.txt.ty", "xm.DeviceModel", "bosch.modelName", "cdp.platform", "list.model",
    "snmp.oid.1.3.6.1.4.1.39165.1.1.0", "snmp.oid.1.3.6.1.4.1.1004849.2.1.2.6.0", "snmp.oid.1.3.6.1.4.1.3967.1.1.5.1.0",
    "mdns.txt.usb_mdl", "mdns.txt.am", "mdns.txt.device_model", "mdns.txt.devicemodel", "mdns.txt.model-name", "lldp.model", "mdns.txt.model_number",
    "mdns.txt.modelnumber", "mdns.txt.modelid", "mdns.txt.model_id", "http.property.model",
)  # fmt: skip
_CAMERA_MODEL = tuple(
    field
    for field in _MODEL
    if field.startswith(
        (
            "onvif.",
            "sadp.",
            "dhip.",
            "dahua5050.",
            "hanwha.",
            "vivotek.",
            "panasonic.",
            "sony.",
            "tvt.",
            "axis.",
            "xm.",
            "gvcp.",
            "snmp.oid.",
        )
    )
    or field == "bosch.modelName"
)
"""Fields that hold a model and that hardly anything but cameras and recorders fills."""
_MAKER = (
    "onvif.manufacturer", "onvif.scope.manufacturer", "onvif.scope.mfr", "onvif.scope.vendor", "onvif.scope.brand", "upnp.manufacturer",
    "dhip.Vendor", "tvt.manufacturer", "gvcp.manufacturer", "hnap.VendorName", "mdns.txt.manufacturer", "mdns.txt.mf", "mdns.txt.mfg",
    "mdns.txt.vendor", "mdns.txt.brand", "mdns.txt.usb_mfg", "axis.Brand", "bosch.manufacturer", "list.maker",
    "mdns.txt.company", "mdns.txt.make", "mdns.txt.oem", "mdns.txt.mfr", "mdns.txt.device_manufacturer", "lldp.manufacturer",
    "onvif.scope.company", "onvif.scope.oem", "onvif.scope.make", "onvif.scope.maker", "onvif.scope.mfg", "onvif.scope.brandname",
    "http.property.brand",
)  # fmt: skip
_TEXT = (
    "http.title", "http.realm", "http.server", "http.location", "rtsp.server", "rtsp.realm", "rtsp.sdp.s", "rtsp.sdp.i", "rtsp.sdp.tool",
    "rtsp.sdp.x-qt-text-nam", "rtsp.sdp.x-qt-text-inf", "http.copyright", "tls.subject",
    "tls.issuer", "onvif.scope.name", "onvif.scope.hardware", "onvif.scope.acc", "onvif.model", "upnp.friendly_name", "upnp.model_name",
    "upnp.model_description", "upnp.model_number", "upnp.manufacturer_url", "ssdp.server", "mdns.name", "snmp.sysdescr", "ftp.banner",
    "telnet.banner", "ssh.banner", "smtp.banner", "dhcp.vendor_class", "lldp.system_description", "cdp.platform", "cdp.version",
    "mdns.txt.model", "mdns.txt.md", "mdns.txt.fn", "vivotek.name", "panasonic.name", "foscam.name", "nmap.product", "nmap.extrainfo",
    "http.meta.author", "http.meta.copyright", "http.meta.generator", "http.meta.description", "http.meta.application-name",
    "http.meta.site_name", "http.meta.apple-mobile-web-app-title", "http.heading", "http.logo", "http.header.x-", "upnp.model_url",
    "sip.user_agent", "sip.server", "rtsp.sdp.u", "rtsp.sdp.e", "rtsp.sdp.o", "mdns.txt.ty", "mdns.txt.product",
    "mdns.txt.name", "mdns.txt.note", "mdns.txt.description", "dhip.DeviceType", "dhip.deviceType", "dhip.DetailType",
    "sadp.DeviceDescription", "xm.DeviceModel", "tvt.model", "hnap.ModelName", "list.model",
)  # fmt: skip
_FIRMWARE = (
    "onvif.firmware", "onvif.scope.firmware", "onvif.scope.version", "upnp.firmware", "http.property.firmware", "http.property.version", "list.firmware",
    "mdns.txt.fw", "mdns.txt.fwversion", "mdns.txt.firmware", "mdns.txt.fv", "hnap.FirmwareVersion", "lldp.firmware",
    "snmp.oid.1.3.6.1.4.1.1004849.2.1.1.1.0",
)  # fmt: skip
_HOST = (
    "hostname", "dhcp.hostname", "mdns.host", "snmp.sysname", "lldp.system_name", "cdp.device_id", "tls.san", "ubiquiti.hostname",
)  # fmt: skip

_MADE = (
    "http.server", "rtsp.server", "rtsp.sdp.tool", "rtsp.sdp.o", "rtsp.sdp.u", "rtsp.sdp.e", "http.copyright", "ssdp.server", "tls.subject",
    "tls.issuer", "http.meta.author", "http.meta.copyright", "http.meta.generator", "sip.user_agent", "sip.server",
)  # fmt: skip
_ALONE = (
    "http.title", "http.realm", "rtsp.realm", "rtsp.sdp.s", "rtsp.sdp.i", "http.meta.application-name", "http.meta.author", "http.heading",
    "http.logo", "upnp.friendly_name",
)  # fmt: skip
_COMPANY = ("tls.subject", "tls.issuer", "http.copyright", "http.meta.author", "http.meta.copyright")
_NAMED = ("onvif.scope.name", "onvif.scope.hardware", "onvif.model", "dhip.DeviceType", "sadp.DeviceDescription", "tvt.model")
_SITE = ("http.link", "upnp.manufacturer_url", "upnp.model_url", "rtsp.sdp.u", "rtsp.sdp.e", "tls.subject", "tls.issuer", "tls.san")

CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "any.model": _MODEL,
        "any.camera": _CAMERA_MODEL,
        "any.maker": _MAKER,
        "any.text": _TEXT,
        "any.badge": tuple(field for field in _TEXT if field not in _MADE),
        "any.made": _MADE,
        "any.company": _COMPANY,
        "any.alone": _ALONE,
        "any.named": _NAMED,
        "any.site": _SITE,
        "any.host": _HOST,
        "any.server": ("http.server", "rtsp.server", "ssdp.server"),
        "any.realm": ("http.realm", "rtsp.realm"),
        "any.firmware": _FIRMWARE,
    }
)
"""Class of fields -> the fields it stands for."""

_OF: dict[str, tuple[str, ...]] = {}
for _name, _fields in CLASSES.items():
    for _field in _fields:
        _OF[_field] = (*_OF.get(_field, ()), _name)


_OWNERS_SCOPES = frozenset({"location", "country", "province", "city", "building", "floor", "room", "place", "site", "area", "zone"})
"""Scopes in which the owner says where a device is."""


_HEADER_OF_COMPANY = re.compile(r"(?:\A|-)(?:brand|vendor|manufacturer|maker|oem|company)(?:-?name)?\Z", re.IGNORECASE)


def classes(field: str) -> tuple[str, ...]:
    """The classes that a field belongs to; a header of the device's own stands for all of them, one that is called after a company for
    a field that holds one, and a scope that ONVIF does not define, which the firmware's maker added, for a field that may hold one."""
    if field.startswith("http.header.x-"):
        of_company = ("any.maker",) if _HEADER_OF_COMPANY.search(field.removeprefix("http.header.x-")) else ()
        return (*_OF.get("http.header.x-", ()), *of_company)
    found = _OF.get(field, ())
    if not found and field.startswith("onvif.scope.") and field.removeprefix("onvif.scope.") not in _OWNERS_SCOPES:
        return ("any.maker",)
    return found


GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "text": ("any.text", "any.badge", "any.alone", "any.realm"),
        "made": ("any.text", "any.made", "any.company", "any.server"),
        "models": ("any.model", "any.camera"),
        "hosts": ("any.host",),
        "makers": ("any.maker",),
        "named": ("any.named",),
        "sites": ("any.site",),
        "alone": ("any.alone",),
        "firmware": ("any.firmware",),
    }
)
"""What is matched in one pass: classes that share fields."""


@lru_cache(maxsize=4096)  # names of fields come from the network as well
def passes(field: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The groups in which a field is looked at, each with those of its classes that the field belongs to."""
    left = list(classes(field))
    if field.startswith("any."):
        left = [field]
    found = []
    # what the software's maker wrote goes through its own names of makers, and never through those of badges
    for group, members in GROUPS.items():
        mine = tuple(one for one in members if one in left)
        if mine and not (group == "text" and "any.made" in left):
            found.append((group, mine))
            left = [one for one in left if one not in mine]
    return tuple(found)


MAKER_FIELD, MODEL_FIELD, TEXT, HOST, HOST_NAME = 0.9, 0.95, 0.75, 0.65, 0.6
"""Weights before the factor for drafts: a field that holds a company or model says more than running text, and a host name less.

People name computers after what they do: a maker's name in a host name alone stays under 0.5.
"""


SITE, ALONE = 0.5, 0.6
"""Weights of a maker's web or mail address (a page may link to somebody else's), and of a name that is a word and stands alone."""

PLACES = "(?:Shenzhen|Hangzhou|Zhejiang|Zhuhai|Guangzhou|Xiamen|Tianjin|Beijing|Shanghai|The)"
"""What company names begin with before the name itself."""
CHINESE_PLACES = "(?:杭州|浙江|深圳市?|天津|上海|北京|珠海|广州|苏州|厦门)"
MAKER_START = rf"\A\W{{0,3}}(?:{PLACES} |{CHINESE_PLACES})?"
"""What may stand before a name in a field that holds a company."""

COMPANY_BEGINS = (
    r"[ ,]{1,2}(?:Inc|Corp|Corporation|Co|Company|Ltd|Limited|LLC|GmbH|AG|AB|BV|S\.?p\.?A|S\.?r\.?l|SAS|Communications|Technolog(?:y|ies)|"
    r"Electronics?|Systems|Security|International|Group|Holdings|Industries)"
)
COMPANY = rf"{COMPANY_BEGINS}(?![A-Za-z])"
"""What follows a name where a company is meant, whatever else the name means."""
LOGO = r"(?:[ _-]?(?:company|top|main|white|black|small|big|login|header)?[ _-]?logo[ _-]?\d{0,2})?(?:\.\w{3,4})?"
_DOOR = "(?:Log ?in|Sign ?in|Web ?(?:Client|Viewer|Login|UI|Interface)|WEB|Live ?View|Remote ?View(?:er)?)"
ALONE_START = rf"\A\W{{0,3}}(?:(?:Welcome to|{_DOOR})[ :|–-]{{1,3}})?"
ALONE_END = rf"[®™]?{LOGO}(?:[ :|–-]{{1,3}}{_DOOR})?\W{{0,3}}\Z"
"""What may stand before and after a name that stands alone: what a page is for, and what its picture is called."""
COMPANY_START = r"(?:\A\W{0,3}|(?:\A|[,/+] ?)O ?= ?\W?)"
COMPANY_END = r"[®™]?(?:\W{1,3}All Rights Reserved)?\W{0,3}(?:\Z|[,/+] ?[A-Z]{1,2} ?=)"
"""What stands around a company's name where it stands alone, in a certificate's subject too."""
_ABOUT = re.compile(
    r" (?:camera |nvr |dvr )?(?:plug-?in|integration|driver|bridge|proxy|exporter|api|sdk|download|compatible|add-?on|emulat|simulat|"
    r"honeypot|toolkit|for home|card)",
    re.IGNORECASE,
)
_BEFORE = ("for ", "with ", "supports ", "linux ")
SPOKEN_OF = f"(?:{'|'.join(_BEFORE)})|{_ABOUT.pattern}"
"""What a text holds in which a name is `mentioned`, and others too."""


def mentioned(text: str, start: int, end: int) -> bool:
    """Whether a name at this place of a text is only spoken of: `for Acme`, `Acme integration`, the host's name in what `uname` prints."""
    before = start > 0 and text[max(0, start - 10) : start].casefold().endswith(_BEFORE)
    return before or (text[end : end + 1] == " " and _ABOUT.match(text, end) is not None)


DESCRIBED = frozenset({"snmp.sysdescr", "lldp.system_description", "cdp.version", "cdp.platform", "nmap.product", "nmap.extrainfo"})
"""Fields in which a device describes what it is in words."""
_OTHER = re.compile(
    r"\b(?:switch(?:es)?|rout(?:er|ing)|firewall|(?:laser ?)?print(?:er|ing|server)?|plotter|ups|pdu|access point|wlan|wireless controller|"
    r"(?:ip|voip) ?phone|modem|gateway|blade|chassis|junos|ios|ios-xe|nx-os|eos|procurve|comware|vmware|esxi|hypervisor|bmc|ilo|idrac|"
    r"load balancer|storage|nas|disk|tape|san|hub|transceiver|radio|msan|olt|onu|gpon|dsl(?:am)?)\b",
    re.IGNORECASE,
)
_CAMERA = re.compile(r"camera|ipcam|[ndxh]vr\b|video|recorder|surveillance|\bptz\b|\bdome\b", re.IGNORECASE)


def describes_other(text: str) -> bool:
    """Whether a description speaks of a device that is no camera: a model number in it that looks like a camera's is not one."""
    return _OTHER.search(text) is not None and _CAMERA.search(text) is None


SITE_START = r"(?:\A|[@./=* ])"
SITE_TAIL = r"(?:-?(?:cctv|security|global|usa|us|uk|eu|tech|cam|camera|cameras|group|online|europe|america|video|ip))?"
SITE_END = rf"{SITE_TAIL}\.(?:com|net|org|eu|[a-z]{{2}})(?:\.[a-z]{{2}})?(?![\w-]|\.\w)"
"""What follows the maker's name in the address of its site."""


_BUILT = "(?:HD|Mini|Megapixel|Wireless|Outdoor|Indoor|Compact|Fixed|Dome|PTZ|Bullet|Digital)"
_LINKED = "(?:Network|Internet|IP|Wi-?Fi|Cloud|PoE|CCTV|Surveillance)"
HOST_NOUN = "cam(?:era)?|[nxh]vr|ipc|doorbell"
"""What must follow a name that is a word of its own in a host name; a DVR may be a set-top box."""
HOST_END = rf"(?:(?:ip)?(?:{HOST_NOUN})s?\d{{0,4}})?(?![A-Za-z])"
"""What may follow a name in a host name without a hyphen between."""
GAP = "[ _-]"
_NUMBERED = r"Cam(?:era)?(?=(?:[ _-]{1,3}[0-9A-Fa-f]{1,12})?\W{0,2}\Z)"
NOUN = (
    rf"{GAP}(?:{_BUILT}[ _-]){{0,3}}(?:{_LINKED}[ _-]?(?:Video[ _-])?Camera|[NDXH]VR|Video[ _-](?:Server|Encoder|Recorder)|IPCam|NetCam|"
    rf"RTSP(?:[ _-]?Server)?|IPC|{_NUMBERED})(?![A-Za-z])"
)
"""What must follow a name that is a word of its own before running text is taken to speak of the badge: the thing and how it is built."""
NOUN_BEGINS = f"{GAP}(?:{_BUILT}|{_LINKED}|[NDXH]VR|Video|NetCam|RTSP|Cam)"
"""What that begins with."""


def spelling(name: str) -> str:
    """A name as a pattern: case does not matter, and spaces, hyphens and underscores stand for each other or for nothing."""
    return r"[ _-]?".join(re.escape(part) for part in re.split(r"[ _-]+", name) if part)


_IN_FULL = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "oe", "Ø": "Oe", "å": "aa", "Å": "Aa"}
)
"""Letters that are written in full where there is only ASCII."""


def variants(name: str) -> tuple[str, ...]:
    """A name, and as it is written where only ASCII, no apostrophe, no dot or no ampersand can be."""
    plain = unicodedata.normalize("NFKD", name)
    bare = "".join(one for one in plain if not unicodedata.combining(one))
    found = [name, *((bare, name.translate(_IN_FULL)) if not name.isascii() else ())]
    found += [one.replace("'", "").replace("’", "") for one in found]
    found += [re.sub(r"(?<=\w)\.(?=\w)", "-", one) for one in found]
    found += [re.sub(r" ?& ?", " and ", one) for one in found]
    return tuple(dict.fromkeys(one for one in found if one == name or one.isascii()))


MAX_BADGES = 24
"""Badges that share a pattern: hundreds of labels would cost a pattern each in every class of fields."""


def expand(file: MakerFile, stem: str) -> Iterator[Fingerprint]:
    """The fingerprints that a file's brands and model schemes amount to."""
    labels = [brand for brand in file.brands if _label(brand)]
    for distinct in (True, False):
        alike = [brand for brand in labels if brand.word is distinct]
        for start in range(0, len(alike), MAX_BADGES):
            yield from _labels(alike[start : start + MAX_BADGES], file, stem)
    for brand in file.brands:
        if brand.seek and not _label(brand):
            yield from _brand(brand, file, stem)
    for number, _ in enumerate(file.models):
        yield from _models(file, number, stem)


def _label(brand: Brand) -> bool:
    """Whether a brand says nothing but the badge and needs no care of its own."""
    plain = brand.seek and brand.noun and not brand.words and not brand.not_before
    return plain and not brand.own and brand.tells != "maker"


def named(by: str) -> str:
    """The slug of the one name that a fingerprint was spelt out from that reads the software's maker; empty for other fingerprints."""
    _, found, rest = by.partition("/named-")
    return rest.rpartition("-")[0] if found else ""


def slug(text: str) -> str:
    """A name as it stands in an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-") or "x"


def _host(name: str) -> str:
    """A name as it may stand in a domain, spaces kept; empty for one that is too short or has letters that domains do not have."""
    plain = name.casefold().replace("&", "").replace("-", " ")
    return plain if re.fullmatch(r"[a-z0-9][a-z0-9 ]{2,30}", plain) else ""


class _Way(NamedTuple):
    """How a name is written in a class of fields."""

    what: str
    field: str
    match: str
    weight: float
    form: str
    """A text with the name in it."""
    made: bool = False
    """It is the software's maker that is named."""

    def text(self, name: str) -> str:
        """A text that fits; empty for a name that cannot be written so."""
        if self.what == "site":
            name = _host(name).replace(" ", "")
        return self.form.format(name) if name else ""


def _guarded(names: str, end: str) -> Iterator[_Way]:
    """How names that are words are told from words: `names` is an expression, `end` what must not follow."""
    start = rf"(?<![A-Za-z0-9]){names}{end}"
    yield _Way("noun", "any.text", start + NOUN, TEXT, "{} Network Camera")
    yield _Way("company", "any.text", start + COMPANY, TEXT, "{} Corporation", made=True)
    yield _Way("holder", "any.company", rf"{COMPANY_START}{names}{end}{COMPANY_END}", ALONE, "C=SE, O={}, CN=device", made=True)
    yield _Way("alone", "any.alone", rf"{ALONE_START}{names}{end}{ALONE_END}", ALONE, "{}")
    yield _Way("named", "any.named", rf"\A\W{{0,3}}{names}(?![A-Za-z]){end}", ALONE, "{}")
    yield _Way("host-noun", "any.host", rf"\A{names}[ _-]?(?:ip)?(?:{HOST_NOUN})(?![A-Za-z])", HOST_NAME, "{}-cam")


def _known(names: str, end: str) -> Iterator[_Way]:
    """How names are written that are known wherever they stand."""
    yield _Way("badge", "any.badge", rf"(?<![A-Za-z0-9]){names}(?![A-Za-z]|['’]s){end}", TEXT, "{}")
    yield _Way("made", "any.made", rf"(?<![A-Za-z0-9]){names}(?![A-Za-z]){end}", TEXT, "{}", made=True)
    yield _Way("host", "any.host", rf"\A{names}{end}{HOST_END}", HOST_NAME, "{}")


def _anywhere(names: str, hosts: str, end: str) -> Iterator[_Way]:
    """How any name is written: where a company is named, and in domains, as `hosts` has them."""
    if hosts:
        yield _Way("site", "any.site", rf"{SITE_START}{hosts}{SITE_END}", SITE, "www.{}.com", made=True)
    yield _Way("maker", "any.maker", rf"{MAKER_START}{names}(?![A-Za-z0-9]){end}", MAKER_FIELD, "{}")


def _either(group: str, names: Iterable[str]) -> str:
    """One of several spellings, or nothing of none."""
    found = "|".join(names)
    return f"({group}{found})" if found else ""


def _hosts(names: Iterable[str]) -> list[str]:
    """Names as they may stand in domains."""
    return [host.replace(" ", "-?") for host in sorted({_host(name) for name in names} - {""})]


def _labels(brands: Sequence[Brand], file: MakerFile, stem: str) -> Iterator[Fingerprint]:
    """Badges that say nothing but themselves, by one pattern a class of fields; all are distinct names, or all are words."""
    from netcam.catalog.maker_file import Example, Fingerprint

    told = [(brand, name) for brand in brands for name in (brand.name, *brand.also)]
    # the longest of names that begin alike is meant
    spelt = sorted({one for _, name in told for one in variants(name)}, key=lambda one: (-len(one), one))
    names, hosts = _either("?P<brand>", map(spelling, spelt)), _either("?P<brand>", _hosts(spelt))
    label = f"{stem}/named-{slug(brands[0].name)}" + (f"-to-{slug(brands[-1].name)}" if len(brands) > 1 else "")
    for way in (*(_known if brands[0].word else _guarded)(names, ""), *_anywhere(names, hosts, "")):
        seen = [
            Example(see=text, says={"brand": brand.name}, source=brand.source or file.source or "the name on its products")
            for brand, name in told
            if (text := way.text(name))
        ]
        says = {"brand": "{brand}"}
        yield Fingerprint(
            id=f"{label}-{way.what}", field=way.field, match=way.match, says=says, weight=way.weight, examples=seen, status="draft"
        )


def _brand(brand: Brand, file: MakerFile, stem: str) -> Iterator[Fingerprint]:
    from netcam.catalog.maker_file import Example, Fingerprint

    names = (brand.name, *brand.also, *brand.words)
    distinct = names if brand.word else tuple(brand.words)
    spelt = [one for name in names for one in variants(name)]
    declared = _either("?:", map(spelling, spelt))
    badge = {"brand": brand.name}
    if (brand.tells or ("maker" if brand.own else "brand")) == "maker" and file.makes_cameras:
        badge["maker"] = file.maker
    # what made it keeps the maker's own name behind another badge; a badge's name is nobody else's
    made = {"maker": badge["maker"]} if "maker" in badge and brand.own else badge
    source = brand.source or file.source or "the maker's own name for its products"
    end = f"(?!{brand.not_before})" if brand.not_before else ""
    ways = [(way, names) for way in _anywhere(declared, _either("?:", _hosts(spelt)) if brand.noun else "", end)]
    if brand.noun and not brand.word:
        ways += [(way, names) for way in _guarded(declared, end)]
    if distinct:
        ways += [(way, distinct) for way in _known(_either("?:", (spelling(one) for name in distinct for one in variants(name))), end)]
    for way, told in ways:
        says = made if way.made else badge
        seen = [Example(see=text, says=says, source=source) for name in told if (text := way.text(name))]
        name = f"{stem}/named-{slug(brand.name)}-{way.what}"
        yield Fingerprint(id=name, field=way.field, match=way.match, says=says, weight=way.weight, examples=seen, status="draft")


SUFFIX = r"(?:/[A-Z]{1,4}\d?(?![\w./]))?"
"""A market or a variant behind a model that fills its field (`/US`, `/VFS`)."""
MODEL_START = r"\A(?:[A-Za-z][A-Za-z.&-]{1,15}[ _]){0,3}?"
HOST_START = r"\A(?:[A-Za-z][A-Za-z.&]{1,15}[ _-])??"
"""Words before a model in a field that holds one, and in a host name."""


def _models(file: MakerFile, number: int, stem: str) -> Iterator[Fingerprint]:
    from netcam.catalog.maker_file import Example, Fingerprint, Miss

    one = file.models[number]
    says = {"model": "{model}"}
    if one.kind:
        says["kind"] = one.kind
    if one.brand:
        says["brand"] = one.brand
    if not one.shared and all(line.brand != one.brand for line in file.lines):  # whose line it is, `lines` tell better
        says["maker"] = file.maker
    examples = [Example(see=text, says={"model": text}, source=one.source) for text in one.examples]
    misses = [Miss(see=text, source=one.source) for text in one.misses]
    name = f"{stem}/models-{slug(one.family or str(number + 1))}"
    where = {
        "any.model": (rf"{MODEL_START}(?P<model>{one.scheme}{SUFFIX})(?![\w-])", one.weight or MODEL_FIELD),
        # in running text only as the maker writes it: `xnu-1228` is a kernel, XNU-1228 would be a camera
        "any.text": (rf"(?<![\w-])(?P<model>(?-i:{one.scheme}))(?![\w-])", TEXT),
        "any.host": (rf"{HOST_START}(?P<model>{one.scheme})(?![A-Za-z0-9])", HOST),
    }
    if one.shared:
        # what printers and switches number alike is a model wherever it stands, and a camera's only where cameras speak
        where["any.camera"] = where["any.model"]
    for field, (pattern, weight) in where.items():
        if field in ("any.model", "any.camera") or one.word:
            said = {"model": "{model}"} if field == "any.model" and one.shared else says
            yield Fingerprint(
                id=f"{name}-{field[4:]}", field=field, match=pattern, says=said, weight=weight, examples=examples, near_misses=misses,
                status=one.status,
            )  # fmt: skip
