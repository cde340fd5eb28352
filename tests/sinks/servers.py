"""Real servers on loopback, started for one test and ended with it; a certificate authority for them."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trustme

from tests.conditions import listening, until


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tool(name, package):
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found, f"{name} is missing: apt-get install {package}"
    return found


@contextlib.contextmanager
def running(argv, port, *, env=None, cwd=None, seconds=90):
    """A server, from when it listens to the end of the block. What it says goes to a file: a pipe that nobody reads holds it up when it is full."""
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(argv, stdout=said, stderr=subprocess.STDOUT, env=env, cwd=cwd) as process,
    ):
        try:
            end = time.monotonic() + seconds
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):  # noqa: TID251 - a test asks whether its server listens
                    break
                assert process.poll() is None, f"{argv[0]} ended: {_all_of(said)[-2000:]}"
                assert time.monotonic() < end, f"{argv[0]} does not listen"
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def _all_of(file):
    file.seek(0)
    return file.read().decode("utf-8", "replace")


class Authority:
    """A certificate authority with a server's and a client's certificate, as files."""

    def __init__(self, path):
        self.path = path
        authority = trustme.CA()
        server, client = authority.issue_cert("127.0.0.1", "siem.example.org"), authority.issue_cert("sensor.example.org")
        self.server_pem = path / "server.pem"
        server.private_key_and_cert_chain_pem.write_to_path(self.server_pem)
        self.ca, self.cert, self.key = path / "ca.pem", path / "server.crt", path / "server.key"
        self.client_cert, self.client_key = path / "client.crt", path / "client.key"
        authority.cert_pem.write_to_path(self.ca)
        server.cert_chain_pems[0].write_to_path(self.cert)
        server.private_key_pem.write_to_path(self.key)
        client.cert_chain_pems[0].write_to_path(self.client_cert)
        client.private_key_pem.write_to_path(self.client_key)
        for file in path.iterdir():
            file.chmod(0o644)


@contextlib.contextmanager
def rsyslog(path, port, *, authority=None, udp=False):
    """rsyslog that writes every message it received, as it understood it, to a file of JSON lines."""
    out = path / "rsyslog.jsonl"
    if udp:
        listen = f'module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="{port}")\nmodule(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="{port}")'
    elif authority:
        listen = (
            f'module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")\n'
            f'input(type="imtcp" address="127.0.0.1" port="{port}")'
        )
    else:
        listen = f'module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="{port}")'
    drivers = (
        f'DefaultNetstreamDriverCAFile="{authority.ca}" DefaultNetstreamDriverCertFile="{authority.cert}" DefaultNetstreamDriverKeyFile="{authority.key}"'
        if authority
        else ""
    )
    conf = path / "rsyslog.conf"
    conf.write_text(
        f'global(workDirectory="{path}" maxMessageSize="64k" {drivers})\n{listen}\n'
        f'template(name="whole" type="string" string="%jsonmesg%\\n")\naction(type="omfile" file="{out}" template="whole")\n'
    )
    argv = [tool("rsyslogd", "rsyslog rsyslog-gnutls"), "-n", "-f", str(conf), "-i", str(path / "rsyslog.pid"), "-C"]
    with running(argv, port) as process:
        if udp:
            until(lambda: ("udp", port) in listening(process.pid), "rsyslog takes datagrams")
        yield out, process


@contextlib.contextmanager
def syslog_ng(path, port, *, authority):
    """syslog-ng that asks for our certificate and writes what it understood to a file of JSON lines."""
    home = Path(sys.prefix) / "syslog-ng"
    assert (home / "usr/sbin/syslog-ng").exists(), f"syslog-ng is missing: .ci/unpacked-package syslog-ng-core {home}"
    out, conf = path / "syslog-ng.jsonl", path / "syslog-ng.conf"
    conf.write_text(
        "@version: 3.38\noptions { chain-hostnames(no); keep-hostname(yes); log-msg-size(65536); };\n"
        f'source s {{ syslog(ip("127.0.0.1") port({port}) transport("tls") tls(key-file("{authority.key}") cert-file("{authority.cert}")'
        f' ca-file("{authority.ca}") peer-verify(required-trusted))); }};\n'
        f'destination d {{ file("{out}" template("$(format-json --scope rfc5424,nv-pairs --key .SDATA.*)\\n")); }};\n'
        "log { source(s); destination(d); };\n"
    )
    libraries = next((home / "usr/lib").glob("*/libsyslog-ng-3*.so*"), None) or next((home / "usr/lib").rglob("libsyslog-ng-3*.so*"))
    modules = next((home / "usr/lib").rglob("libaffile.so")).parent
    env = os.environ | {"LD_LIBRARY_PATH": str(libraries.parent)}
    argv = [
        str(home / "usr/sbin/syslog-ng"), "-F", "--no-caps", "-f", str(conf), "--module-path", str(modules), "--persist-file", str(path / "persist"),
        "--control", str(path / "ctl"), "--pidfile", str(path / "ng.pid"),
    ]  # fmt: skip
    with running(argv, port, env=env) as process:
        yield out, process


def written(path):
    """The lines of a file that another program writes: whole ones."""
    text = path.read_text() if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def lines_of(path, count, seconds=90):
    """The lines of a file once there are so many."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lines = written(path)
        if len(lines) >= count:
            return lines
        time.sleep(0.05)
    raise AssertionError(f"{path.name} has {len(lines)} lines, not {count}")
