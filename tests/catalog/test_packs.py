"""Catalog packs: only what a trusted key signed is installed, whole or not at all, and one can go back."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam.catalog import packs
from netcam.catalog.home import content_root
from netcam.errors import ContentError

KEY = Ed25519PrivateKey.generate()
PUBLIC = packs.public(KEY)
SHIPPED = Path(__file__).resolve().parent.parent.parent / "fingerprints"


@pytest.fixture(scope="module")
def whole() -> bytes:
    return packs.pack(SHIPPED, "2026.11.25", "2026-11-25", KEY)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETCAM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NETCAM_CONTENT", raising=False)
    return tmp_path / "home"


def written(folder: Path, data: bytes) -> Path:
    path = folder / "x.pack"
    path.write_bytes(data)
    return path


def signed(files: dict[str, bytes], key: Ed25519PrivateKey = KEY, version: str = "1.0", body: bytes | None = None) -> bytes:
    packed = zlib.compress(msgspec.msgpack.encode(files)) if body is None else body
    bare = packs.Header(packs.FORMAT, version, "2026-11-25", hashlib.sha256(packed).hexdigest(), packs.public(key), "")
    return msgspec.json.encode(msgspec.structs.replace(bare, signature=key.sign(bare.message).hex())) + b"\n" + packed


def test_what_was_packed_is_installed_used_and_left_again(tmp_path: Path, whole: bytes) -> None:
    one = packs.read(written(tmp_path, whole), frozenset({PUBLIC}))
    assert (SHIPPED / "makers" / "axis.yaml").read_bytes() == one.files["makers/axis.yaml"]
    assert content_root() == SHIPPED
    packs.put(one)
    packs.use("2026.11.25")
    assert content_root() == packs.packs_root() / "2026.11.25"
    assert packs.trusted() == {PUBLIC}
    packs.use("shipped")
    assert content_root() == SHIPPED
    assert packs.installed() == ["2026.11.25"]
    with pytest.raises(ContentError, match="installed already"):
        packs.put(one)
    with pytest.raises(ContentError, match="is not installed"):
        packs.use("9.9")


def test_a_signer_that_nobody_trusts_is_refused(tmp_path: Path, whole: bytes) -> None:
    with pytest.raises(ContentError, match="not trusted"):
        packs.read(written(tmp_path, whole), frozenset({packs.public(Ed25519PrivateKey.generate())}))


@given(at=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
@settings(max_examples=60, deadline=None)
def test_one_changed_bit_is_enough_to_be_refused(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    data = bytearray(signed({"makers/a.yaml": b"maker: A\n"}))
    data[at % len(data)] ^= 1 << bit
    path = written(tmp_path_factory.mktemp("pack"), bytes(data))
    try:
        one = packs.read(path, frozenset({PUBLIC}))
    except ContentError:
        return
    assert (
        one.header.message == packs.read(written(path.parent, signed({"makers/a.yaml": b"maker: A\n"})), frozenset({PUBLIC})).header.message
    )


@given(data=st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_clear_refusal(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    with pytest.raises(ContentError):
        packs.read(written(tmp_path_factory.mktemp("pack"), data), frozenset({PUBLIC}))


@pytest.mark.parametrize(
    "name", ["../x.yaml", "/etc/x.yaml", "makers/../../x.yaml", "makers/x.py", "a/b/c/d.yaml", "makers/x\x00.yaml", ".hid.yaml"]
)
def test_a_file_that_is_no_content_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContentError, match="no content file"):
        packs.read(written(tmp_path, signed({name: b"x"})), frozenset({PUBLIC}))


def test_a_small_pack_cannot_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "MAX_UNPACKED", 10_000)
    with pytest.raises(ContentError, match="unpacks into more"):
        packs.read(written(tmp_path, signed({"makers/a.yaml": b" " * 20_000})), frozenset({PUBLIC}))
    with pytest.raises(ContentError, match=r"cannot be read|is cut"):
        packs.read(written(tmp_path, signed({}, body=b"no zlib")), frozenset({PUBLIC}))


@pytest.mark.parametrize("version", ["", "../x", "1.x", "1.2.3.4.5", "shipped"])
def test_a_version_is_numbers_in_dots(version: str) -> None:
    with pytest.raises(ContentError):
        packs.order(version)


def test_the_commands_install_refuse_an_older_one_and_roll_back(tmp_path: Path, home: Path) -> None:
    pem = tmp_path / "publisher.pem"
    pem.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "broken.pack").write_bytes(signed({"makers/a.yaml": b"maker: A\nmaker: B\n"}, version="2026.12.1"))

    # a few makers: that the whole shipped content passes its own check is another test's promise
    for name in ("makers/axis.yaml", "negative/plant.jsonl"):
        (tmp_path / "few" / name).parent.mkdir(parents=True)
        shutil.copy(SHIPPED / name, tmp_path / "few" / name)

    def netcam(*argv: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "NETCAM_HOME": str(home)}
        return subprocess.run(
            [sys.executable, "-m", "netcam", "catalog", *argv], capture_output=True, text=True, env=env, cwd=tmp_path, check=False
        )

    for version in ("2026.11.24", "2026.11.25"):
        made = netcam("pack", version, "--key", str(pem), "--output", f"{version}.pack", "--content", "few")
        assert made.returncode == 0, made.stderr
    refused = netcam("install", "2026.11.25.pack")
    assert refused.returncode == 2
    assert "help: check the key with its publisher" in refused.stderr
    assert netcam("install", "2026.11.25.pack", "--signer", PUBLIC).returncode == 0
    assert "in use  2026.11.25" in netcam("packs").stdout
    older = netcam("install", "2026.11.24.pack")
    assert older.returncode == 2
    assert "older than 2026.11.25" in older.stderr
    broken = netcam("install", "broken.pack")
    assert broken.returncode == 2
    assert "a.yaml:2" in broken.stderr
    assert "2026.12.1" not in netcam("packs").stdout
    assert netcam("rollback", "shipped").returncode == 0
    assert "in use  shipped" in netcam("packs").stdout
    (home / "catalog" / "current").write_text("2027.1.1")
    gone = netcam("stats")
    assert gone.returncode == 2
    assert "the catalog pack in use is missing" in gone.stderr
