"""What changed: silence is missing only where a finished scan covered it."""

from hypothesis import given
from hypothesis import strategies as st

from netcam.inventory.diff import Change, diff
from netcam.model import Coverage, CoverageState, Identity


def who(device="d1", *, addresses=("10.0.0.5",), site="hq", macs=(), **slots):
    return Identity(device=device, site=site, addresses=addresses, macs=macs, slots=slots)


def looked(*addresses, state=CoverageState.SILENT):
    return [Coverage(address=address, state=state) for address in addresses]


def test_a_device_that_was_not_there_before_is_new_and_one_known_from_earlier_has_returned():
    assert diff([], [who()], coverage_after=[]) == [Change(kind="new", device="d1", site="hq")]
    assert diff([], [who()], coverage_after=[], seen_earlier=[("hq", "d1")]) == [Change(kind="returned", device="d1", site="hq")]
    assert diff([], [who()], coverage_after=[], seen_earlier=[("north", "d1")])[0].kind == "new"


def test_each_field_that_differs_is_told_with_old_and_new():
    old = who(model="A", firmware="1", macs=("aa", "bb"))
    new = who(model="A", firmware="2", brand="LTS", addresses=("10.0.0.6",), macs=("bb", "aa"))
    assert [(c.kind, c.field, c.old, c.new) for c in diff([old], [new], coverage_after=[])] == [
        ("changed", "addresses", "10.0.0.5", "10.0.0.6"),
        ("changed", "brand", None, "LTS"),
        ("changed", "firmware", "1", "2"),
    ]


def test_a_silent_device_is_missing_only_where_all_its_addresses_were_covered():
    gone = who(addresses=("10.0.0.5", "10.0.0.6"))
    assert diff([gone], [], coverage_after=looked("10.0.0.5", "10.0.0.6"))[0].kind == "missing"
    (half,) = diff([gone], [], coverage_after=looked("10.0.0.5"))
    assert (half.kind, half.reason) == ("not-covered", "not covered: 10.0.0.6")


def test_a_link_that_was_asked_as_a_whole_was_looked_at_where_the_device_was_asked_by_itself_too():
    both = who(addresses=("10.0.0.5", "fe80::5%eth0"))
    assert diff([both], [], coverage_after=looked("10.0.0.5"))[0].kind == "missing"
    assert diff([both], [], coverage_after=looked("10.0.0.6"))[0].kind == "not-covered"
    assert diff([who(addresses=("fe80::5%eth0",))], [], coverage_after=looked("10.0.0.5"))[0].kind == "not-covered"
    wide = who(addresses=("10.0.0.5", "fd00::5", "fd00::1:5"))
    assert diff([wide], [], coverage_after=looked("10.0.0.5"))[0].reason == "not covered: fd00::5, fd00::1:5"
    assert diff([wide], [], coverage_after=looked("10.0.0.5"), targets=("10.0.0.0/24", "fd00::/64"))[0].kind == "missing"
    few = ("10.0.0.0/24", "fd00::/120", "list.xml")  # asked one by one: what coverage does not name was not asked
    assert diff([wide], [], coverage_after=looked("10.0.0.5"), targets=few)[0].kind == "not-covered"


def test_a_device_of_a_network_that_the_earlier_scan_did_not_ask_is_neither_new_nor_back():
    here, there = who(addresses=("10.0.1.5",)), who("b", addresses=("10.0.2.5",))
    known = {(one.site, one.device) for one in (here, there)}
    asked = {"coverage_before": looked("10.0.1.5"), "coverage_after": looked("10.0.2.5")}
    assert {(c.kind, c.device) for c in diff([here], [there], seen_earlier=known, **asked)} == {("not-covered", here.device)}
    assert {c.kind for c in diff([here], [there], **asked)} == {"not-covered", "new"}, "nobody knew it before"
    back = asked | {"coverage_before": looked("10.0.1.5", "10.0.2.5")}
    assert {c.kind for c in diff([here], [there], seen_earlier=known, **back)} == {"not-covered", "returned"}
    assert {c.kind for c in diff([here], [there], seen_earlier=known)} == {"not-covered", "returned"}


def test_without_a_finished_scan_nothing_is_missing():
    assert diff([who()], [], coverage_after=None)[0].kind == "not-covered"
    assert diff([who()], [], coverage_after=[])[0].kind == "not-covered"


def test_an_address_that_was_excluded_or_not_reached_was_not_looked_at():
    for state in (CoverageState.EXCLUDED, CoverageState.NOT_REACHED):
        assert diff([who()], [], coverage_after=looked("10.0.0.5", state=state))[0].kind == "not-covered"
    for state in (CoverageState.SILENT, CoverageState.REFUSED, CoverageState.ANSWERED, CoverageState.OFF_SUBNET):
        assert diff([who()], [], coverage_after=looked("10.0.0.5", state=state))[0].kind == "missing"


def test_a_device_without_an_address_is_never_missing():
    (told,) = diff([who(addresses=())], [], coverage_after=looked("10.0.0.5"))
    assert (told.kind, told.reason) == ("not-covered", "its address is not known")


def test_one_device_key_at_two_sites_is_two_devices():
    told = diff([who(site="hq", model="A")], [who(site="north", model="B")], coverage_after=looked("10.0.0.5"))
    assert [(c.kind, c.site) for c in told] == [("missing", "hq"), ("new", "north")]


IDENTITIES = st.lists(
    st.builds(
        who, st.sampled_from("abcd"), site=st.sampled_from(["", "hq"]), model=st.sampled_from("xy"), addresses=st.just(("10.0.0.1",))
    ),
    unique_by=lambda i: (i.site, i.device),
)


@given(IDENTITIES, IDENTITIES)
def test_the_order_of_arrival_changes_nothing_and_equal_looks_differ_in_nothing(before, after):
    told = diff(before, after, coverage_after=looked("10.0.0.1"))
    assert told == diff(before[::-1], after[::-1], coverage_after=looked("10.0.0.1"))
    assert diff(before, list(before), coverage_after=[]) == []
    keys = {(i.site, i.device) for i in after}
    assert {(c.site, c.device) for c in told if c.kind == "missing"} == {(i.site, i.device) for i in before} - keys
