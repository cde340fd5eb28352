"""Run in namespaces of its own: two lldpd on one link, dumpcap on it, snmpd with lldpd behind it; netcam listens and reads."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from netcam.cli.scan import cache_folder
from tests.conditions import until


def run(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, check=check, capture_output=True, text=True)


def main(folder: Path) -> None:
    run("mount", "-t", "tmpfs", "none", "/run")
    for place in ("/run/lldpd", "/run/netns"):
        Path(place).mkdir()
    run("ip", "link", "set", "lo", "up")
    run("ip", "netns", "add", "far")
    far = ("ip", "netns", "exec", "far")
    run("ip", "link", "add", "near0", "address", "44:19:b6:00:00:01", "type", "veth", "peer", "name", "gi1", "netns", "far")
    run("ip", "link", "set", "near0", "up")
    run(*far, "ip", "link", "set", "gi1", "alias", "car park west")
    run(*far, "ip", "link", "add", "br0", "type", "bridge")  # so that lldpd itself sees that it runs on a bridge
    run(*far, "ip", "link", "set", "gi1", "master", "br0", "up")
    run(*far, "ip", "link", "set", "br0", "up")
    conf, pcap = folder / "snmpd.conf", folder / "link.pcapng"
    conf.write_text(
        "agentAddress udp:127.0.0.1:161\nrocommunity read-secret\nsysName near-switch\nmaster agentx\nagentXSocket /run/agentx\n"
    )
    started = [subprocess.Popen(["snmpd", "-f", "-Lf", str(folder / "snmpd.log"), "-C", "-c", str(conf), f"--persistentDir={folder}"])]
    until(Path("/run/agentx").exists, "snmpd takes agents")  # lldpd looks for it every 15 s
    # its own host name, not `configure system hostname`: lldpd forgets that when it looks at its interfaces again
    speaker = (*far, "unshare", "--uts", "sh", "-c", 'hostname yard-switch && exec "$@"', "sh", "lldpd")
    # -cc: CDP is spoken although nobody speaks it first
    speaking = ("-d", "-cc", "-u", "/run/far.sock", "-S", "a system that runs a test", "-I", "gi1")
    started += [
        subprocess.Popen(
            ["lldpd", "-d", "-u", "/run/near.sock", "-x", "-X", "/run/agentx", "-I", "near0"], stderr=(folder / "near.log").open("w")
        ),
        subprocess.Popen([*speaker, *speaking], stderr=(folder / "far.log").open("w")),
    ]
    try:
        heard = ""
        for _ in range(90):
            run("lldpcli", "-u", "/run/far.sock", "configure", "lldp", "tx-interval", "1", check=False)
            heard = run("lldpcli", "-u", "/run/near.sock", "show", "neighbors", check=False).stdout
            if {"SysName: yard-switch", "Capability: Bridge, on"} <= {" ".join(line.split()) for line in heard.splitlines()}:  # it is set
                break
            time.sleep(0.5)
        # first now: what lldpd said before it was set (the machine's own name) is no part of the capture
        capture = subprocess.Popen(["dumpcap", "-q", "-i", "near0", "-w", str(pcap)], stderr=subprocess.DEVNULL)
        for _ in range(60):
            time.sleep(0.5)
            read = run("tshark", "-r", str(pcap), "-Y", "lldp or cdp", "-T", "fields", "-e", "_ws.col.Protocol", check=False).stdout.split()
            if {"LLDP", "CDP"} <= set(read):
                break
        capture.terminate()
        capture.wait(60)
        accounts = folder / "accounts.toml"
        accounts.write_text('[[snmp]]\nswitches = ["127.0.0.1"]\ncommunity = "read-secret"\n')
        accounts.chmod(0o600)
        scope = folder / "scope.toml"
        scope.write_text('id = "t"\nauthoriser = "t"\nnetworks = ["127.0.0.1/32"]\n')
        env = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder), "NETCAM_HOME": str(folder / "state")}
        env["XDG_CACHE_HOME"] = str(cache_folder().parent)  # the patterns as they were compiled before
        netcam = [sys.executable, "-m", "netcam"]
        rest = ["--format", "jsonl", "--store", str(folder / "s.sqlite")]
        listen = subprocess.run([*netcam, "listen", str(pcap), *rest], env=env, capture_output=True, text=True)
        read = [*netcam, "switches", "--credentials", str(accounts), "--scope", str(scope), *rest]
        for _ in range(12):  # lldpd looks for the agent every 15 s where it was not there at first
            switches = subprocess.run(read, env=env, capture_output=True, text=True)
            if "yard-switch" in switches.stdout:
                break
            time.sleep(5)
        print(
            json.dumps({"neighbours": heard, "switches": switches.stdout, "said": switches.stderr + listen.stderr, "listen": listen.stdout})
        )
    finally:
        for child in started:
            child.terminate()
        for child in started:
            child.wait(60)


main(Path(sys.argv[1]))
