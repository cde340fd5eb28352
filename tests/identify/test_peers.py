"""recog's and nmap's files are read as they are written, and their answers are counted on the same banners."""

from __future__ import annotations

from pathlib import Path

from netcam.identify import peers
from netcam.identify.measure import lines, measure
from netcam.model import Observation
from tests.identify import shipped

RECOG = """<?xml version="1.0"?><fingerprints>
  <fingerprint pattern="^AXIS (\\S+) .* Camera" flags="REG_ICASE"><description>x</description>
    <param pos="0" name="hw.vendor" value="Axis"/><param pos="1" name="hw.product"/></fingerprint>
  <fingerprint pattern="(unclosed"><param pos="0" name="hw.vendor" value="Bad"/></fingerprint>
</fingerprints>"""
NMAP = """# comment
Probe TCP GetRequest q|GET / HTTP/1.0\\r\\n\\r\\n|
match http m|^HTTP/1\\.[01] \\d\\d\\d .*\\r\\nServer: App-webs/\\r\\n|s p/Hikvision webcam httpd/ d/webcam/
match ftp m|^220 AXIS ([\\w+-]+) | p/Axis $1 ftpd/
match mysql m|^x| p/MySQL/
"""


def fact(field: str, value: str) -> Observation:
    return Observation(field=field, value=value, device="d")


def test_recog_answers_by_field(tmp_path: Path) -> None:
    (tmp_path / "ftp_banners.xml").write_text(RECOG)
    one = peers.recog(tmp_path)
    assert one is not None
    assert one.size == 1
    assert one.says([fact("ftp.banner", "220 AXIS P1448-LE Network Camera 9.80")]) == ["Axis"]
    assert one.says([fact("http.title", "AXIS P1448-LE Network Camera")]) == []
    assert peers.recog(tmp_path / "nowhere") is None


def test_nmap_answers_by_service_on_an_answer_put_together(tmp_path: Path) -> None:
    (tmp_path / "probes").write_text(NMAP)
    one = peers.nmap(tmp_path / "probes")
    assert one is not None
    assert one.size == 2
    assert one.says([fact("http.server", "App-webs/"), fact("http.title", "login")]) == ["Hikvision webcam httpd webcam"]
    assert one.says([fact("ftp.banner", "220 AXIS P1448-LE Network Camera")]) == ["Axis P1448-LE ftpd"]
    assert peers.nmap(tmp_path / "nowhere") is None


def test_both_stand_beside_ours_in_the_measure(tmp_path: Path) -> None:
    (tmp_path / "probes").write_text(NMAP)
    (tmp_path / "x.observations.jsonl").write_text(
        '{"device":"a","field":"http.server","value":"App-webs/"}\n{"device":"b","field":"onvif.manufacturer","value":"AXIS"}\n'
    )
    (tmp_path / "x.truth.jsonl").write_text('{"device":"a","maker":"Hikvision"}\n{"device":"b","maker":"Axis"}\n')
    peer = peers.nmap(tmp_path / "probes")
    assert peer is not None
    result = measure(tmp_path, shipped.matcher(), [peer])
    assert (result.beside.right, result.peers["nmap"][1].right, result.peers["nmap"][1].missed) == (2, 1, 1)
    assert any(text.startswith("nmap (2 patterns)") for text in lines(result))
