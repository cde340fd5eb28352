"""Which static page is asked of which web server: only where the first answers make it likely that it is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from netcam.model import Fact
from netcam.protocols import http

_HIKVISION = r"http\.server=(app-webs|dnvrs-webs|dvrdvs-webs|hikvision-webs|webserver)|http\.body=.{0,4000}/doc/(page|ui|script)/|http\.location=.{0,200}/doc/page"
_DAHUA = r"http\.title=web service\b|http\.body=.{0,6000}(dhvideowhmode|/cap\.js|platformHtm)"
_XIONGMAI = r"http\.server=uc-httpd"
_WHEN: Mapping[str, str] = MappingProxyType(
    {
        "/favicon.ico": "",
        "/doc/page/login.asp": _HIKVISION,
        "/SDK/language": _HIKVISION,
        "/SDK/activateStatus": _HIKVISION,
        "/doc/script/lib/seajs/config/sea-config.js": _HIKVISION,
        "/doc/script/global_config.js": _HIKVISION,
        "/upnpdevicedesc.xml": _HIKVISION,
        "/cap.js": _DAHUA,
        "/custom_lang/English.txt": _DAHUA,
        "/portal/login_init.action": r"http\.location=.{0,200}/portal/",
        "/lg/ENU.xml": r"http\.title=ipcam client|http\.body=.{0,4000}ipcwebcomponents",
        "/js/client.config.js": r"http\.title=reolink|http\.body=.{0,4000}(reolink|client\.config)",
        "/user_lang.js": r"http\.(server|realm)=(vvtk|vivotek|boa/|streaming_server)|vivotek",
        "/DVR.htm": _XIONGMAI,
        "/English.js": _XIONGMAI,
        "/res/app-0.1.0.css": r"http\.title=net video browser|tiandy|tdvideo",
        "/SDCAPI/V1.0/AuthIaas/ActivaionStatus": r"http\.title=(huawei sdc|holosens)|huawei",
        "/axis-cgi/prod_brand_info/getbrand.cgi": r"axis[_ -]|/axis-cgi/|/camera/index\.html|http\.title=axis",
        "/view/view.shtml": r"http\.location=.{0,200}/view/",
        "/js/language_webviewer.js": r"web ?viewer|wisenet|hanwha|samsung",
        "/web/index.html": r"http\.server=hipcam",
    }
)
"""Path -> pattern over `field=value` of what the same port has answered; empty: every web server."""

_COMPILED = {path: re.compile(pattern, re.IGNORECASE | re.DOTALL) for path, pattern in _WHEN.items()}


def wanted(facts: Iterable[Fact]) -> list[str]:
    """The paths of http.PATHS worth asking a port that answered with `facts`."""
    told = [f"{f.field}={f.value[:8192]}" for f in facts if f.field.startswith(("http.", "onvif.", "rtsp."))]
    return [path for path in http.PATHS if (rule := _COMPILED.get(path)) is not None and any(rule.search(one) for one in told)]


def kept(facts: Iterable[Fact], path: str) -> list[Fact]:
    """Of a static page's answer what is the page's own: not the status and title of an error page."""
    failed = {f"http.path.{path}"}
    own = [f for f in facts if f.field in failed or f.field.startswith("http.favicon") or f.field == "http.realm"]
    return [f for f in own if not (f.field in failed and re.fullmatch(r"\d{3}", f.value) and f.value not in ("401", "403"))]
