"""Makes the small schemas of netcam/sinks/schemas: `python make.py ecs|ocsf|cyclonedx|stix SOURCE VERSION`.

ECS: github.com/elastic/ecs, generated/ecs/ecs_flat.yml at v9.4.0 (Apache-2.0). OCSF: a checkout of github.com/ocsf/ocsf-schema at
1.8.0 (Apache-2.0). CycloneDX: github.com/CycloneDX/specification, schema/bom-1.7.schema.json (Apache-2.0). STIX: the folder schemas
of github.com/oasis-open/cti-stix2-json-schemas, 2.1 (BSD-3-Clause). Only names, types, enumerations and constraints are kept, and
only of what netcam writes.
"""

import json
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parents[3] / "netcam" / "sinks" / "schemas"
ECS_SETS = [
    "@timestamp",
    "message",
    "tags",
    "labels",
    "ecs",
    "event",
    "observer",
    "host",
    "device",
    "rule",
    "related",
    "source",
    "destination",
    "package",
    "vulnerability",
    "user",
    "network",
]
OCSF_CLASSES = {
    "application/scan_activity", "application/application_lifecycle", "discovery/inventory_info", "discovery/device_config_state_change",
    "findings/compliance_finding", "findings/detection_finding", "findings/vulnerability_finding", "network/network_activity",
}  # fmt: skip
OCSF_OBJECTS = [
    "metadata",
    "product",
    "scan",
    "device",
    "os",
    "device_hw_info",
    "finding_info",
    "analytic",
    "compliance",
    "vulnerability",
    "cve",
    "advisory",
    "evidences",
    "network_endpoint",
    "network_connection_info",
    "network_traffic",
    "related_event",
    "autonomous_system",
    "location",
    "resource_details",
    "observable",
    "application",
    "object",
]


def ecs(path, commit):
    fields = {}
    published = yaml.load(Path(path).read_text("utf-8"), Loader=yaml.CSafeLoader)  # noqa: TID251 - the source is YAML 1.1
    for name, told in published.items():
        if name.split(".")[0] not in ECS_SETS:
            continue
        kept = {"type": told["type"]}
        if "array" in told.get("normalize", ()):
            kept["array"] = True
        if told.get("pattern"):
            kept["pattern"] = told["pattern"]
        if told.get("allowed_values"):
            kept["allowed"] = {v["name"]: v.get("expected_event_types", []) for v in told["allowed_values"]}
        fields[name] = kept
    return {"source": "github.com/elastic/ecs generated/ecs/ecs_flat.yml", "version": "9.4.0", "commit": commit, "fields": fields}


def ocsf(root, commit):
    root = Path(root)
    whole = json.loads((root / "dictionary.json").read_text())
    dictionary = whole["attributes"]
    # the numbers of observables stand with the types and objects that they are of
    shown = {str(told["observable"]): {} for told in whole["types"]["attributes"].values() if "observable" in told}
    kinds = {"events": {}, "objects": {}}
    for kind, files in kinds.items():
        for path in root.glob(f"{kind}/**/*.json"):
            told = json.loads(path.read_text())
            files[told.get("name") or path.stem] = files[path.stem] = told

    def attributes(files, name):
        told = files[name]
        merged = attributes(files, told["extends"]) if told.get("extends", name) != name else {}
        for key, value in told.get("attributes", {}).items():
            if key != "$include":
                merged[key] = {**merged.get(key, {}), **value, "enum": {**merged.get(key, {}).get("enum", {}), **value.get("enum", {})}}
                continue
            for include in [value] if isinstance(value, str) else value:
                extra = json.loads((root / include).read_text()).get("attributes", {})
                for other, inner in extra.items():
                    if isinstance(inner, dict):
                        merged[other] = {**merged.get(other, {}), **inner, "requirement": "optional"}
        return merged

    def constraints(files, name):
        told = files[name]
        return told.get("constraints") or (constraints(files, told["extends"]) if told.get("extends") in files else {})

    def small(kind, name):
        files, kept = kinds[kind], {}
        for key, value in sorted(attributes(files, name).items()):
            told = dictionary.get(key, {})
            one = {"type": value.get("type") or told.get("type", "string_t")}
            if not one["type"].endswith("_t"):
                one = {"type": "object_t", "object": one["type"]}
            if told.get("is_array"):
                one["array"] = True
            if value.get("requirement") == "required":
                one["required"] = True
            enum = {**told.get("enum", {}), **value.get("enum", {}), **(shown if (name, key) == ("observable", "type_id") else {})}
            if enum and key not in ("class_uid", "category_uid", "type_uid"):  # those are checked by arithmetic
                one["enum"] = sorted(enum, key=int) if all(k.lstrip("-").isdigit() for k in enum) else sorted(enum)
            kept[key] = one
        return {"attributes": kept, "constraints": constraints(files, name)}

    categories = json.loads((root / "categories.json").read_text())["attributes"]
    classes = {}
    for stem in sorted(OCSF_CLASSES):
        folder, name = stem.split("/")
        uid = categories[folder]["uid"] * 1000 + kinds["events"][name]["uid"]
        classes[str(uid)] = small("events", name) | {"name": kinds["events"][name]["caption"], "category_uid": categories[folder]["uid"]}
    objects = {name: small("objects", name) for name in OCSF_OBJECTS}
    return {"source": "github.com/ocsf/ocsf-schema", "version": "1.8.0", "commit": commit, "classes": classes, "objects": objects}


CYCLONEDX_KEPT = {
    "": ["$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components", "vulnerabilities", "properties"],
    "metadata": ["timestamp", "tools", "component", "properties"],
    "component": [
        "type", "bom-ref", "manufacturer", "publisher", "group", "name", "version", "description", "scope", "cpe", "purl", "components",
        "evidence", "properties", "tags",
    ],
    "componentEvidence": ["identity"],
    "vulnerability": ["bom-ref", "id", "source", "references", "ratings", "description", "detail", "recommendation", "advisories", "analysis", "affects",
                      "properties"],
    "organizationalEntity": ["bom-ref", "name", "url"],
}  # fmt: skip
"""What netcam writes; a property that is not kept is refused, as the published schema refuses one that it does not know."""


def _bare(thing):
    """A schema without what only people read."""
    if isinstance(thing, dict):
        skipped = ("title", "description", "examples", "meta:enum", "$comment", "deprecated")
        return {k: (_bare(v) if k != "properties" else {n: _bare(p) for n, p in v.items()}) for k, v in thing.items() if k not in skipped}
    return [_bare(item) for item in thing] if isinstance(thing, list) else thing


def _refs(thing):
    if isinstance(thing, dict):
        if isinstance(thing.get("$ref"), str):
            yield thing["$ref"]
        for value in thing.values():
            yield from _refs(value)
    elif isinstance(thing, list):
        for item in thing:
            yield from _refs(item)


def cyclonedx(path, version):
    whole = json.loads(Path(path).read_text())
    defined = whole["definitions"]
    for name, kept in CYCLONEDX_KEPT.items():
        home = defined[name] if name else whole
        home["properties"] = {key: home["properties"][key] for key in kept}
    # the tools of metadata may be written in an older way; netcam writes components
    defined["metadata"]["properties"]["tools"] = {
        "type": "object", "additionalProperties": False, "properties": {"components": {"type": "array", "items": {"$ref": "#/definitions/component"}}},
    }  # fmt: skip
    small, wanted = {}, {ref.rpartition("/")[2] for key in whole["properties"].values() for ref in _refs(key)}
    while wanted:
        name = wanted.pop()
        if name not in small:
            small[name] = _bare(defined[name])
            wanted |= {ref.rpartition("/")[2] for ref in _refs(small[name]) if ref.startswith("#")}
    top = _bare({key: value for key, value in whole.items() if key not in ("definitions", "$id")})
    # only 1.7 is this schema: the published one leaves the number open
    top["properties"]["specVersion"] = {"const": "1.7"}
    return top | {"definitions": small, "x-source": "github.com/CycloneDX/specification schema/bom-1.7.schema.json", "x-version": version}


STIX_KEPT = {
    "common": ["core", "cyber-observable-core", "identifier", "timestamp", "external-reference", "granular-marking", "kill-chain-phase", "dictionary",
               "hex", "binary", "hashes-type", "extension", "properties", "url-regex"],
    "sdos": ["identity", "indicator", "observed-data", "vulnerability", "note"],
    "sros": ["sighting", "relationship"],
    "observables": ["ipv4-addr", "ipv6-addr", "mac-addr", "domain-name", "network-traffic"],
}  # fmt: skip


def stix(root, version):
    """The published files of the objects that netcam writes, put into one, with the references turned inwards."""
    files = {name: json.loads((Path(root) / folder / f"{name}.json").read_text()) for folder, names in STIX_KEPT.items() for name in names}
    # observed-data may hold objects in an older way, which would draw in every observable there is
    for part in files["observed-data"]["allOf"]:
        part.get("properties", {}).pop("objects", None)
    files["observed-data"].pop("oneOf", None)

    def inwards(thing, home):
        if isinstance(thing, dict):
            told = {}
            for key, value in thing.items():
                if key == "$ref" and isinstance(value, str):
                    file, _, inner = value.partition("#")
                    name = Path(file).stem or home
                    told[key] = f"#/$defs/{name}{inner}" if name in files else "#/$defs/any"
                elif key not in ("$id", "$schema"):
                    told[key] = inwards(value, home)
            return told
        return [inwards(item, home) for item in thing] if isinstance(thing, list) else thing

    defined = {name: _bare(inwards(file, name)) for name, file in files.items()} | {"any": {}}
    kinds = [name for folder in ("sdos", "sros", "observables") for name in STIX_KEPT[folder]]
    chosen = [{"if": {"properties": {"type": {"const": kind}}}, "then": {"$ref": f"#/$defs/{kind}"}} for kind in kinds]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "x-source": "github.com/oasis-open/cti-stix2-json-schemas schemas", "x-version": version,
        "type": "object", "required": ["type", "id", "objects"], "additionalProperties": False,
        "properties": {
            "type": {"const": "bundle"}, "id": {"allOf": [{"$ref": "#/$defs/identifier"}, {"pattern": "^bundle--"}]},
            "objects": {
                "type": "array", "minItems": 1,
                "items": {"type": "object", "required": ["type"], "properties": {"type": {"enum": kinds}}, "allOf": chosen},
            },
        },
        "$defs": defined,
    }  # fmt: skip


if __name__ == "__main__":
    which, source, commit = sys.argv[1:]
    makers = {"ecs": ecs, "ocsf": ocsf, "cyclonedx": cyclonedx, "stix": stix}
    text = json.dumps(makers[which](source, commit), indent=0, sort_keys=True, ensure_ascii=True)
    (HERE / f"{which}.json").write_text(text + "\n")
