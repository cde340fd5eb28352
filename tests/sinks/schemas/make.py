"""Makes the small schemas beside it: `python make.py ecs ECS_FLAT_YML COMMIT` or `python make.py ocsf CHECKOUT COMMIT`.

ECS: github.com/elastic/ecs, generated/ecs/ecs_flat.yml at v9.4.0 (Apache-2.0). OCSF: github.com/ocsf/ocsf-schema at
1.8.0 (Apache-2.0). Only names, types, enumerations and constraints are kept, and only of what the encoders use.
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
    "findings/compliance_finding", "findings/detection_finding", "findings/vulnerability_finding",
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


if __name__ == "__main__":
    which, source, commit = sys.argv[1:]
    text = json.dumps({"ecs": ecs, "ocsf": ocsf}[which](source, commit), indent=0, sort_keys=True, ensure_ascii=True)
    (HERE / f"{which}.json").write_text(text + "\n")
