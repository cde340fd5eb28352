"""Checks documents against the published schemas, made small beside it."""

import json
import re
from ipaddress import ip_address
from pathlib import Path

ECS = json.loads((Path(__file__).parent / "schemas" / "ecs.json").read_text())["fields"]
OCSF = json.loads((Path(__file__).parent / "schemas" / "ocsf.json").read_text())

NUMBERS = {"long": int, "float": (int, float), "boolean": bool}


def ecs(document):
    """What is wrong with an ECS document: unknown fields, array or scalar, type, allowed values, expected event types."""
    wrong = []

    def walk(value, path):
        told = ECS.get(path)
        if path == "netcam" or (told and told["type"] in ("object", "flattened") and path != "labels"):
            return
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else key)
            return
        if path.startswith("labels."):
            if not isinstance(value, (str, int, float, bool)):
                wrong.append(f"{path}: labels are keywords")
            return
        if told is None:
            wrong.append(f"{path}: no such field")
            return
        if bool(told.get("array")) != isinstance(value, list):
            wrong.append(f"{path}: array or not")
        for item in value if isinstance(value, list) else [value]:
            if told["type"] in NUMBERS:
                if not isinstance(item, NUMBERS[told["type"]]):
                    wrong.append(f"{path}: {item!r} is no {told['type']}")
            elif not isinstance(item, str):
                wrong.append(f"{path}: {item!r} is no text")
            elif told["type"] == "ip":
                try:
                    ip_address(item)
                except ValueError:
                    wrong.append(f"{path}: {item!r} is no address")
            elif told["type"] == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", item):
                wrong.append(f"{path}: {item!r} is no date")
            if "allowed" in told and item not in told["allowed"]:
                wrong.append(f"{path}: {item!r} is not allowed")
            if "pattern" in told and not re.fullmatch(told["pattern"], item):
                wrong.append(f"{path}: {item!r} does not match {told['pattern']}")

    walk(document, "")
    for needed in ("@timestamp", "ecs", "event"):
        if needed not in document:
            wrong.append(f"{needed}: missing")
    expected = ECS["event.category"]["allowed"]
    for category in document["event"]["category"]:
        wrong += [] if set(document["event"]["type"]) & set(expected[category]) else [f"event.type: none is expected for {category}"]
    return wrong


def ocsf(document):
    """What is wrong with an OCSF event: unknown or missing attributes, types, enumerations, constraints, uid arithmetic."""
    wrong = []
    declared = OCSF["classes"][str(document["class_uid"])]
    if document["type_uid"] != document["class_uid"] * 100 + document["activity_id"]:
        wrong.append("type_uid: not class_uid * 100 + activity_id")
    if document["category_uid"] != declared["category_uid"] or document["class_name"] != declared["name"]:
        wrong.append("category or class name")

    def walk(value, kind, path):
        attributes = kind["attributes"]
        wrong.extend(f"{path}{key}: missing" for key, told in attributes.items() if told.get("required") and key not in value)
        for rule, names in (kind.get("constraints") or {}).items():
            count = sum(name in value for name in names)
            if (rule == "at_least_one" and count < 1) or (rule == "just_one" and count != 1):
                wrong.append(f"{path}: {rule} of {names}")
        for key, item in value.items():
            told = attributes.get(key)
            if told is None:
                wrong.append(f"{path}{key}: no such attribute")
                continue
            if bool(told.get("array")) != isinstance(item, list):
                wrong.append(f"{path}{key}: array or not")
            for one in item if isinstance(item, list) else [item]:
                if told.get("enum") and str(one) not in told["enum"] and told["type"] == "integer_t":
                    wrong.append(f"{path}{key}: {one} is not in the enumeration")
                if told["type"] in ("integer_t", "long_t", "timestamp_t") and (not isinstance(one, int) or isinstance(one, bool)):
                    wrong.append(f"{path}{key}: {one!r} is no whole number")
                if told["type"] == "boolean_t" and not isinstance(one, bool):
                    wrong.append(f"{path}{key}: {one!r} is no truth value")
                if told["type"].endswith("string_t") and not isinstance(one, str):
                    wrong.append(f"{path}{key}: {one!r} is no text")
                if told["type"] == "object_t" and told["object"] in OCSF["objects"] and told["object"] != "object":
                    walk(one, OCSF["objects"][told["object"]], f"{path}{key}.")

    walk(document, declared, "")
    return wrong
