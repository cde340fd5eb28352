"""`netcam policy`: what the texts say, whom they bind, who belongs to whom, and what they would say of a model before it is bought."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netcam.cli import output
from netcam.cli.content import put, told
from netcam.cli.devices import find
from netcam.cli.scan import ConfigOption, ContentOption, FormatOption, StoreOption
from netcam.errors import ConfigError, shown

if TYPE_CHECKING:
    from netcam.config import Settings
    from netcam.pipeline import Content

policy = typer.Typer(help="Policies: texts, whom they bind, and their cases.", no_args_is_help=True, rich_markup_mode=None)


def loaded(content: str | None, config: Path | None) -> tuple[Settings, Content]:
    """The settings, and the content with the site's own policies beside the shipped ones."""
    from netcam import config as settings_file
    from netcam.pipeline import Content

    settings = settings_file.load(config)
    return settings, Content(content, local=settings.policies_path())


@policy.command("list")
def policy_list(format_: FormatOption = output.Format.AUTO, content: ContentOption = None, config: ConfigOption = None) -> None:
    """List the policies: id, jurisdiction, kind, title, and the date their facts are good for."""
    rows = [
        [
            p.id,
            p.jurisdiction,
            str(p.kind),
            p.title,
            str(p.good_for),
            str(p.review.by),
            "stale" if p.stale(output.clock().date()) else str(p.status),
        ]
        for p in loaded(content, config)[1].policies.policies.values()
    ]
    columns = ("id", "jurisdiction", "kind", "title", "good_for", "review_by", "status")
    if output.wants_table(format_):
        output.console().print(output.table("Policies", columns, rows))
        return
    output.each(dict(zip(columns, row, strict=True)) for row in rows)


@policy.command("show")
def policy_show(
    policy_id: Annotated[str, typer.Argument(metavar="ID")], content: ContentOption = None, config: ConfigOption = None
) -> None:
    """Show one policy whole: text, reach, citations, dates, what it matches and its cases."""
    from netcam.assess.explain import policy_lines
    from netcam.catalog.text import nearest

    policies = loaded(content, config)[1].policies
    if policy_id not in policies.policies:
        raise ConfigError("policy show", f"no policy {shown(policy_id)}", nearest(policy_id, policies.policies))
    put(policy_lines(policies.policies[policy_id], policies))


@policy.command("check")
def policy_check(content: ContentOption = None, config: ConfigOption = None) -> None:
    """Run every policy's cases, resolve its citations, read the advisories, report review dates."""
    from netcam import config as settings_file
    from netcam.assess.policy_check import check
    from netcam.catalog.home import content_root

    local = settings_file.load(config).policies_path()
    problems = check(content_root(content), output.clock().date(), local=local)
    if not any(problem.is_error for problem in problems):
        for p in sorted(loaded(content, config)[1].policies.policies.values(), key=lambda p: (p.review.by, p.id)):
            put([f"{p.id:28} {p.status.value:7} {len(p.cases):3} cases, facts good for {p.good_for}, review by {p.review.by}"])
    told(problems, "policies")


@policy.command("family")
def policy_family(name: str, content: ContentOption = None) -> None:
    """Print a corporate family: entities, subsidiaries, brands, OEM relations and divested parts, with sources."""
    from netcam.assess.explain import family_lines
    from netcam.pipeline import Content

    put(family_lines(name, Content(content).families))


@policy.command("why")
def policy_why(
    address: str,
    site: Annotated[str | None, typer.Option("--site")] = None,
    store: StoreOption = None,
    content: ContentOption = None,
    config: ConfigOption = None,
) -> None:
    """Print how a device is tied to each policy: badge, tell, maker, owner, and the strength of each link."""
    from netcam.assess.explain import why_lines
    from netcam.inventory import open_inventory
    from netcam.inventory.decided import decisions

    inventory = open_inventory(store)
    try:
        one = find(inventory.identities(site=site), address)
        mine = inventory.findings(site=one.site, device=one.device)
        held = decisions(inventory)
    finally:
        inventory.close()
    judged = loaded(content, config)[1]
    today = output.clock().date()
    put(why_lines(one, mine, judged.policies, judged.families, lambda finding: held.of(finding, today).text))


@policy.command("check-model")
def policy_check_model(
    brand: str,
    model: Annotated[str, typer.Argument()] = "",
    site: Annotated[str | None, typer.Option("--site", help="Site id, as in the settings: where it would stand.")] = None,
    kind: Annotated[str, typer.Option("--kind", help="camera, recorder, access-control ...")] = "camera",
    bought: Annotated[str | None, typer.Option("--bought", help="Day of purchase; default: today.")] = None,
    fail_on: Annotated[output.Level | None, typer.Option("--fail-on", help="Exit with 10 where a verdict stands at this level.")] = None,
    format_: FormatOption = output.Format.AUTO,
    content: ContentOption = None,
    config: ConfigOption = None,
) -> None:
    """Say before a purchase what the policies would say of BRAND MODEL; no network is touched."""
    from netcam import wire
    from netcam.assess.explain import check_model
    from netcam.catalog.text import nearest
    from netcam.model import KINDS

    if kind not in KINDS:
        raise ConfigError("--kind", f"{shown(kind)} is no kind of device", nearest(kind, KINDS))
    settings, judged = loaded(content, config)
    found = check_model(
        brand, model, judged.policies, judged.families, on=output.clock().date(),
        site=settings.site(site) if site else None, kind=kind, bought=day("--bought", bought) if bought else None,
        makers=judged.makers,
    )  # fmt: skip
    if output.wants_table(format_):
        for finding in found:
            put([f"{finding.verdict}: {finding.rule}: {finding.title}", f"  {finding.text}"])
            put(f"  would change it: {change}" for change in finding.would_change)
            put(f"  source: {cited.title}. {cited.published}. {cited.url}" for cited in finding.citations)
        if not found:
            put([f"not matched: no policy names {brand} or who made it"])
    else:
        output.each(wire.finding_record(finding) for finding in found)
    raise typer.Exit(output.fail_code(found, fail_on))


def day(where: str, text: str) -> date:
    """A day as YYYY-MM-DD. Raises ConfigError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(where, f"{shown(text)} is not a date", "write it as 2026-03-01") from None
