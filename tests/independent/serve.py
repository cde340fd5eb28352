"""Run inside fresh namespaces: five hosts with servers that nobody here wrote, then a command.

    192.0.2.20  avahi-daemon (mDNS), lighttpd (HTTP), wsdd (WS-Discovery of a PC)
    192.0.2.30  ipycam (an ONVIF camera: WS-Discovery and device service), rtsp-server-perl (RTSP)
    192.0.2.40  nginx (HTTP, HTTPS), snmpd with the community `sesame`, OpenSSH, Pure-FTPd
    192.0.2.50  minidlna (SSDP and a UPnP description)
    192.0.2.60  wsdd2 (WS-Discovery of a file server)

The command runs in a namespace of its own, 192.0.2.1, joined to them by a bridge.
"""  # fmt: skip

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.conditions import listening, until, until_apart

LISTENS = {
    20: {("udp", 5353), ("tcp", 80), ("udp", 3702), ("tcp", 5357)},
    30: {("udp", 3702), ("tcp", 80), ("tcp", 554), ("tcp", 5545)},
    40: {("tcp", 80), ("tcp", 443), ("udp", 161), ("tcp", 22), ("tcp", 21)},
    50: {("udp", 1900), ("tcp", 8200)},
    60: {("udp", 3702), ("tcp", 3702)},
}
"""Hosts, and where their servers take questions once they are up."""
NGINX = """daemon off; user root; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  server {{ listen 80; return 200 "<html><head><title>Door book</title></head></html>"; default_type text/html; }}
  server {{ listen 443 ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; return 200 "ok"; }} }}
"""


def run(*argv: str) -> None:
    subprocess.run(argv, check=True)


def tool(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if found is None:
        raise SystemExit(f"{name} is missing: make system-test installs it")
    return found


def configure(folder: Path) -> None:
    """Write every server's settings below `folder`."""
    # avahi, sshd and others change to users that a user namespace does not have: here those users are root
    users = "".join(f"{name}:x:0:0::/:/bin/sh\n" for name in ("root", "avahi", "sshd", "nobody", "minidlna", "Debian-snmp", "ftp"))
    for name, line in (("passwd", users), ("group", "root:x:0:\navahi:x:0:\nnogroup:x:0:\nDebian-snmp:x:0:\n")):
        (folder / name).write_text(line)
        run("mount", "--bind", str(folder / name), f"/etc/{name}")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    Path("/run/sshd").mkdir()
    for made in ("www", "media", "cache"):
        (folder / made).mkdir()
    (folder / "avahi.conf").write_text(
        "[server]\nhost-name=archive\nuse-ipv6=no\nallow-interfaces=srv0\nenable-dbus=no\n"
        "[publish]\npublish-workstation=yes\npublish-hinfo=yes\n"
    )
    (folder / "www" / "index.html").write_text("<html><head><title>Records archive</title></head><body>hello</body></html>")
    (folder / "lighttpd.conf").write_text(
        f'server.document-root = "{folder}/www"\nserver.port = 80\nserver.bind = "192.0.2.20"\nindex-file.names = ("index.html")\n'
        'mimetype.assign = (".html" => "text/html")\n'
    )
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/O=Records office/CN=doorbook", "-keyout",
        str(folder / "key.pem"), "-out", str(folder / "cert.pem"))  # fmt: skip
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    (folder / "snmpd.conf").write_text("agentaddress udp:161\nrocommunity sesame\nsysDescr Door book appliance 4.2\nsysName doorbook\n")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "hostkey"))
    (folder / "sshd_config").write_text(f"HostKey {folder}/hostkey\nUsePAM no\nPidFile none\n")
    (folder / "banner").write_text("Door book drop box\n")
    (folder / "minidlna.conf").write_text(
        f"port=8200\nnetwork_interface=srv0\nmedia_dir=V,{folder}/media\ndb_dir={folder}/cache\nlog_dir={folder}/cache\n"
        "friendly_name=Training films\nmodel_name=Film shelf\nserial=77\ninotify=no\n"
    )


def servers(folder: Path) -> dict[str, tuple[int, list[str]]]:
    """Name -> host and command."""
    here = Path(__file__).resolve().parent
    return {
        "avahi": (20, [tool("avahi-daemon"), "--no-drop-root", "--no-rlimits", "--no-chroot", "-f", f"{folder}/avahi.conf"]),
        "lighttpd": (20, [tool("lighttpd"), "-D", "-f", f"{folder}/lighttpd.conf"]),
        "wsdd": (20, [tool("wsdd"), "-4", "-i", "srv0", "-n", "ARCHIVE-PC", "-w", "RECORDS"]),
        "ipycam": (30, [sys.executable, str(here / "ipycam_camera.py"), "192.0.2.30"]),
        "rtsp": (30, [tool("rtsp-server-perl"), "--clientport", "554", "--serverport", "5545", "--client_listen_address", "192.0.2.30"]),
        "nginx": (40, [tool("nginx"), "-c", f"{folder}/nginx.conf"]),
        "snmpd": (40, [tool("snmpd"), "-f", "-Lo", "-C", "-c", f"{folder}/snmpd.conf", "-I", "-smux"]),
        "sshd": (40, [tool("sshd"), "-D", "-e", "-f", f"{folder}/sshd_config"]),
        "pure-ftpd": (40, [tool("pure-ftpd"), "-S", "192.0.2.40,21", "-F", f"{folder}/banner", "-g", f"{folder}/ftp.pid", "-H", "-E"]),
        "minidlna": (50, [tool("minidlnad"), "-S", "-P", f"{folder}/minidlna.pid", "-f", f"{folder}/minidlna.conf"]),
        "wsdd2": (60, [tool("wsdd2"), "-4", "-w", "-i", "srv0", "-H", "FILES-NAS", "-N", "FILES-NAS", "-G", "RECORDS"]),
    }


def main() -> int:
    folder, command = Path(sys.argv[1]), sys.argv[2:]
    holders: dict[int, subprocess.Popen[bytes]] = {}
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "here0", "type", "bridge", "forward_delay", "0")
        run("ip", "addr", "add", "192.0.2.1/24", "dev", "here0")
        run("ip", "link", "set", "here0", "up")
        for host in LISTENS:
            holder = holders[host] = subprocess.Popen(["unshare", "--net", "sleep", "900"])
            until_apart(holder.pid)
            run("ip", "link", "add", f"p{host}", "type", "veth", "peer", "name", "srv0", "netns", str(holder.pid))
            run("ip", "link", "set", f"p{host}", "master", "here0")
            run("ip", "link", "set", f"p{host}", "up")
            for words in (
                "link set lo up", f"link set srv0 address 02:00:00:00:00:{host}", f"addr add 192.0.2.{host}/24 dev srv0", "link set srv0 up",
                "route add 224.0.0.0/4 dev srv0",
            ):  # fmt: skip
                run("nsenter", f"--net=/proc/{holder.pid}/ns/net", "ip", *words.split())
        configure(folder)
        for name, (host, argv) in servers(folder).items():
            log = (folder / f"{name}.log").open("wb")
            started[name] = subprocess.Popen(
                ["nsenter", f"--net=/proc/{holders[host].pid}/ns/net", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

        def up() -> bool:
            for name, server in started.items():
                if server.poll() is not None:
                    raise SystemExit(f"{name} did not stay up: {(folder / f'{name}.log').read_text()[-2000:]}")
            if "Server startup complete" not in (folder / "avahi.log").read_text():  # it has looked whether its name is free
                return False
            return all(ports <= listening(holders[host].pid) for host, ports in LISTENS.items())

        until(up, "every server listens")
        return subprocess.run(command, check=False).returncode
    finally:
        for process in (*started.values(), *holders.values()):
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
