"""Sweeps of a handful of devices on real packets, in namespaces: who is found, what crosses the wire, what never does."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from netcam.collect.plan import PROFILES

pytestmark = pytest.mark.lab
DEVICES = {f"10.66.0.{n}": f"02:66:00:00:00:{n:02d}" for n in (1, 20, 21, 22, 23, 24)}
SPACES = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
FINISHED = ["10.66.0.1", "10.66.0.20", "10.66.0.24", *(f"10.66.0.{n}" for n in range(100, 200))]
SCOPE = 'id = "op-7"\nauthoriser = "Estates"\nnetworks = ["10.66.0.0/24"]\nexclude = ["10.66.0.22", "10.66.0.40-10.66.0.47"]\nports_never = [8080]\n'


def run(folder: Path, **told: Any) -> dict[str, Any]:
    done = subprocess.run(
        [*SPACES, sys.executable, str(Path(__file__).parent / "inside.py"), json.dumps({"folder": str(folder), **told})],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def macs(result: dict[str, Any]) -> dict[str, str]:
    return {address: value for address, _, _, field, value in result["observations"] if field == "mac"}


def states(result: dict[str, Any]) -> dict[str, str]:
    return {address: state for address, (state, _) in result["coverage"].items()}


AT_ONCE = 4
"""Sweeps at the same time: on a busy machine more would wait for each other longer than for answers."""
RUNS: dict[str, dict[str, Any]] = {
    "scoped": {"scope": SCOPE, "second": True},
    "stopped": {"targets": ["10.66.0.0/24"], "stop_after": 0.3, "stop_phase": "asking devices"},
    "stopped early": {"scope": SCOPE + "[rates]\nframes_per_second = 25\n", "stop_after": 2.0, "codecs": []},
    "closing": {"scope": SCOPE + "[rates]\nframes_per_second = 10\n", "closes_after": 8.0, "codecs": []},
    "resumed": {"targets": ["10.66.0.0/24"], "done": FINISHED},
    "narrow": {"targets": ["10.66.0.20-10.66.0.21"]},
    "no route": {"scope": SCOPE.replace('["10.66.0.0/24"]', '["10.99.0.0/29"]'), "targets": ["10.99.0.0/29"]},
    "no privilege": {"targets": ["10.66.0.0/27"], "codecs": ["http"], "without_raw": True},
    "both families": {"targets": ["10.66.0.16/28", "fd66::/64", "fe80::/64"], "codecs": ["http"], "six": True},
    "excluded on one family": {
        "scope": 'id = "op-8"\nauthoriser = "Estates"\nnetworks = ["10.66.0.16/28", "fd66::/64", "fe80::/64"]\nexclude = ["10.66.0.20"]\n',
        "excluded": {"02:66:00:00:00:20": "10.66.0.20"},
        "codecs": ["http"],
        "six": True,
    },
    "late": {"targets": ["10.66.0.0/27"], "codecs": ["http"], "commands": "link set lab0 down\n", "plugged_in_when": "asking devices"},
    "dying": {"targets": ["10.66.0.20"], "codecs": ["http", "onvif", "rtsp"], "dies_after_first_answer": True},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], dict[str, Any]]]:
    """The sweeps, each in namespaces of its own and some at once: they wait far more than they compute."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = {name: pool.submit(run, tmp_path_factory.mktemp("sweep"), **told) for name, told in RUNS.items()}
        yield lambda name: begun[name].result()


@pytest.fixture
def scoped(runs: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    return runs("scoped")


def test_every_device_in_scope_is_found_under_its_own_mac(scoped: dict[str, Any]) -> None:
    assert macs(scoped) == {a: m for a, m in DEVICES.items() if a != "10.66.0.22"}
    assert scoped["status"] == "complete"
    told = {(a, f, v) for a, _, _, f, v in scoped["observations"]}
    assert ("10.66.0.20", "http.server", "App-webs/") in told
    assert ("10.66.0.20", "rtsp.realm", "IP Camera(1)") in told
    assert ("10.66.0.21", "mdns.host", "cam21.local") in told


def test_each_address_is_covered_once_and_the_totals_are_the_scope(scoped: dict[str, Any]) -> None:
    found = states(scoped)
    assert len(found) == scoped["coverage_lines"] == 254
    assert sum(v for k, v in scoped["totals"].items() if not k.startswith("sent.")) == 254
    assert {a for a, s in found.items() if s == "answered"} == set(DEVICES) - {"10.66.0.22"}
    assert {a for a, s in found.items() if s == "excluded"} == {"10.66.0.2", "10.66.0.22", *(f"10.66.0.{n}" for n in range(40, 48))}
    assert found["10.66.0.99"] == "silent"
    assert scoped["coverage"]["10.66.0.99"][1] == "no answer to ARP"


def test_no_packet_goes_to_an_excluded_address(scoped: dict[str, Any]) -> None:
    assert "10.66.0.20" in scoped["wire"]["to"]
    assert "10.66.0.20" in scoped["wire"]["arp"]
    for address in ("10.66.0.22", *(f"10.66.0.{n}" for n in range(40, 48))):
        assert address not in scoped["wire"]["to"]
        assert address not in scoped["wire"]["arp"]


def test_no_packet_goes_to_a_print_port_or_a_port_the_scope_forbids(scoped: dict[str, Any]) -> None:
    assert scoped["wire"]["ports"]["80"] > 10
    assert not {str(port) for port in (*range(9100, 9108), 8080)} & set(scoped["wire"]["ports"])
    assert scoped["tripped"] == []


def test_what_the_audit_log_counts_is_what_crossed_the_wire(scoped: dict[str, Any]) -> None:
    lines = [json.loads(line) for line in scoped["audit"]]
    asked = {line["host"] for line in lines if line["transport"] in ("tcp", "udp", "tls")}
    on_the_wire = {a for a in scoped["wire"]["to"] if a != "224.0.0.22"}  # the kernel's own IGMP reports
    assert asked == on_the_wire
    silent = [n for a, n in scoped["wire"]["arp"].items() if a not in DEVICES]
    assert set(silent) == {PROFILES["polite"].tries + 1}, "as often as the profile says, and once more in the end"
    # the kernel asks again for those it talks to, on its own account
    assert 0 <= sum(scoped["wire"]["arp"].values()) - scoped["totals"]["sent.arp.packets"] <= len(DEVICES)


def test_the_audit_log_is_a_chain(scoped: dict[str, Any]) -> None:
    before = ""
    for line in scoped["audit"]:
        assert json.loads(line)["previous"] == before
        before = hashlib.sha256(line.encode()).hexdigest()


def test_a_second_run_of_the_site_is_refused_while_one_runs(scoped: dict[str, Any]) -> None:
    assert "another run is sweeping this site" in scoped["second"]


def test_the_stop_switch_ends_a_run_within_a_second_with_what_was_found(runs: Callable[[str], dict[str, Any]]) -> None:
    result = runs("stopped")
    assert result["status"] == "interrupted"
    assert result["stop_seconds"] < 1.0
    assert len(states(result)) == 254
    assert set(macs(result)) == set(DEVICES)
    waiting = {a for a, s in states(result).items() if s == "not reached"}
    assert waiting
    assert "interrupted" in result["coverage"][min(waiting)][1]


def test_devices_that_were_silent_while_all_were_looked_for_are_found_in_the_end(runs: Callable[[str], dict[str, Any]]) -> None:
    result = runs("late")
    assert result["status"] == "complete"
    assert set(macs(result)) == {a for a in DEVICES if int(a.rpartition(".")[2]) < 32}
    assert ("10.66.0.20", "http.server", "App-webs/") in {(a, f, v) for a, _, _, f, v in result["observations"]}
    assert result["coverage"]["10.66.0.20"] == ["answered", "by arp"]


def test_a_run_stopped_amid_arp_still_counts_what_it_sent(runs: Callable[[str], dict[str, Any]]) -> None:
    result = runs("stopped early")
    assert result["stop_seconds"] < 1.0
    assert 0 < result["totals"]["sent.arp.packets"] <= 4 * 25 + 16
    assert result["totals"]["sent.arp.packets"] <= sum(result["wire"]["arp"].values())


def test_a_sweep_ends_when_the_window_of_its_scope_closes(runs: Callable[[str], dict[str, Any]]) -> None:
    """254 addresses at ten frames a second do not fit: what was not asked in time is said to be so, and is not silent."""
    result = runs("closing")
    assert result["status"] == "interrupted"
    assert any("op-7 is in force until" in note for note in result["notes"])
    assert result["seconds"] < 20
    assert sum(result["wire"]["arp"].values()) < 120
    assert "silent" not in states(result).values()


def test_a_resumed_run_sends_nothing_to_what_is_finished(runs: Callable[[str], dict[str, Any]]) -> None:
    result = runs("resumed")
    assert not set(FINISHED) & set(result["wire"]["to"])
    assert not set(FINISHED) & set(result["wire"]["arp"])
    assert set(macs(result)) == set(DEVICES) - set(FINISHED)
    assert len(states(result)) == 254 - len(FINISHED)


def test_a_target_that_is_part_of_the_link_keeps_the_rest_of_it_out(runs: Callable[[str], dict[str, Any]]) -> None:
    result = runs("narrow")
    assert set(result["wire"]["to"]) - {"224.0.0.22"} == {"10.66.0.20", "10.66.0.21"}
    assert set(result["wire"]["arp"]) == {"10.66.0.20", "10.66.0.21"}
    assert set(states(result)) == {"10.66.0.20", "10.66.0.21"}
    assert any("questions to groups were not sent" in note for note in result["notes"])


def test_a_network_without_a_route_is_not_reached_rather_than_empty(runs: Callable[[str], dict[str, Any]]) -> None:
    result = runs("no route")
    assert set(states(result).values()) == {"not reached"}
    assert "no route" in result["coverage"]["10.99.0.1"][1]
    assert result["status"] == "failed", "an error state, not an estate without cameras"
    assert any("10.99.0.0/29: NOT REACHED" in note for note in result["notes"])
    assert any("not the same as no device" in note for note in result["notes"])


def test_without_the_privilege_for_arp_connects_and_the_neighbour_table_find_every_device(runs: Callable[[str], dict[str, Any]]) -> None:
    result = runs("no privilege")
    assert macs(result) == DEVICES
    assert any("no privilege for ARP" in note for note in result["notes"])
    assert "sent.arp.packets" not in result["totals"]


def test_a_device_that_is_excluded_by_one_address_is_asked_at_none(runs: Callable[[str], dict[str, Any]]) -> None:
    result = runs("excluded on one family")
    assert result["coverage"]["10.66.0.20"][0] == "excluded"
    state, reason = result["coverage"]["fe80::66:ff:fe00:20%br-lab"]
    assert (state, reason) == ("excluded", "its device is excluded by the scope file, as 10.66.0.20")
    asked = {line["host"] for line in map(json.loads, result["audit"]) if line["transport"] in ("tcp", "udp", "tls")}
    assert "fd66::99" in asked, "its neighbour is asked"
    assert not {address for address in asked if address.endswith(":20%br-lab") or address == "10.66.0.20"}


def test_a_device_that_dies_while_it_is_asked_is_told_of(runs: Callable[[str], dict[str, Any]]) -> None:
    result = runs("dying")
    assert any("10.66.0.20: changed behaviour" in note for note in result["notes"])


def test_ipv6_devices_are_found_by_the_echo_of_all_nodes_and_one_on_both_families_is_asked_once(
    runs: Callable[[str], dict[str, Any]],
) -> None:
    result = runs("both families")
    found = macs(result)
    assert found["fd66::99"] == found["fe80::66:ff:fe00:99%br-lab"] == "02:66:00:00:00:99"
    assert found["fe80::66:ff:fe00:20%br-lab"] == found["10.66.0.20"] == "02:66:00:00:00:20"
    told = {a for a, _, _, field, _ in result["observations"] if field == "http.server"}
    assert "fd66::99" in told
    assert "fe80::66:ff:fe00:20%br-lab" not in told
    assert result["totals"]["answered"] + result["totals"]["silent"] == 16 + 3, "the /28 whole, and the IPv6 addresses that answered"
    assert any("too large to ask every address" in note for note in result["notes"])
