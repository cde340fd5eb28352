"""What is said of a model before it is bought: drafts clutter no answer, an own badge names its maker, a shared one does not."""

from datetime import UTC, datetime

import pytest

from netcam.assess.explain import check_model
from netcam.catalog.policies import PolicyStatus
from tests.identify import shipped


def test_a_draft_says_nothing_of_a_model_and_an_empty_list_says_that_it_is_empty():
    content = shipped.content()
    found = {
        one.rule: one.verdict.value
        for one in check_model(
            "Hikvision", "DS-2CD2143G0-I", content.policies, content.families, on=datetime(2026, 11, 26, tzinfo=UTC).date()
        )
    }
    status = {policy.id: policy.status for policy in content.policies.policies.values()}
    assert PolicyStatus.DRAFT in status.values(), "the template is one"
    assert not [rule for rule in found if status[rule] is PolicyStatus.DRAFT]
    assert [found[rule] for rule in found if status[rule] is PolicyStatus.EMPTY] == ["not assessed"]
    assert found["uk-2022-sensitive-sites"] == "advisory"


@pytest.mark.parametrize(
    ("badge", "verdicts"),
    [
        ("Axis", {"not assessed"}),
        ("AXIS", {"not assessed"}),
        ("Annke", None),
        ("Hunt", None),
        ("Nobody's Own", None),
    ],
)
def test_an_own_badge_names_its_maker_and_one_that_others_fill_does_not(badge, verdicts):
    content = shipped.content()
    day = datetime(2026, 11, 26, tzinfo=UTC).date()
    found = {one.verdict.value for one in check_model(badge, "X1", content.policies, content.families, on=day, makers=content.makers)}
    if verdicts is None:
        assert found & {"unknown", "review", "advisory", "information", "restricted"}, "never cleared"
    else:
        assert found == verdicts, "only the list that nobody filled is open"
