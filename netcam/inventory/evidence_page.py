"""The page of an evidence bundle that a person reads: what was found, what it rests on, and how to check it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from html import escape

from netcam.inventory.port import Action
from netcam.model import Finding, Identity, Observation, rfc3339

MAX_CELL = 2000
"""Characters of one value on the page; the record in the bundle is whole."""

_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #bbb;padding:.3em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}code{overflow-wrap:anywhere}"
)


def _text(value: object) -> str:
    """A value made safe: markup escaped, controls and direction marks shown as what they are."""
    cut = str(value)[:MAX_CELL]
    return escape("".join(c if unicodedata.category(c)[0] != "C" else f"\\u{ord(c):04x}" for c in cut))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["<table><tr>" + "".join(f"<th>{_text(cell)}</th>" for cell in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return "\n".join(lines) + "</table>"


def page(
    finding: Finding, identity: Identity | None, seen: Sequence[Observation], actions: Sequence[Action], *,
    at: str, version: str, notes: Sequence[str], raw: frozenset[str],
) -> str:  # fmt: skip
    """The page as HTML: no script, nothing loaded from elsewhere."""
    verdict = f"{finding.verdict.value}" if finding.verdict is not None else f"severity {finding.severity}"
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Evidence {_text(finding.key)}</title><style>{_STYLE}</style>",
        f"<h1>{_text(finding.title)}</h1>",
        f"<p>{_text(finding.text)}</p>" if finding.text else "",
        _table(
            ("What", "Value"),
            [("Finding", finding.key), ("Rule", f"{finding.rule} ({finding.kind})"), ("Says", verdict), ("Device", finding.device),
             ("Site", finding.site or "not named"), ("Confidence", f"{finding.confidence:.2f} of 1"), ("Whom the rule binds", finding.reach),
             ("What would change it", "; ".join(finding.would_change)), ("Facts of the rule checked on", finding.good_for or "not dated"),
             ("Bundle made", at), ("By", f"netcam {version}")],
        ),
    ]  # fmt: skip
    if finding.citations:
        parts += [
            "<h2>The texts it rests on</h2>",
            _table(("Text", "Published", "Where"), [(c.title, c.published, c.url) for c in finding.citations]),
        ]
    if finding.chain or finding.evidence:
        links = [(link.relation, link.subject, link.object, link.strength, link.source) for link in finding.chain]
        parts += ["<h2>How the rule reached the device</h2>", _table(("Relation", "From", "To", "Strength", "Source"), links)]
        parts += ["<ul>", *(f"<li>{_text(line)}</li>" for line in finding.evidence), "</ul>"]
    if identity is not None:
        rows = [
            (slot, value, f"{identity.confidence.get(slot, 0):.2f}", "the operator" if slot in identity.locked else "what was observed")
            for slot, value in identity.slots.items()
        ]
        parts += ["<h2>What the device is taken for</h2>", _table(("Question", "Answer", "Confidence", "Who says so"), rows)]
        disputed = [(c.slot, c.value, f"{c.weight:.2f}", c.by) for c in identity.disputed]
        if disputed:
            parts += ["<p>What spoke for another answer:</p>", _table(("Question", "Answer", "Weight", "Fingerprint"), disputed)]
    parts += [
        "<h2>What was observed</h2>",
        _table(
            ("When (UTC)", "Sensor", "Address", "By", "Field", "Value", "Whole answer"),
            [
                (rfc3339(o.at) if o.at else "not told", o.sensor, o.endpoint, o.via, o.field, o.value, _answer(o, raw))
                for o in seen
            ],
        ),
    ]  # fmt: skip
    if actions:
        told = [(rfc3339(a.at), a.by, a.kind, a.body.decode("utf-8", "replace")) for a in actions]
        parts += ["<h2>What operators did</h2>", _table(("When (UTC)", "Who", "What", "Words"), told)]
    if notes:
        parts += ["<h2>What is missing</h2><ul>", *(f"<li>{_text(note)}</li>" for note in notes), "</ul>"]
    parts.append(
        "<h2>How to check this</h2><p>Every file of this bundle is named with its SHA-256 in <code>manifest.json</code>, which is signed with Ed25519 "
        "(<code>signature.json</code>). Every record stands in a hash chain that the inventory wrote when the record was stored, and the chain's roots "
        "were signed at the times given in <code>roots.jsonl</code>. <code>netcam evidence verify BUNDLE</code> checks all of it, and so does the one "
        "file that <code>netcam evidence verifier</code> prints, with nothing but Python. Compare the key it names with the one that the estate "
        "published.</p><p>What this proves: that the records were stored no later than the signed root, and are unchanged since. What it does not prove: "
        "that a device told the truth about itself; any answer on a network can be forged, which is why no confidence is 1 unless a person says so.</p>"
    )
    return "\n".join(part for part in parts if part) + "</html>\n"


def _answer(seen: Observation, raw: frozenset[str]) -> str:
    if not seen.raw:
        return ""
    return f"raw/{seen.raw}" if f"raw/{seen.raw}" in raw else "no longer kept"
