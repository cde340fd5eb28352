"""Holds documents against the published schemas of ECS 9.4 and OCSF 1.8, made small (`schemas/`, with source and version)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from netcam import wire

_NUMBERS: dict[str, tuple[type, ...]] = {"long": (int,), "float": (int, float), "boolean": (bool,)}


@cache
def schema(name: str) -> Any:
    """A schema of the folder by name."""
    return json.loads((resources.files("netcam.sinks") / "schemas" / f"{name}.json").read_text("utf-8"))


def ecs(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with an ECS document: unknown fields, array or scalar, type, allowed values, expected event types."""
    fields = schema("ecs")["fields"]
    wrong: list[str] = []

    def walk(value: Any, path: str) -> None:
        told = fields.get(path)
        if path == "netcam" or (told and told["type"] in ("object", "flattened") and path != "labels"):
            return
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else key)
            return
        if path.startswith("labels."):
            if not isinstance(value, str | int | float | bool):
                wrong.append(f"{path}: labels are keywords")
            return
        if told is None:
            wrong.append(f"{path}: no such field")
            return
        if bool(told.get("array")) != isinstance(value, list):
            wrong.append(f"{path}: array or not")
        for item in value if isinstance(value, list) else [value]:
            wrong.extend(f"{path}: {problem}" for problem in _ecs_value(item, told))

    walk(document, "")
    wrong += [f"{needed}: missing" for needed in ("@timestamp", "ecs", "event") if needed not in document]
    event = document.get("event")
    if isinstance(event, dict):
        allowed, types = fields["event.category"]["allowed"], event.get("type")
        for category in event.get("category") or ():
            if isinstance(types, list) and not set(map(str, types)) & set(allowed.get(category, types)):
                wrong.append(f"event.type: none is expected for {category}")
    return wrong


def _ecs_value(item: Any, told: Mapping[str, Any]) -> list[str]:
    if told["type"] in _NUMBERS:
        return [] if isinstance(item, _NUMBERS[told["type"]]) else [f"{item!r} is no {told['type']}"]
    if not isinstance(item, str):
        return [f"{item!r} is no text"]
    wrong = []
    if told["type"] == "ip" and not wire.is_address(item):
        wrong.append(f"{item!r} is no address")
    if told["type"] == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", item):
        wrong.append(f"{item!r} is no date")
    if "allowed" in told and item not in told["allowed"]:
        wrong.append(f"{item!r} is not allowed")
    if "pattern" in told and not re.fullmatch(told["pattern"], item):
        wrong.append(f"{item!r} does not match {told['pattern']}")
    return wrong


def ocsf(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with an OCSF event: unknown or missing attributes, types, enumerations, constraints, uid arithmetic."""
    whole = schema("ocsf")
    wrong: list[str] = []
    declared = whole["classes"].get(str(document.get("class_uid")))
    if declared is None:
        return [f"class_uid: {document.get('class_uid')!r} is no class that netcam writes"]
    numbers = [document.get(key) for key in ("class_uid", "activity_id", "type_uid")]
    if not all(isinstance(number, int) for number in numbers) or numbers[2] != numbers[0] * 100 + numbers[1]:  # type: ignore[operator]
        wrong.append("type_uid: not class_uid * 100 + activity_id")
    if document.get("category_uid") != declared["category_uid"] or document.get("class_name") != declared["name"]:
        wrong.append("category or class name")

    def walk(value: Any, kind: Mapping[str, Any], path: str) -> None:
        if not isinstance(value, dict):
            wrong.append(f"{path}: is no object")
            return
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
                wrong.extend(f"{path}{key}: {problem}" for problem in _ocsf_value(one, told))
                if told["type"] == "object_t" and told["object"] in whole["objects"] and told["object"] != "object":
                    walk(one, whole["objects"][told["object"]], f"{path}{key}.")

    walk(document, declared, "")
    return wrong


def _ocsf_value(one: Any, told: Mapping[str, Any]) -> list[str]:
    wrong = []
    if told.get("enum") and told["type"] == "integer_t" and str(one) not in told["enum"]:
        wrong.append(f"{one} is not in the enumeration")
    if told["type"] in ("integer_t", "long_t", "timestamp_t") and (not isinstance(one, int) or isinstance(one, bool)):
        wrong.append(f"{one!r} is no whole number")
    if told["type"] == "boolean_t" and not isinstance(one, bool):
        wrong.append(f"{one!r} is no truth value")
    if told["type"].endswith("string_t") and not isinstance(one, str):
        wrong.append(f"{one!r} is no text")
    return wrong
