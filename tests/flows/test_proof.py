"""The packets behind a finding, as a pcap that anybody can open: its hash stands in the evidence, its bytes in the inventory and in the bundle."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import frames
import pytest
from typer.testing import CliRunner

from netcam.cli.app import app
from netcam.flows import capture, proof
from netcam.inventory import open_inventory
from netcam.inventory.retention import Policy
from netcam.inventory.verify import unpack
from netcam.model import Finding, Identity, Traffic

T0 = 1_764_000_000 * 10**9
BODY = b"SECRET" * 20


def finding(device: str, *peers: tuple[str, int, int]) -> Finding:
    traffic = tuple(Traffic(address=peer, port=port, protocol=proto) for peer, port, proto in peers)
    return Finding(rule="x", kind="egress", device=device, title="x", subject=repr(peers), traffic=traffic)


def packets(wrap: Callable[[bytes], bytes] = frames.ether) -> list[tuple[int, bytes]]:
    out = []
    for n in range(6):
        segment = frames.tcp(50000, 443, 0x18, BODY, seq=1 + n * len(BODY))
        out.append((T0 + n * 1000, wrap(frames.ip4("10.0.0.5", "203.0.113.9", 6, segment))))
        out.append((T0 + n * 1000 + 1, wrap(frames.ip4("203.0.113.9", "10.0.0.5", 6, frames.tcp(443, 50000, 0x10)))))
        out.append((T0 + n * 1000 + 2, wrap(frames.ip4("10.0.0.6", "203.0.113.9", 17, frames.udp(1, 443, BODY)))))
    return out


def test_a_finding_keeps_its_packets_headers_only_and_hashed(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(frames.pcap(packets()))
    table = capture.read(path)
    one, two = finding("10.0.0.5", ("203.0.113.9", 443, 6)), finding("10.0.0.5", ("198.51.100.1", 443, 6))
    wanted = proof.wanted([one, two, finding("10.0.0.5")])
    proof.look(table, wanted)
    assert [len(w.pairs) for w in wanted] == [1, 0]
    made = proof.collect(path, wanted)
    assert list(made) == [one.key]
    kept = made[one.key]
    content = kept.write(tmp_path / "proof").read_bytes()
    assert (tmp_path / "proof").stat().st_mode & 0o077 == 0
    assert (kept.packets, kept.seen) == (12, 12)
    assert b"SECRET" not in content
    assert kept.digest == hashlib.sha256(content).hexdigest()
    assert kept.digest in kept.line
    assert hashlib.sha256(path.read_bytes()).hexdigest() in kept.line
    argv = ["tshark", "-r", str(tmp_path / "proof" / kept.name), "-T", "fields", "-e", "ip.src", "-e", "frame.len", "-e", "frame.cap_len"]
    told = [line.split() for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()]
    assert told[:2] == [["10.0.0.5", "174", "54"], ["203.0.113.9", "54", "54"]]
    wanted = proof.wanted([one])
    proof.look(table, wanted)
    full = proof.collect(path, wanted, payload=True, limit=400)[one.key]
    assert b"SECRET" in full.body
    assert full.packets < 12
    assert full.seen == 12


@pytest.mark.parametrize(
    ("link", "wrap"),
    [
        (1, lambda p: frames.ether(p).ljust(120, b"\0")), (1, lambda p: frames.ether(p, tags=((0x88A8, 4), (0x8100, 5)))), (101, lambda p: p),
        (113, lambda p: b"\0\0\0\1\0\6" + frames.MAC_A + b"\0\0\x08\0" + p),
        (276, lambda p: b"\x08\0\0\0\0\0\0\2\0\1\0\6" + frames.MAC_A + b"\0\0" + p),
    ],
)  # fmt: skip
def test_no_payload_slips_through_padding_tags_or_other_links(tmp_path: Path, link: int, wrap: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.pcap"
    secret = b"SECRET"
    given = [frames.ip4("10.0.0.5", "203.0.113.9", 6, frames.tcp(50000, 443, 0x18, secret)), frames.ip4("10.0.0.5", "203.0.113.9", 17, frames.udp(9, 443, secret)),
             frames.ip4("10.0.0.5", "203.0.113.9", 1, b"\x08\0\0\0\0\1\0\1" + secret), frames.ip4("10.0.0.5", "203.0.113.9", 47, b"\0\0\x08\0\0\0\0\0" + secret)]  # fmt: skip
    path.write_bytes(frames.pcap([(T0 + n, wrap(p)) for n, p in enumerate(given)], link=link))
    wanted = proof.wanted(
        [finding("10.0.0.5", ("203.0.113.9", 443, 6), ("203.0.113.9", 443, 17), ("203.0.113.9", 0, 1), ("203.0.113.9", 0, 47))]
    )
    proof.look(capture.read(path), wanted)
    (kept,) = proof.collect(path, wanted).values()
    assert (kept.packets, kept.seen) == (4, 4)
    assert secret not in kept.body


def upload(path: Path) -> None:
    """A camera that sends 30 MB to a stranger in an hour, told by 3,000 packets of many connections."""
    out = []
    for n in range(3000):
        segment = frames.tcp(40_000 + n % 1500, 8443, 0x18, b"v" * 10_000, seq=1 + n * 10_000)
        out.append((T0 + n * 1_200_000_000, frames.ether(frames.ip4("10.0.0.5", "203.0.113.9", 6, segment))[:80]))
        out.append(
            (
                T0 + n * 1_200_000_000 + 9,
                frames.ether(frames.ip4("203.0.113.9", "10.0.0.5", 6, frames.tcp(8443, 40_000 + n % 1500, 0x10)), back=True),
            )
        )
    path.write_bytes(frames.pcap(out, snap=80))


def test_packets_of_a_capture_with_many_windows_stand_in_the_inventory_and_in_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    path, store = tmp_path / "a.pcap", str(tmp_path / "inventory.sqlite")
    upload(path)
    now = datetime(2025, 11, 24, tzinfo=UTC)
    inventory = open_inventory(store, make=True)
    inventory.save_identities(None, [Identity(device="cam-1", site="default", slots={"kind": "camera"}, addresses=("10.0.0.5",))], now)
    inventory.close()
    whole = capture.windows
    monkeypatch.setattr(capture, "windows", lambda path, **more: whole(path, **more | {"window_rows": 300}))

    def told(*words: str) -> list[dict[str, object]]:
        run = CliRunner().invoke(app, [*words])
        assert run.exit_code == 0, run.output
        return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]

    lines = told(
        "egress", "analyse", str(path), "--proof", str(tmp_path / "proof"), "--store", store, "--format", "jsonl", "--idle-timeout", "60"
    )
    assert lines[-1]["windows"] >= 2  # type: ignore[operator]
    found = [line for line in lines if line["type"] == "finding"]
    assert found
    with_packets = [one for one in found if any(e.startswith("packets: first") for e in one["evidence"])]  # type: ignore[union-attr]
    assert with_packets
    key = str(with_packets[0]["key"])
    content = (tmp_path / "proof" / f"{key}.pcap").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert b"vvvv" not in content
    inventory = open_inventory(store, make=True)
    assert inventory.raw(digest) == content
    inventory.retain(Policy(raw_days=1, repeats_days=1), now=now + timedelta(days=4000), by="test")  # type: ignore[attr-defined]
    assert inventory.raw(digest) == content  # as long as the finding stands
    inventory.close()
    bundle = tmp_path / "bundle.zip"
    told("evidence", "export", key, "--store", store, "--output", str(bundle))
    files = unpack(bundle.read_bytes())[0]
    assert files[f"packets/{digest[:16]}.pcap"] == content
    told("evidence", "verify", str(bundle))
