"""Run inside a fresh network and mount namespace: a second namespace with servers that nobody here wrote, then a command.

The servers: avahi-daemon (mDNS), lighttpd (HTTP), wsdd (WS-Discovery of a PC). The command runs in the first namespace,
joined to the second by a veth pair: 192.0.2.1 (here) and 192.0.2.20 (the servers).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

SERVER = "192.0.2.20"


def run(*argv: str) -> None:
    subprocess.run(argv, check=True)


def daemon(argv: list[str], log: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log.open("wb"), stderr=subprocess.STDOUT)


def tool(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if found is None:
        raise SystemExit(f"{name} is missing: make system-test installs it")
    return found


def main() -> int:
    folder, command = Path(sys.argv[1]), sys.argv[2:]
    holder = subprocess.Popen(["unshare", "--net", "sleep", "120"])
    time.sleep(0.2)
    inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    servers = []
    try:
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "here0", "type", "veth", "peer", "name", "srv0", "netns", str(holder.pid))
        run("ip", "addr", "add", "192.0.2.1/24", "dev", "here0")
        run("ip", "link", "set", "here0", "up")
        for words in ("link set lo up", "link set srv0 address 02:00:00:00:00:20", f"addr add {SERVER}/24 dev srv0", "link set srv0 up"):
            run(*inside, "ip", *words.split())
        run(*inside, "ip", "route", "add", "224.0.0.0/4", "dev", "srv0")
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        # avahi gives its folder to user avahi, an id that a user namespace does not have: here that user is root
        for name, line in (("passwd", "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/false\n"), ("group", "root:x:0:\navahi:x:0:\n")):
            (folder / name).write_text(line)
            run("mount", "--bind", str(folder / name), f"/etc/{name}")
        (folder / "avahi.conf").write_text(
            "[server]\nhost-name=archive\nuse-ipv6=no\nallow-interfaces=srv0\nenable-dbus=no\n"
            "[publish]\npublish-workstation=yes\npublish-hinfo=yes\n"
        )
        (folder / "www").mkdir()
        (folder / "www" / "index.html").write_text("<html><head><title>Records archive</title></head><body>hello</body></html>")
        (folder / "lighttpd.conf").write_text(
            f'server.document-root = "{folder}/www"\nserver.port = 80\nserver.bind = "{SERVER}"\nindex-file.names = ("index.html")\n'
            'mimetype.assign = (".html" => "text/html")\n'
        )
        servers = [
            daemon(
                [*inside, tool("avahi-daemon"), "--no-drop-root", "--no-rlimits", "--no-chroot", "-f", str(folder / "avahi.conf")],
                folder / "avahi.log",
            ),
            daemon([*inside, tool("lighttpd"), "-D", "-f", str(folder / "lighttpd.conf")], folder / "lighttpd.log"),
            daemon([*inside, tool("wsdd"), "-4", "-i", "srv0", "-n", "ARCHIVE-PC", "-w", "RECORDS"], folder / "wsdd.log"),
        ]
        time.sleep(3)
        for server, name in zip(servers, ("avahi", "lighttpd", "wsdd"), strict=True):
            if server.poll() is not None:
                raise SystemExit(f"{name} did not stay up: {(folder / f'{name}.log').read_text()[-2000:]}")
        return subprocess.run(command, check=False).returncode
    finally:
        for process in (*servers, holder):
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
