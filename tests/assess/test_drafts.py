"""What is not verified raises nothing, and clutters no answer."""

from datetime import UTC, datetime

from netcam.assess.explain import check_model
from netcam.catalog.policies import PolicyStatus
from netcam.pipeline import Content


def test_a_draft_says_nothing_of_a_model_and_an_empty_list_says_that_it_is_empty():
    content = Content(None)
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
