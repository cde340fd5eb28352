"""One word for a device out of the verdicts of many policies. The order of the findings does not matter."""

from __future__ import annotations

from collections.abc import Iterable

from netcam.model import Finding, Verdict

_ORDER = (
    Verdict.RESTRICTED,
    Verdict.REVIEW,
    Verdict.ADVISORY,
    Verdict.UNKNOWN,
    Verdict.NOT_ASSESSED,
    Verdict.INFORMATION,
    Verdict.NOT_MATCHED,
)
"""What one policy asks outranks what another does not know, and what is not known outranks a mere notice: unknown is never a pass."""


def summary(findings: Iterable[Finding]) -> Verdict:
    """The strongest verdict of the policy findings; `not assessed` where there is none."""
    seen = {finding.verdict for finding in findings if finding.verdict is not None}
    return next((verdict for verdict in _ORDER if verdict in seen), Verdict.NOT_ASSESSED)
