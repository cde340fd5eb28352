"""Both engines say the same, the cache may be foreign or broken, and hostile values are bounded."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcam import wire
from netcam.catalog import naming
from netcam.catalog.home import content_root
from netcam.identify import identify, sieve
from netcam.identify.look import Look
from netcam.identify.matcher import Matcher
from netcam.identify.sieve import Batch, Sieve, Sought
from netcam.model import CAMERA_KINDS, Observation
from tests.identify import shipped

CONTENT = shipped.loaded()
FIELDS = {name: fields[:1] for name, fields in naming.CLASSES.items()}
"""Class of fields -> one of them: fingerprints of a class are looked at under this."""
SEEN = sorted(
    {
        (field, see)
        for f in CONTENT.fingerprints
        for see in (*(e.see for e in f.examples), *(m.see for m in f.near_misses))
        for field in FIELDS.get(f.field, (f.field,))
    }
)


@pytest.fixture(scope="module")
def plain() -> Matcher:
    return shipped.matcher()


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Matcher:
    assert importlib.util.find_spec("hyperscan"), "the extra `fast` is part of what the tests install"
    return Matcher(CONTENT, engine="hyperscan", cache=tmp_path_factory.mktemp("cache"))


def ids(matcher: Matcher, field: str, value: str) -> list[tuple[str, dict[str, str]]]:
    return [(one.id, captures) for one, captures in matcher.hits(field, value)]


def agree(plain: Matcher, fast: Matcher, banners: list[tuple[str, str]]) -> None:
    """Both engines say the same of each banner, the fast one of all together and of some alone."""
    expected = {one: ids(plain, *one) for one in banners}
    fast.forget()
    fast.learn(banners)
    for one, hits in expected.items():
        assert ids(fast, *one) == hits, one
    fast.forget()
    for one in banners[::5]:
        assert ids(fast, *one) == expected[one], one


def test_both_engines_agree_on_every_example_and_near_miss(plain: Matcher, fast: Matcher) -> None:
    assert len(SEEN) > 2000
    banners = []
    for number, (field, value) in enumerate(SEEN):
        # every one as it is, and each in one of the other forms in turn: `re` alone takes a millisecond for each
        others = (value.upper(), f" {value}", f"{value}\n", f"x{value}", value[:-1], f"\x00{value}\x01")
        banners += [(field, value), (field, others[number % len(others)])]
    agree(plain, fast, banners)


def test_both_engines_agree_beyond_ascii_and_on_the_few_characters_that_they_read_apart(plain: Matcher, fast: Matcher) -> None:
    banners = []
    for number, (field, value) in enumerate(SEEN[::29]):
        half = len(value) // 2
        folded = value.replace("i", "\u0131").replace("s", "\u017f").replace("k", "\u212a").replace("I", "\u0130")
        odd = (f"{value}\u00e9", f"\u6d77\u5eb7{value}", f"{value[:half]}\u2019{value[half:]}", value.replace(" ", "\u00a0"))
        long = (f"{value}{' x' * 600}", f"{' ' * 1020}{value}", f"{' ' * 1030}{value}", f"{' ' * (1024 - half)}{value}")
        more = (folded, value.replace(" ", "\x1c"), f"{value}\x1f", value.replace("1", "\u0661"), f"{value}\u2019s")
        banners += [(field, form) for form in (*odd, long[number % len(long)], *more)]  # `re` alone takes ten milliseconds for a long one
    agree(plain, fast, banners)


def test_a_pattern_sees_a_long_value_as_its_own_limit_leaves_it(plain: Matcher, fast: Matcher) -> None:
    for name in ("ACTi", "Acti\u00e9"):
        cut = f"{' ' * (1024 - 4)}{name}veCam"  # what stands within the limit of a badge's pattern is a name, what goes on is another word
        assert "acti/named-acti-badge" in {one for one, _ in ids(plain, "http.title", cut)}
        agree(plain, fast, [("http.title", cut)])


def test_both_engines_agree_on_devices_that_are_no_cameras(plain: Matcher, fast: Matcher) -> None:
    banners = []
    for path in sorted((Path(content_root()) / "negative").glob("*.jsonl")):
        with path.open("rb") as lines:
            for one in wire.observations(lines):
                if isinstance(one, wire.Problem):
                    assert not one.dropped, one  # a control character is told and kept
                    continue
                banners.append((one.field, one.value))
    assert len(banners) >= 400
    agree(plain, fast, banners)


def test_both_engines_agree_on_models_behind_words(plain: Matcher, fast: Matcher) -> None:
    models = [(field, value) for field, value in SEEN if "any.model" in naming.classes(field)]
    assert len(models) > 300
    words = ("Acme ", "Acme_Net-Cam ", "A B.C D&E ", "A B C D ", "acme  ", "Extraordinarily-long ", "Acm\u00e9 ", "\u6d77 Acme ")
    agree(plain, fast, [(field, before + value) for field, value in models[::17] for before in words])


def test_an_interrupted_pass_leaves_nothing_behind(fast: Matcher, monkeypatch: pytest.MonkeyPatch) -> None:
    field, value = "http.title", "Hikvision"
    expected = ids(fast, field, value)
    assert expected
    fast.forget()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Look, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fast.hits(field, value)
    assert ids(fast, field, value) == expected


def test_what_is_remembered_is_bounded_and_forgotten_values_are_matched_again(fast: Matcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netcam.identify.matcher.MAX_REMEMBERED", 10)
    monkeypatch.setattr("netcam.identify.matcher.TOGETHER", 4)
    fast.forget()
    titles = [("http.title", f"Hikvision {n}") for n in range(50)]
    fast.learn(titles)
    assert sum(len(place.known) for place in fast._fields.values()) <= 10
    assert all(ids(fast, *one) for one in titles)
    assert sum(len(place.known) for place in fast._fields.values()) <= 10
    fast.forget()


def test_devices_are_judged_the_same_however_many_are_matched_ahead(fast: Matcher, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [Observation(field=field, value=value, device=f"d{n}") for n, (field, value) in enumerate(SEEN[::97])]
    together = list(identify(seen, fast))
    assert len(together) == len(seen)
    monkeypatch.setattr("netcam.identify.MATCHED_AHEAD", 3)
    fast.forget()
    assert list(identify(seen, fast)) == together


WORDS = [*"\x00\x01\x02\n -", "\u6d77", "\u017f", *(value for _, value in SEEN[::7] if len(value) < 60)]
VALUES = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=4).map("".join))


@given(banners=st.lists(st.tuples(st.sampled_from(sorted({f for f, _ in SEEN})[::9]), VALUES), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_both_engines_agree_on_any_texts(plain: Matcher, fast: Matcher, banners: list[tuple[str, str]]) -> None:
    agree(plain, fast, banners)


@given(noun=st.from_regex(re.compile(naming.NOUN, re.IGNORECASE)), company=st.from_regex(re.compile(naming.COMPANY, re.IGNORECASE)))
@settings(max_examples=100, deadline=None)
def test_what_is_looked_for_first_is_how_the_rest_begins(noun: str, company: str) -> None:
    assert re.search(naming.NOUN_BEGINS, noun, re.IGNORECASE)
    assert re.search(naming.COMPANY_BEGINS, company, re.IGNORECASE)


def named(some: Sieve, *texts: str) -> list[list[int]]:
    """The patterns that may match each text."""
    found = some.candidates(Batch(texts))
    return [[pattern for pattern in sorted(found) if n in found[pattern]] for n in range(len(texts))]


def test_a_kept_database_is_used_and_a_broken_one_is_made_anew(tmp_path: Path) -> None:
    assert importlib.util.find_spec("hyperscan"), "the extra `fast` is part of what the tests install"
    patterns = {"http.server": [Sought(rf"\A{word}\d+", True) for word in ("a", "b", "c", "d", "e", "f")]}
    first = sieve.sieves(patterns, tmp_path)["http.server"]
    assert named(first, "c7") == [[2]]
    (kept,) = tmp_path.iterdir()
    assert named(sieve.sieves(patterns, tmp_path)["http.server"], "F0") == [[5]]
    kept.write_bytes(b"\x00 not a cache")
    assert named(sieve.sieves(patterns, tmp_path)["http.server"], "b1") == [[1]]
    other = {"http.server": [*patterns["http.server"], Sought(r"\Ag\d", True)]}
    assert named(sieve.sieves(other, tmp_path)["http.server"], "g1") == [[6]]


def test_the_newest_databases_are_kept_and_one_in_use_is_new(tmp_path: Path) -> None:
    def made(word: str) -> str:
        before = {one.name for one in tmp_path.iterdir()}
        sieve.sieves({"http.server": [Sought(rf"\A{word}{n}\d+", True) for n in range(6)]}, tmp_path)
        return next(iter({one.name for one in tmp_path.iterdir()} - before), "")

    first, *others = [made(f"w{number}x") for number in range(sieve.KEPT)]
    assert len({first, *others}) == sieve.KEPT
    (tmp_path / "mine.txt").write_text("not ours")
    assert not made("w0x")  # used again
    last = made("other")
    assert {one.name for one in tmp_path.iterdir()} == {first, *others[1:], last, "mine.txt"}


def test_a_database_that_another_processor_compiled_is_made_anew(tmp_path: Path) -> None:
    assert importlib.util.find_spec("hyperscan"), "the extra `fast` is part of what the tests install"
    patterns = {"http.server": [Sought(rf"\A{word}\d+", True) for word in ("a", "b", "c")]}
    sieve.sieves(patterns, tmp_path)
    (kept,) = tmp_path.iterdir()
    cached = msgspec.msgpack.decode(kept.read_bytes())
    cached["parts"]["http.server"][0] = b"\x00" * 64
    kept.write_bytes(msgspec.msgpack.encode(cached))
    assert named(sieve.sieves(patterns, tmp_path)["http.server"], "b1") == [[1]]


def test_a_pattern_that_hyperscan_refuses_is_still_tried(tmp_path: Path) -> None:
    assert importlib.util.find_spec("hyperscan"), "the extra `fast` is part of what the tests install"
    patterns = {"http.server": [Sought(r"(?P<x>a)(?P=x)b", True), *(Sought(rf"\A{word}\d+", True) for word in "cdefgh")]}
    some = sieve.sieves(patterns, tmp_path)["http.server"]
    assert named(some, "aab") == [[0]]
    assert named(some, "e5") == [[0, 3]]
    assert named(some, "\u017f", "e5") == [[*range(7)], [0, 3]], "a long s is an s where case does not matter: nothing is told of it"


@pytest.mark.parametrize(
    "value",
    [
        "\x00" * 1000,
        "A" * 2_000_000,
        "\u202e" * 500,
        "\ud800 lone",
        "IP Camera(" * 5000,
        "<div id=dhvideowhmode>" * 20_000,
        "-" * 65_536,
        "1." * 30_000,
    ],
    ids=["nul", "long", "bidi", "surrogate", "open", "page", "dashes", "dots"],
)
def test_hostile_values_are_matched_in_bounded_time(plain: Matcher, value: str) -> None:
    import time

    fields = sorted({f for f, _ in SEEN})
    start = time.process_time()  # of this process: a busy machine makes no value slow
    list(identify([Observation(field=f, value=value, device="d") for f in fields], plain))
    assert time.process_time() - start < 5


def test_no_maker_field_or_generic_server_alone_makes_a_maker(plain: Matcher) -> None:
    for server in (
        "GoAhead-Webs",
        "Boa/0.94.13",
        "lighttpd/1.4.54",
        "nginx",
        "Apache",
        "mini_httpd/1.19 19dec2003",
        "thttpd/2.25b",
        "Webs",
        "GoAhead-http",
    ):
        (found,) = identify([Observation(field="http.server", value=server, device="d")], plain)
        assert found.get("maker") is None, server
        assert found.get("kind") not in CAMERA_KINDS, server
