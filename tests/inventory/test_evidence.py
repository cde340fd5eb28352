"""A bundle stands alone: whole where nothing was touched, and any changed byte is found and located."""

import functools
import http.server
import json
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from netcam.errors import ConfigError, StoreError
from netcam.inventory import evidence, signing, verify
from netcam.inventory.memory import MemoryInventory
from netcam.model import Citation, Claim, Finding, Identity, Link, Observation, Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = signing.Key(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def filled(inventory, *, others=5):
    """An inventory with one finding among others, with raw answers; returns the finding."""
    raw = inventory.keep(b"HTTP/1.1 200 OK\r\nServer: App-webs/\r\n\r\n")
    seen = [
        Observation(
            field="http.server", value="App-webs/", at=NOON, site="hq", sensor="s1", endpoint="10.0.0.5:80", via="http", scan="s1", raw=raw
        ),
        Observation(field="http.title", value="<script>\u202e\ud800", at=NOON, site="hq", endpoint="10.0.0.5:80", via="http", scan="s1"),
    ]
    inventory.record(seen)
    inventory.record(replace(seen[0], endpoint=f"10.0.1.{n}:80", raw="") for n in range(others))
    claims = tuple(
        Claim(slot="maker", value="Hikvision", weight=0.9, by="hikvision/app-webs", origin=str(n), because=(o,)) for n, o in enumerate(seen)
    )
    lost = Claim(slot="maker", value="Axis", weight=0.1, by="axis/guess", because=(seen[1],))
    identity = Identity(
        device="10.0.0.5", site="hq", slots={"kind": "camera", "maker": "Hikvision"}, confidence={"maker": 0.9}, because=claims, disputed=(lost,)
    )  # fmt: skip
    inventory.save_identities("s1", [identity, *(replace(identity, device=f"10.0.1.{n}") for n in range(others))], NOON)
    finding = Finding(
        rule="uk-2022", kind="policy", device="10.0.0.5", site="hq", title="Made by <Hikvision>", verdict=Verdict.REVIEW, text="A sentence.",
        chain=(Link(relation="made by", subject="d", object="Hikvision", strength="high", source="banner"),), evidence=("e",),
        citations=(Citation(id="x", title="The text", published="2022-11-24", url="https://example.org/"),),
    )  # fmt: skip
    inventory.save_findings("s1", [finding, *(replace(finding, device=f"10.0.1.{n}") for n in range(others))], NOON)
    inventory.act("exception", json.dumps({"finding": finding.key, "until": "2026-09-01"}).encode(), NOON, by="jo")
    inventory.act("note", b'{"device":"10.0.1.1","site":"hq"}', NOON, by="jo")
    return finding


def exported(inventory, finding, **more):
    given = {"now": NOON + timedelta(days=1), "version": "0.1", "content": {"policies-uk-2022.yaml": b"id: uk-2022\n"}, "packets": {}}
    return evidence.export(inventory, KEY, finding, **(given | more))


@functools.cache
def small():
    inventory = MemoryInventory()
    return exported(inventory, filled(inventory, others=1)).data


def test_every_store_exports_a_whole_bundle_with_everything_the_finding_rests_on(inventory):
    finding = filled(inventory)
    bundle = exported(inventory, finding, packets={"cam.pcap": b"\xd4\xc3\xb2\xa1"})
    assert bundle.notes == ("packets/cam.pcap is signed beside the finding, which does not name it: the chain does not vouch for it",)
    verdict = verify.verify(bundle.data, KEY.public)
    assert verdict.problems == ()
    assert (verdict.key, verdict.finding, verdict.records, verdict.notes) == (KEY.public, finding.key, 5, ())
    files = verify.unpack(bundle.data)[0]
    assert b"App-webs/" in files["raw/" + json.loads(files["records.jsonl"].splitlines()[2])["words"][-1]]
    kinds = [json.loads(line)["kind"] for line in files["records.jsonl"].splitlines()]
    assert kinds == ["finding", "identity", "observation", "observation", "action"]
    assert {"judged-by/policies-uk-2022.yaml", "packets/cam.pcap", "page.html"} <= set(files)
    again = exported(inventory, finding)
    assert verify.verify(again.data).problems == ()


def test_the_page_is_plain_and_carries_nothing_of_the_device_as_markup():
    text = verify.unpack(small())[0]["page.html"].decode()
    assert "Made by &lt;Hikvision&gt;" in text
    assert "&lt;script&gt;\\u202e\\ud800" in text
    assert "<script" not in text
    assert "\u202e" not in text


def test_what_retention_took_is_told_and_the_rest_still_proves():
    inventory = MemoryInventory()
    finding = filled(inventory)
    inventory._raw.clear()
    bundle = exported(inventory, finding)
    verdict = verify.verify(bundle.data)
    assert verdict.problems == ()
    assert any("no longer kept" in note for note in verdict.notes)


def found_at(bundle, at):
    """The problems of a bundle, checked to say where: the changed byte lies in a range that one of them names."""
    problems = verify.verify(bytes(bundle), KEY.public).problems
    assert problems, f"byte {at} was changed and nobody noticed"
    assert any(start <= at < stop for problem in problems for start, stop in problem.ranges), (at, problems)
    return problems


def every_byte(flips):
    bundle = bytearray(small())
    assert verify.verify(bytes(bundle)).problems == ()
    for at, whole in enumerate(bundle):
        for flip in flips(at):
            bundle[at] = whole ^ flip
            found_at(bundle, at)
        bundle[at] = whole
    return len(bundle)


def test_every_byte_of_a_bundle_changed_is_found_and_located():
    assert every_byte(lambda at: (1, 0x20, 1 + at * 7 % 255)) > 10_000


def test_a_bundle_cut_lengthened_or_doubled_is_found():
    bundle = small()
    for wrong in (
        b"",
        bundle[:-1],
        bundle[:500],
        bundle + b"\0",
        b"\0" + bundle,
        bundle + bundle,
        bundle[:300] + bundle[301:],
        bundle[:300] + b"x" + bundle[300:],
    ):
        assert verify.verify(wrong).problems


def rebuilt(change):
    """A bundle whose files were changed by someone who signs the manifest anew with the same key (the strongest forger)."""
    files = verify.unpack(small())[0]
    told = json.loads(files.pop("manifest.json"))
    del files["signature.json"]
    change(files)
    return evidence.sealed_bundle(files, KEY, finding=told["finding"], at=told["at"], version="0.1")


def rewrite(name, line, **new):
    def change(files):
        lines = files[name].splitlines()
        lines[line] = verify.canonical(json.loads(lines[line]) | new).rstrip()
        files[name] = b"\n".join(lines) + b"\n"

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (rewrite("records.jsonl", 0, number=99), "not of the entry"),
        (rewrite("records.jsonl", 2, words=["a", "b"]), "not among the records"),
        (rewrite("records.jsonl", 2, index=1), "not among the records"),
        (rewrite("records.jsonl", 2, path=[]), "not among the records"),
        (rewrite("records.jsonl", 0, content="page.html"), "is not the content"),
        (rewrite("records.jsonl", 0, entry=1), "not of the entry"),
        (rewrite("records.jsonl", 0, entry=1000), "cannot be read"),
        (rewrite("records.jsonl", 0, words=[]), "not of the entry"),
        (rewrite("chain.jsonl", 1, root="0" * 64), "does not have its hash"),
        (rewrite("chain.jsonl", 1, number=7), "does not"),
        (rewrite("roots.jsonl", 0, at="2020-01-01T00:00:00Z"), "does not carry its signature"),
        (rewrite("roots.jsonl", 0, hash="0" * 64), "does not carry its signature"),
        (lambda files: files.update({"roots.jsonl": b""}), "after the last signed root"),
        (lambda files: files.update({"records.jsonl": b""}), "holds no finding"),
        (lambda files: files.update({"records.jsonl": b"{" * 100_000}), "cannot be read"),
        (lambda files: files.update({"records.jsonl": b"[]\n"}), "cannot be read"),
        (lambda files: files.pop("chain.jsonl"), "cannot be read"),
        (lambda files: files.update({"raw/" + next(n for n in files if n.startswith("raw/"))[4:]: b"forged"}), "not the answer"),
    ],
)
def test_a_forger_who_holds_the_key_still_cannot_change_what_the_chain_vouches_for(change, told):
    problems = verify.verify(rebuilt(change)).problems
    assert any(told in problem.problem for problem in problems), problems
    assert verify.verify(rebuilt(lambda files: None)).problems == ()


def test_a_bundle_by_another_key_is_whole_but_not_by_the_key_that_was_asked_for():
    files = verify.unpack(small())[0]
    told = json.loads(files.pop("manifest.json"))
    del files["signature.json"]
    other = signing.Key(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    bundle = evidence.sealed_bundle(files, other, finding=told["finding"], at=told["at"], version="0.1")
    assert verify.verify(bundle).problems == ()
    assert "another key" in verify.verify(bundle, KEY.public).problems[0].problem


def test_the_one_file_checks_a_bundle_in_an_empty_environment(tmp_path):
    (tmp_path / "bundle.zip").write_bytes(small())
    script = subprocess.run([sys.executable, "-m", "netcam", "evidence", "verifier"], capture_output=True, check=True).stdout
    (tmp_path / "verify.py").write_bytes(script)
    # -I -S: no site packages, so neither netcam nor cryptography can be imported
    command = [sys.executable, "-I", "-S", "verify.py", "bundle.zip"]
    run = functools.partial(subprocess.run, capture_output=True, text=True, check=False, cwd=tmp_path, env={})
    assert run([sys.executable, "-I", "-S", "-c", "import cryptography"]).returncode == 1
    whole = run([*command, "--key", KEY.public])
    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout.startswith("whole: finding ")
    assert KEY.public in whole.stdout
    bundle = bytearray(small())
    bundle[len(bundle) // 2] ^= 1
    (tmp_path / "bundle.zip").write_bytes(bundle)
    broken = run(command)
    assert broken.returncode == 1
    assert broken.stdout.startswith("BROKEN ")
    assert run([*command[:-1], "nothing.zip"]).returncode == 2


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=60), st.integers(0, 95), st.integers(1, 255))
def test_signatures_without_a_library_agree_with_the_library(seed, message, at, flip):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key, signature = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw), private.sign(message)
    assert verify.signed_by_plain_python(key, signature, message)
    assert not verify.signed_by_plain_python(key, signature, message + b"x")
    both = bytearray(key + signature)
    both[at] ^= flip
    broken = bytes(both[:32]), bytes(both[32:])
    assert verify.signed_by_plain_python(*broken, message) is verify.signed(*broken, message)


def test_the_vectors_of_the_standard_hold_without_a_library():
    # RFC 8032 section 7.1, tests 1 and 2
    for key, message, signature in (
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ):  # fmt: skip
        assert verify.signed_by_plain_python(bytes.fromhex(key), bytes.fromhex(signature), bytes.fromhex(message))
    assert not verify.signed_by_plain_python(b"", b"", b"")


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9]{0,6}(/[a-z]{1,3})?", fullmatch=True), st.binary(max_size=40), max_size=6))
def test_a_container_comes_back_as_it_was_and_is_a_zip_that_others_read(files):
    import io
    import zipfile

    packed = verify.pack(files)
    assert verify.unpack(packed)[0] == files
    assert verify.unpack(packed)[2] == []
    with zipfile.ZipFile(io.BytesIO(packed)) as other:
        assert {name: other.read(name) for name in other.namelist()} == files
        assert other.testzip() is None


@given(st.binary(max_size=300))
def test_any_bytes_are_no_bundle_and_say_so(data):
    assert verify.verify(data).problems


def test_a_name_that_leaves_the_folder_is_never_packed():
    for name in ("../x", "/x", "a/../b", "", "a//b", "a\\b"):
        with pytest.raises(ValueError, match="not a name"):
            verify.pack({name: b""})


def test_a_finding_is_named_by_its_key_or_a_beginning(inventory):
    finding = filled(inventory)
    assert evidence.find(inventory, finding.key) == evidence.find(inventory, finding.key[:16].upper()) == finding
    for wrong in ("", finding.key[:3], "f" * 32):
        with pytest.raises(ConfigError, match="not in the inventory"):
            evidence.find(inventory, wrong)
    with pytest.raises(StoreError, match="does not stand in the chain"):
        exported(inventory, replace(finding, text="never stored"))


def test_roots_are_signed_once_for_what_was_added_and_hold_the_chain(inventory):
    assert signing.sign_root(inventory, KEY, NOON) is None
    filled(inventory)
    root = signing.sign_root(inventory, KEY, NOON)
    assert root.number == len(inventory.entries())
    assert signing.sign_root(inventory, KEY, NOON) is None
    inventory.act("note", b"{}", NOON, by="jo")
    assert signing.sign_root(inventory, KEY, NOON).number == root.number + 1
    assert signing.holds(root)
    assert not signing.holds(signing.Root(number=1, hash=root.hash, at=root.at, key=root.key, signature=root.signature))
    assert not signing.holds(signing.Root(number=1, hash=root.hash, at=root.at, key="zz", signature=""))
    assert list(signing.check(inventory, frozenset({KEY.public}))) == []
    assert [d.problem[:26] for d in signing.check(inventory, frozenset())] == ["the root of 2026-03-01T12:"] * 2
    # a root of a chain that was longer, as after a restore of an old copy or a cut
    cut = signing.Root(number=99, hash="0" * 64, at=root.at, key=KEY.public, signature=KEY.sign(verify.root_message(99, "0" * 64, root.at)))
    inventory.save_signed(99, __import__("msgspec").json.encode(cut))
    assert [(d.entry, "was cut" in d.problem) for d in signing.check(inventory)] == [(99, True)]


def test_the_estates_key_is_made_once_for_its_owner_alone_and_never_silently_replaced(tmp_path):
    path = tmp_path / "deep" / "evidence.key"
    with pytest.raises(ConfigError):
        signing.load(path, make=False)
    first = signing.load(path)
    assert signing.load(path).public == first.public
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["evidence.key"]
    path.write_bytes(b"spoilt")
    with pytest.raises(ConfigError, match="restore it"):
        signing.load(path)
    with pytest.raises(ConfigError, match="in memory"):
        signing.own_key(MemoryInventory())


CONF = """
[ tsa ]
default_tsa = one
[ one ]
dir = {folder}
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@pytest.fixture
def authority(tmp_path):
    """A time-stamping authority of OpenSSL behind HTTP on loopback; yields its address and its certificate."""

    def openssl(*words, **more):
        return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=tmp_path, **more).stdout

    (tmp_path / "tsa.conf").write_text(CONF.format(folder=tmp_path))
    (tmp_path / "serial").write_text("01\n")
    (tmp_path / "ext").write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n"
                                  "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")  # fmt: skip
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test TSA root", "-days", "30",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test TSA")
    openssl(
        "x509",
        "-req",
        "-in",
        "tsa.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "tsa.pem",
        "-days",
        "30",
        "-extfile",
        "ext",
    )

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            query = self.rfile.read(int(self.headers["Content-Length"]))
            (tmp_path / "query").write_bytes(query)
            body = (
                b"no"
                if self.path == "/refuses"
                else openssl("ts", "-reply", "-config", "tsa.conf", "-queryfile", "query", "-section", "one")
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", (tmp_path / "ca.pem").read_bytes()
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_authoritys_time_stamp_over_a_root_is_kept_and_checked(authority):
    address, certificate = authority
    inventory = MemoryInventory()
    finding = filled(inventory)
    root = signing.sign_root(inventory, KEY, NOON, stamp=signing.authority(address))
    told = signing.stamped_at(root, certificate)
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=5)  # noqa: TID251 - the authority reads the real clock
    bundle = exported(inventory, finding)
    verdict = verify.verify(bundle.data)
    assert (verdict.problems, verdict.stamps) == ((), 1)
    inventory.act("note", b"{}", NOON, by="jo")
    other = signing.sign_root(inventory, KEY, NOON)
    moved = signing.Root(number=other.number, hash=other.hash, at=other.at, key=other.key, signature=other.signature, stamp=root.stamp)
    with pytest.raises(ValueError, match="Mismatch"):
        signing.stamped_at(moved, certificate)
    inventory.act("note", b"{}", NOON, by="jo")
    with pytest.raises(ConfigError, match="gave no time stamp"):
        signing.sign_root(inventory, KEY, NOON, stamp=signing.authority(address + "/refuses"))
    with pytest.raises(ConfigError, match="did not answer"):
        signing.sign_root(inventory, KEY, NOON, stamp=signing.authority("http://127.0.0.1:9"))
    with pytest.raises(ConfigError, match="http address"):
        signing.authority("ftp://x")
