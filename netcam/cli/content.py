"""The reference manual on the command line: `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcam.cli import output
from netcam.cli.devices import find
from netcam.cli.scan import ContentOption, StoreOption
from netcam.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable


def put(lines: Iterable[str]) -> None:
    """Plain lines for a person; what a device wrote into them is escaped."""
    for text in lines:
        typer.echo(output.escaped(text, limit=4000))


def told(problems: Iterable[Any], what: str) -> None:
    """Print the problems; exit 2 where one is an error."""
    errors = 0
    for problem in problems:
        put(str(problem).splitlines())
        errors += problem.is_error
    if errors:
        output.say(f"{what}: {errors} errors")
        raise typer.Exit(2)
    output.say(f"{what}: no errors")


TOPICS = ("fields", "protocols", "detectors", "findings", "policies", "exit-codes", "calibration")


EXIT_CODES = (
    "0 clean",
    "1 internal error, or a store, an archive or a piece of evidence that does not hold",
    "2 wrong content, settings or usage",
    "3 out of scope",
    "4 a network of the targets could not be reached",
    "10 findings at or above --fail-on",
    "130 interrupted before its end; what was found is kept (listening ends with Ctrl-C or SIGTERM as it should: 0 or 10)",
)


def explain(
    subject: Annotated[
        str, typer.Argument(help="Address of a device, or: fields, protocols, detectors, findings, policies, exit-codes, or an id.")
    ],
    site: Annotated[str | None, typer.Option("--site")] = None,
    store: StoreOption = None,
    content: ContentOption = None,
) -> None:
    """Explain a device's identity signal by signal; or a field, protocol, detector, fingerprint or policy."""
    from netcam.pipeline import Content

    loaded = Content(content)
    if subject in TOPICS or subject in entries(loaded):
        put(topic(subject, loaded))
        return
    from netcam.identify.explain import lines
    from netcam.inventory import open_inventory

    try:
        inventory = open_inventory(store)
        try:
            one = find(inventory.identities(site=site), subject)
            findings = [f for f in inventory.findings(site=site) if f.device == one.device]
        finally:
            inventory.close()
    except ConfigError as error:
        if any(c in subject for c in ".:") and not subject.islower():
            raise
        from netcam.catalog.text import nearest

        near = nearest(subject, [*TOPICS, *entries(loaded)])
        raise ConfigError(
            shown(subject),
            "no device, topic or id of this name",
            near if near.startswith("did") else f"{error.cure}; topics are {', '.join(TOPICS)}",
        ) from None
    put(lines(one, loaded.makers))
    for finding in findings:
        put(["", f"{finding.verdict or finding.severity}: {finding.rule}: {finding.title}", f"  {finding.text}"])
        put(f"  {link.subject} -> {link.relation} -> {link.object} ({link.strength}; {link.source})" for link in finding.chain)
        put(f"  would change it: {change}" for change in finding.would_change)


def entries(loaded: Any) -> set[str]:
    """Everything that has an id of its own: fingerprints, policies, published flaws, detectors, protocols."""
    from netcam.collect.sent import BESIDES
    from netcam.egress.registry import detectors
    from netcam.protocols import registry
    from netcam.protocols.fields import FIELDS

    return {
        *(f.id for f in loaded.makers.fingerprints),
        *loaded.policies.policies,
        *(fact.advisory.id for fact in loaded.advisories.facts()),
        *detectors(),
        *registry.discoveries(),
        *registry.conversations(),
        *BESIDES,
        *FIELDS,
    }


def topic(subject: str, loaded: Any) -> list[str]:
    """The lines for a topic or an id."""
    from netcam.collect.sent import BESIDES
    from netcam.egress.registry import detectors
    from netcam.protocols import registry
    from netcam.protocols.fields import FIELDS

    spoken: dict[str, Any] = {**registry.conversations(), **registry.discoveries()}
    if subject == "fields":
        return [f"{name:28} {meaning}" for name, meaning in sorted(FIELDS.items())]
    if subject == "protocols":
        return [line for name in sorted({*spoken, *BESIDES}) for line in protocol_lines(name, registry)] + left_out()
    if subject == "detectors":
        return [f"{name:24} {one.title}" for name, one in sorted(detectors().items())]
    if subject == "policies":
        return [f"{p.id:36} {p.title}" for p in loaded.policies.policies.values()]
    if subject == "findings":
        from netcam.sinks.lifecycle import rules

        return list(rules())
    if subject == "exit-codes":
        return list(EXIT_CODES)
    if subject == "calibration":
        return calibration_lines(loaded.makers.calibration)
    if subject in detectors():
        return str(detectors()[subject].explain()).splitlines()
    if subject in loaded.policies.policies:
        from netcam.assess.explain import policy_lines

        return list(policy_lines(loaded.policies.policies[subject], loaded.policies))
    if told := [fact for fact in loaded.advisories.facts() if fact.advisory.id == subject]:
        from netcam.assess.explain import advisory_lines

        return [line for fact in told for line in advisory_lines(fact, loaded.advisories)]
    for fingerprint in loaded.makers.fingerprints:
        if fingerprint.id == subject:
            from netcam.identify.explain import fingerprint_lines

            return list(fingerprint_lines(fingerprint, loaded.makers))
    if subject in spoken or subject in BESIDES:
        return protocol_lines(subject, registry)
    return [f"{subject:28} {FIELDS[subject]}"]


def left_out() -> list[str]:
    """Which protocols are not spoken, and what is never requested, with the reasons."""
    from netcam.protocols import LEFT_OUT, never

    lines = ["", "not spoken:"] + [f"  {name}: {why}" for name, why in LEFT_OUT.items()]
    lines += ["", "never requested, whatever a codec makes (the gate refuses it):"]
    return lines + [f"  {why}" for why in dict.fromkeys([*never.NEVER_REQUESTED.values(), *never.MESSAGES_NEVER_SENT.values()])]


def calibration_lines(measured: Any) -> list[str]:
    """When and on what the confidences were measured, and the reliability diagram."""
    from netcam.catalog.calibration import diagram

    if measured is None:
        return ["this catalog was not calibrated"]
    told = f"measured on {measured.made} on {measured.devices} labelled devices ({', '.join(measured.corpora)})"
    return [told, *diagram(measured.bins)]


def protocol_lines(name: str, registry: Any) -> list[str]:
    """What a protocol sends, to which ports, under which profiles, and which fields it can yield."""
    from netcam.collect.sent import BESIDES

    lines = []
    if besides := BESIDES.get(name):
        lines += [f"{name} ({besides.over})", f"  sends: {besides.sends}", f"  source: {besides.source}"]
    if talk := registry.conversations().get(name):
        ports = ", ".join(str(p) for p in talk.ports + talk.tls_ports)
        lines += [f"{name} (TCP {ports or 'as found'}; {', '.join(sorted(talk.profiles))})", f"  sends: {talk.sends}"]
        lines += [f"  source: {talk.source}", f"  fields: {', '.join(sorted(talk.fields))}"]
    if ask := registry.discoveries().get(name):
        places = sorted({f"{q.host}:{q.port}" for q in ask.questions("00000000-0000-4000-8000-000000000000")})
        lines += [f"{name} (UDP {', '.join(places)}; {', '.join(sorted(ask.profiles))})", f"  sends: {ask.sends}"]
        lines += [f"  source: {ask.source}", f"  fields: {', '.join(sorted(ask.fields))}"]
    return lines
