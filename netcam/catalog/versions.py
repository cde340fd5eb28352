"""Which of two firmware versions came first, by the maker's way of counting; None where the two cannot be put in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

MAX_VERSION = 200
"""Characters of a version; the longest real one has under 80."""

Key = tuple[int, ...]
Order = Callable[[str, str], "int | None"]


def compare(scheme: str, one: str, other: str) -> int | None:
    """-1, 0 or 1; None for an unknown scheme, another shape, or versions of two product lines that count apart."""
    order = SCHEMES.get(scheme)
    left, right = one.strip()[:MAX_VERSION], other.strip()[:MAX_VERSION]
    if order is None or not left or not right:
        return None
    return order(left, right)


def _order(left: Key, right: Key) -> int:
    """Order of two numbers in dots; missing places count as zero."""
    width = max(len(left), len(right))
    a, b = left + (0,) * (width - len(left)), right + (0,) * (width - len(right))
    return (a > b) - (a < b)


def _numbers(text: str) -> Key:
    return tuple(int(digits) for digits in re.findall(r"\d{1,18}", text))


def _dotted(pattern: str) -> Order:
    """Versions of numbers in dots: `pattern` takes the numbers as `v` and, where the maker gives one, a build as `b`.

    Groups named `line` must be equal: builds of two lines count apart. A build decides between equal numbers; where only one of
    the two tells its build, equal numbers do not decide.
    """
    shape = re.compile(pattern, re.IGNORECASE)

    def order(one: str, other: str) -> int | None:
        left, right = shape.fullmatch(one), shape.fullmatch(other)
        if left is None or right is None:
            return None
        a, b = left.groupdict(), right.groupdict()
        if (a.get("line") or "").casefold() != (b.get("line") or "").casefold():
            return None
        first = _order(_numbers(a["v"]), _numbers(b["v"]))
        if first:
            return first
        builds = a.get("b"), b.get("b")
        if builds[0] is None and builds[1] is None:
            return 0
        if builds[0] is None or builds[1] is None:
            return None
        return _order(_numbers(builds[0]), _numbers(builds[1]))

    return order


_HIKVISION = re.compile(
    r"(?:[A-Z]{2,5}_[A-Z0-9_]{1,16}_)?V?(?P<v>\d{1,2}\.\d{1,3}(?:\.\d{1,4})?)(?:[ ,_]{0,3}(?:build[ _]{0,3}|(?<=[ ,_]))(?P<b>\d{6}))?",
    re.IGNORECASE,
)


def _hikvision(one: str, other: str) -> int | None:
    """Number, then build day (yymmdd). Lines count apart, so a higher number with an older build does not decide."""
    left, right = _HIKVISION.fullmatch(one), _HIKVISION.fullmatch(other)
    if left is None or right is None:
        return None
    number = _order(_numbers(left["v"]), _numbers(right["v"]))
    if left["b"] is None or right["b"] is None:
        return number or (0 if left["b"] == right["b"] else None)
    build = (left["b"] > right["b"]) - (left["b"] < right["b"])
    if number and build and number != build:
        return None
    return number or build


_HIKVISION_BUILD = re.compile(r"(?:V?\d{1,2}\.\d{1,3}\.\d{1,4}[ ,_]{0,3})?build[ _]{0,3}(?P<b>\d{6})|(?P<bare>\d{6})", re.IGNORECASE)


def _hikvision_build(one: str, other: str) -> int | None:
    """Only the build day: how advisories that span all lines of the maker count."""
    left, right = _HIKVISION_BUILD.fullmatch(one), _HIKVISION_BUILD.fullmatch(other)
    if left is None or right is None:
        return None
    a, b = left["b"] or left["bare"], right["b"] or right["bare"]
    return (a > b) - (a < b)


_DAHUA = re.compile(
    r"V?(?P<a>\d{1,2}\.\d{3})\.(?P<line>[0-9A-Z]{2,10})(?:\.(?P<n>\d{1,4})(?!\d)|(?=\.20\d{6}\Z))(?:\.(?P<kind>[A-Z]{1,2}))?"
    r"(?:(?:\.|,? ?Build ?(?:Date)?:? ?)(?P<b>(?:20)?\d{2}-?\d{2}-?\d{2}))?",
    re.IGNORECASE,
)


def _dahua(one: str, other: str) -> int | None:
    """Build day where both tell it; else number, and the patch within one customer line (`0000000`, `00AC000`)."""
    left, right = _DAHUA.fullmatch(one), _DAHUA.fullmatch(other)
    if left is None or right is None:
        return None
    number = _order(_numbers(left["a"]), _numbers(right["a"]))
    if left["b"] and right["b"]:
        a, b = left["b"].replace("-", "")[-6:], right["b"].replace("-", "")[-6:]
        build = (a > b) - (a < b)
        if number and build and number != build:
            return None
        return build or number
    if left["line"].upper() != right["line"].upper():
        # another customer's numbering: its first two numbers still are the platform's, the patch is not
        return number or None
    return number or _order(_numbers(left["n"] or ""), _numbers(right["n"] or ""))


_UNIVIEW = re.compile(
    r"(?P<line>[A-Z]{2,6}[_-][A-Z]{0,2}\d{4})-B(?P<b>\d{4})P(?P<p>\d{2})(?:D(?P<d>\d{4}))?(?:C\d{2})?\w{0,8}", re.IGNORECASE
)
_UNIVIEW_NEW = re.compile(
    r"(?P<line>[A-Z]{3,6}-B\d{4})\.(?P<v>\d{1,3}(?:\.\d{1,3}){1,2})(?:\.C(?P<c>\d{5}))?(?:\.[A-Z]{1,4})?\.(?P<d>\d{6})", re.IGNORECASE
)


def _uniview(one: str, other: str) -> int | None:
    """Baseline, then patch, within one platform (`IPC_D1201`); the newer form by number, customer build and day."""
    left, right = _UNIVIEW.fullmatch(one), _UNIVIEW.fullmatch(other)
    if left is not None and right is not None:
        if left["line"].upper() != right["line"].upper():
            return None
        return _order((int(left["b"]), int(left["p"])), (int(right["b"]), int(right["p"])))
    left, right = _UNIVIEW_NEW.fullmatch(one), _UNIVIEW_NEW.fullmatch(other)
    if left is None or right is None or left["line"].upper() != right["line"].upper():
        return None
    return _order((*_numbers(left["v"]), int(left["d"])), (*_numbers(right["v"]), int(right["d"])))


_XIONGMAI = re.compile(
    r"(?P<v>V?\d\.\d{2}\.R\d{2})\.(?P<line>[0-9A-Z]{8})(?:\.(?P<b>\d{5})(?:\.[0-9A-Za-z]{6})?(?:\.{1,2}\w?\.?ONVIF [\d.]{1,8})?.{0,20})?",
    re.IGNORECASE,
)


def _xiongmai(one: str, other: str) -> int | None:
    """Number and build within one board (`000807D8`); what follows is a commit, which says nothing of order."""
    left, right = _XIONGMAI.fullmatch(one), _XIONGMAI.fullmatch(other)
    if left is None or right is None:
        return None
    number = _order(_numbers(left["v"]), _numbers(right["v"]))
    if number:
        return number
    if left["line"].upper() != right["line"].upper():
        return None
    build = _order(_numbers(left["b"]), _numbers(right["b"])) if left["b"] and right["b"] else 0
    return build or (0 if one.casefold() == other.casefold() else None)


_VIVOTEK = re.compile(
    r"(?:(?:v\.)?(?P<line>[A-Z]{2}\d{4}[A-Z0-9-]{0,12})-)?VVTK-(?P<v>\d{4}|\d\.\d{4}\.\d{2}\.\d{2})(?P<l>[a-z]?)\d?", re.IGNORECASE
)


def _vivotek(one: str, other: str) -> int | None:
    """Four digits (newer: four numbers, of which the second is the year and month) and a letter, within one model where both name it."""
    left, right = _VIVOTEK.fullmatch(one), _VIVOTEK.fullmatch(other)
    if left is None or right is None:
        return None
    if left["line"] and right["line"] and left["line"].upper() != right["line"].upper():
        return None
    if ("." in left["v"]) != ("." in right["v"]):
        return None
    return _order((*_numbers(left["v"]), ord(left["l"].lower() or "`")), (*_numbers(right["v"]), ord(right["l"].lower() or "`")))


_REOLINK = re.compile(
    r"v?(?P<v>\d{1,3}(?:\.\d{1,3}){2}(?:[._]\d{1,6})?)(?:[_ ](?P<day>\d{6})(?P<n>\d{0,4}))?(?:_v\d{1,3}(?:\.\d{1,4}){1,4})?", re.IGNORECASE
)


def _reolink(one: str, other: str) -> int | None:
    """Number, then build day (yymmdd) and its count, which older versions write with two digits and newer ones with four."""
    left, right = _REOLINK.fullmatch(one), _REOLINK.fullmatch(other)
    if left is None or right is None:
        return None
    number = _order(_numbers(left["v"]), _numbers(right["v"]))
    if number:
        return number
    if left["day"] is None or right["day"] is None:
        return 0 if left["day"] == right["day"] else None
    if left["day"] != right["day"]:
        return -1 if left["day"] < right["day"] else 1
    if len(left["n"]) != len(right["n"]):
        return None
    return (left["n"] > right["n"]) - (left["n"] < right["n"])


_HUAWEI = re.compile(r"(?:\w{2,10} )?V(?P<v>\d{3})R(?P<r>\d{3})C(?P<c>\d{2,3})(?:(?:SPC|CP|B)(?P<b>\d{2,4}))?", re.IGNORECASE)


def _huawei(one: str, other: str) -> int | None:
    """Version, release, customer branch and patch, each a number."""
    left, right = _HUAWEI.fullmatch(one), _HUAWEI.fullmatch(other)
    if left is None or right is None:
        return None
    first = _order(tuple(int(left[k]) for k in "vrc"), tuple(int(right[k]) for k in "vrc"))
    if first or left["b"] is None or right["b"] is None:
        return first or (0 if left["b"] == right["b"] else None)
    return _order((int(left["b"]),), (int(right["b"]),))


_COUNT = re.compile(r"v?(\d{3,8})", re.IGNORECASE)


def _count(one: str, other: str) -> int | None:
    """One number that only grows."""
    left, right = _COUNT.fullmatch(one), _COUNT.fullmatch(other)
    return None if left is None or right is None else _order((int(left[1]),), (int(right[1]),))


_AVTECH = re.compile(r"(?:FullImg-)?(?P<v>\d{4}(?:-\d{4}){3})", re.IGNORECASE)


def _avtech(one: str, other: str) -> int | None:
    """Four parts with a count each; in order only where no part went back while another went on."""
    left, right = _AVTECH.fullmatch(one), _AVTECH.fullmatch(other)
    if left is None or right is None:
        return None
    orders = {(a > b) - (a < b) for a, b in zip(_numbers(left["v"]), _numbers(right["v"]), strict=True)}
    return None if orders >= {-1, 1} else max(orders, key=abs)


_NUMBERS = r"\d{1,6}(?:\.\d{1,8}){1,5}"


def _either(*orders: Order) -> Order:
    """For makers that sell what several firmwares run: each pair by the first way of counting that both are written in."""

    def order(one: str, other: str) -> int | None:
        return next((found for count in orders if (found := count(one, other)) is not None), None)

    return order


_plain = _dotted(rf"v?(?P<v>{_NUMBERS})")
# V8.1.1-20210331; 4.1.6_0169; ZKTeco writes `Ver 8.0.4.2-20211013`
_numbers_day = _dotted(rf"(?:Ver ?|v)?(?P<v>{_NUMBERS})(?:[-_](?P<b>\d{{4,12}}))?")

SCHEMES: Mapping[str, Order] = MappingProxyType(
    {
        "hikvision": _hikvision,
        "hikvision-build": _hikvision_build,
        "dahua": _dahua,
        "uniview": _uniview,
        "xiongmai": _xiongmai,
        "vivotek": _vivotek,
        # APP_V3.3.0.20200606: the last place is the day
        "tiandy": _dotted(rf"(?P<line>(?:[A-Z]{{2,6}}_)?)V?(?P<v>{_NUMBERS})"),
        # 10.12.240, 9.80.3.5, 5.51.7.4_1: tracks are separate numbers of one count
        "axis": _dotted(rf"(?P<v>{_NUMBERS}(?:_\d)?)"),
        # 1.41.16_20230303_R600; older 2.22_190312
        "hanwha": _dotted(rf"v?(?P<v>{_NUMBERS})(?:_(?P<b>\d{{6,8}})(?:_R\d{{1,4}})?)?"),
        # 7.80.0128, and as the camera writes it 07.80.0128
        "bosch": _dotted(rf"v?(?P<v>{_NUMBERS})"),
        # v3.0.0.136_20121102; v3.0.0_4662_2503182271; v3.1.0.956_22041511_v1.0.0.30
        "reolink": _reolink,
        # 1.1.16 Build 211209 Rel.37726n(4555); v5.1.0 Build 20220926
        "tp-link": _dotted(
            rf"v?(?P<v>{_NUMBERS})(?:[ _]Build[ _](?:20(?=\d{{6}}(?!\d)))?(?P<b>\d{{6}}))?(?:[ _]Rel\.\w{{1,10}}(?:\(\w{{1,10}}\))?)?"
        ),
        # MX-V5.2.0.65, mx7_7.3.1.16; MX6 and M7 systems count apart by their first number
        "mobotix": _dotted(rf"(?:MX-|mx\d_)?V?(?P<v>{_NUMBERS})(?:-r\d{{1,2}})?"),
        # 61.8.0.3-r8: the first number names the board, the last the revision
        "milesight": _dotted(rf"(?P<line>\d{{2}})\.(?P<v>{_NUMBERS})(?:-r(?P<b>\d{{1,3}}))?"),
        "sony": _dotted(rf"v?(?P<v>{_NUMBERS})"),
        "i-pro": _dotted(rf"v?(?P<v>{_NUMBERS})(?:E\d)?"),
        # v3.12 2017-06-12; V1.00_2017_12_15
        "geovision": _dotted(rf"v?(?P<v>{_NUMBERS})(?:[ _](?P<b>\d{{4}}[-_]\d{{2}}[-_]\d{{2}}))?"),
        # FullImg-1023-1007-1011-1009
        "avtech": _avtech,
        # 2.60B15, 1.01_B2; a letter or word behind it is another build of the same number
        "d-link": _dotted(rf"v?(?P<v>{_NUMBERS})(?:[ _]?B(?P<b>\d{{1,3}}))?"),
        # 2.0b60_20200207
        "lilin": _dotted(r"v?(?P<v>\d{1,3}\.\d{1,3})(?:b(?P<b>\d{1,4})(?:_\d{8})?)?"),
        # 2.305b240719: the letter stands before the day
        "planet": _dotted(r"v?(?P<v>\d{1,3}\.\d{1,4})b(?P<b>\d{6})"),
        "huawei": _huawei,
        # A1D-500-V6.11.31-AC: the board and its line, then the number
        "acti": _dotted(rf"(?P<line>[A-Z]\d[A-Z]-\w{{3,4}}-)V(?P<v>{_NUMBERS})-(?:AC|NB)(?:_\w{{1,8}})?"),
        # 1.9.2.3-20120612-1.9040-A1.7852
        "pelco": _dotted(rf"v?(?P<v>{_NUMBERS})(?:-(?P<b>\d{{8}}))?(?:-[\w.]{{1,12}}){{0,3}}"),
        # 65202; 000125
        "count": _count,
        # 216.30.1.40: the first number names the board or the model, versions of two boards count apart
        "board-numbers": _dotted(r"v?(?P<line>\d{1,3}\.)(?P<v>\d{1,6}(?:\.\d{1,8}){1,4})"),
        # V6.1.10.2.1-20150624: the first two numbers name the chip
        "hichip": _dotted(r"V(?P<line>\d{1,2}\.\d{1,2}\.)(?P<v>\d{1,3}(?:\.\d{1,3}){1,3})-(?P<b>\d{8})(?:-\w{1,12})?"),
        # 2.1.0.0E_201809191630: the letter names the country
        "yi": _dotted(rf"(?P<v>{_NUMBERS})(?P<line>[A-Z]{{0,3}})_(?P<b>\d{{12}})"),
        # ppstrong-c51-tuya2_lcs-2.9.6.20200628: board and customer, then the number, whose last place is the day
        "meari": _dotted(rf"(?P<line>ppstrong-[a-z0-9]{{1,6}}-[a-z0-9_]{{1,30}}-)(?P<v>{_NUMBERS})"),
        # UVC.S5L.v4.46.18.67.ceacbaa.211202.1017; 4.69.55
        "ubiquiti": _dotted(
            r"(?:UVC\.(?P<line>[A-Z0-9]{2,10})\.)?v?(?P<v>\d{1,3}\.\d{1,3}\.\d{1,4})(?:\.\d{1,4}(?:\.[0-9a-f]{5,10})?(?:\.\d{6}\.\d{4})?)?"
        ),
        # Illustra.SS016.05.03.01.0007: the line, then the number
        "illustra": _dotted(rf"(?:Illustra\.(?P<line>[A-Za-z]{{2,6}}\d{{1,3}})\.)?(?P<v>{_NUMBERS})"),
        "numbers-day": _numbers_day,
        # M2.1.6.05
        "zavio": _dotted(rf"M?(?P<v>{_NUMBERS})"),
        # 1.0.7-0298; V2.3.8-8; 7.2.1-69057 Update 5
        "numbers-dash": _dotted(rf"V?(?P<v>{_NUMBERS})(?:-(?P<b>\d{{1,6}}(?:(?:-| Update )\d{{1,3}})?))?"),
        # 5.1.3.0(19A9): the bracket names a commit, which says nothing of order; 5.0.0.20101B210105: the build day
        "tvt": _dotted(rf"v?(?P<v>{_NUMBERS})(?:\(\w{{1,12}}\)|B(?P<b>\d{{6}})\w{{0,6}}(?:\.\w{{1,6}}){{0,3}}(?:\(\w{{1,12}}\))?)?"),
        # 2.6.0.150(15529)
        "avigilon": _dotted(rf"(?P<v>{_NUMBERS})(?:\(\d{{1,8}}\))?"),
        # 1.000.HW00.21.20190812 of the lines that count as Dahua's do; 2025.08.22
        "honeywell": _either(_dahua, _plain),
        # V4.30.210 build 210826 of one maker's recorders, V8.1.1-20210331 of another's
        "hikvision-or-numbers": _either(_hikvision, _numbers_day),
        # 5.1.5 build 20210902
        "qnap": _dotted(rf"v?(?P<v>{_NUMBERS})(?: build (?P<b>\d{{8}}))?"),
        # 5.21(AAZF.14)C0: the letters name the model
        "zyxel": _dotted(r"V?(?P<v>\d{1,2}\.\d{2})\((?P<line>[A-Z]{4})\.(?P<b>\d{1,3})\)(?:[A-Z]\d{1,2})?"),
        # V3.5/3(160503); B3.1.4
        "iqeye": _dotted(r"[VB]{0,2}(?P<v>\d{1,2}\.\d{1,2}(?:[./]\d{1,3})?)(?: ?\((?P<b>\d{6})\))?"),
        "numbers": _plain,
    }
)
"""Scheme -> how its versions are put in order. `numbers` is for makers whose versions are plain numbers in dots."""
