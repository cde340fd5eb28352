"""What is shipped for the SIEM's side: every field has its mapping, every rule fires on what it is meant for and on nothing else."""

import configparser
import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from sigma.backends.elasticsearch import ESQLBackend, LuceneBackend
from sigma.backends.splunk import SplunkBackend
from sigma.collection import SigmaCollection
from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
from sigma.plugins import InstalledSigmaPlugins
from sigma.rule import SigmaRule
from sigma.types import SigmaNumber
from sigma.validation import SigmaValidator

from netcam import config
from netcam.sinks import dispatch
from netcam.sinks.transports import sentinel
from tests.sinks.samples import EVENTS
from tests.sinks.servers import tool
from tests.sinks.test_formats import parse_cef
from tests.sinks.test_syslog import items_of

ROOT = Path(__file__).parents[2]
SIEM = ROOT / "docker" / "siem"
ECS = {name: json.loads(dispatch.formats()["ecs"].encode(event)) for name, event in EVENTS.items()}
OWN = {name: json.loads(dispatch.formats()["jsonl"].encode(event)) for name, event in EVENTS.items()}


def leaves(document, path=""):
    for key, value in document.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from leaves(value, here)
        else:
            yield here, value


def mapping(path, node):
    for part in path.split("."):
        node = node.get("properties", {}).get(part)
        if node is None or node.get("enabled") is False or ("type" in node and "properties" not in node):
            return node
    return node


TEMPLATE = json.loads((SIEM / "elasticsearch/index-template.json").read_text())
MAPPINGS = TEMPLATE["template"]["mappings"]


def test_the_index_template_maps_every_field_of_ecs_that_is_written():
    assert TEMPLATE["data_stream"] == {}
    wanted = {"ip": "ip", "date": "date", "long": "long", "float": "float", "boolean": "boolean"}
    published = json.loads((ROOT / "netcam/sinks/schemas/ecs.json").read_text())["fields"]
    for document in ECS.values():
        for path, _ in leaves(document):
            if path.startswith("netcam."):
                continue
            found = mapping(path, MAPPINGS)
            assert found is not None, path
            if path in published:
                assert found["type"] == wanted.get(published[path]["type"], found["type"]), path


@pytest.mark.parametrize(
    "path",
    [
        "netcam.kind",
        "netcam.state",
        "netcam.finding.key",
        "netcam.finding.verdict",
        "netcam.identity.maker",
        "netcam.change.field",
        "netcam.scan.status",
        "labels.netcam_site_id",
    ],
)
def test_what_netcam_adds_and_people_ask_for_is_a_keyword(path):
    assert mapping(path, MAPPINGS)["type"] == "keyword"
    assert any(path in dict(leaves(document)) for document in ECS.values())


def test_the_dashboard_refers_to_what_is_there_and_to_fields_that_are_mapped():
    objects = [json.loads(line) for line in (SIEM / "dashboards/netcam.ndjson").read_text().splitlines()]
    ids = {(one["type"], one["id"]) for one in objects}
    assert len(ids) == len(objects)
    fields = set()
    for one in objects:
        for ref in one["references"]:
            assert (ref["type"], ref["id"]) in ids
        told = one["attributes"]
        if one["type"] == "visualization":
            state = json.loads(told["visState"])
            fields |= {agg["params"]["field"] for agg in state["aggs"] if "field" in agg["params"]}
        query = (
            json.loads(told.get("kibanaSavedObjectMeta", {"searchSourceJSON": "{}"})["searchSourceJSON"]).get("query", {}).get("query", "")
        )
        fields |= set(re.findall(r"([a-z_.]+) : ", query))
        fields |= set(told.get("columns", ()))
    assert len(fields) > 12
    for field in fields:
        assert mapping(field, MAPPINGS) is not None, field
    panels = json.loads(next(one for one in objects if one["type"] == "dashboard")["attributes"]["panelsJSON"])
    names = {ref["name"] for ref in next(one for one in objects if one["type"] == "dashboard")["references"]}
    assert {panel["panelRefName"] for panel in panels} == names


SIGMA = sorted((SIEM / "sigma").glob("*.yml"))
FIRES = {
    "restricted_device": {"policy-opened"}, "device_not_judged": {"policy-unknown"}, "firmware_with_known_hole": {"firmware-opened"},
    "undeclared_egress": {"egress-opened", "egress-updated-by-name", "egress-to-ipv6", "egress-without-device", "egress-with-traffic", "egress-from-outside", "egress-many"}, "device_missing": {"device-missing"},
    "identity_changed": set(), "firmware_changed": {"device-changed"}, "new_device": {"device-discovered", "device-discovered-unknown"},
    "scan_failed": {"scan-interrupted"}, "sensor_trouble": {"sensor-health"},
}  # fmt: skip


def holds(condition, document):
    """Whether a parsed condition of pySigma holds for a document with dotted fields."""
    if isinstance(condition, ConditionAND):
        return all(holds(one, document) for one in condition.args)
    if isinstance(condition, ConditionOR):
        return any(holds(one, document) for one in condition.args)
    if isinstance(condition, ConditionNOT):
        return not holds(condition.args[0], document)
    assert isinstance(condition, ConditionFieldEqualsValueExpression), type(condition)
    value = condition.value.number if isinstance(condition.value, SigmaNumber) else str(condition.value)
    return document.get(condition.field) == value


@pytest.mark.parametrize("path", SIGMA, ids=lambda path: path.stem)
def test_a_sigma_rule_is_valid_and_fires_on_what_it_is_meant_for_and_on_nothing_else(path):
    rule = SigmaRule.from_yaml(path.read_text())
    assert (rule.logsource.product, rule.logsource.service) == ("netcam", "events")
    fired = {name for name, document in ECS.items() if holds(rule.detection.parsed_condition[0].parsed, dict(leaves(document)))}
    assert fired == FIRES[path.stem.removeprefix("netcam_")]
    exchanged = dict(leaves(ECS["device-changed"])) | {"netcam.change.field": "serial"}
    assert holds(rule.detection.parsed_condition[0].parsed, exchanged) == (path.stem == "netcam_identity_changed")


@pytest.mark.parametrize("backend", [LuceneBackend, ESQLBackend, SplunkBackend])
@pytest.mark.parametrize("path", SIGMA, ids=lambda path: path.stem)
def test_a_sigma_rule_becomes_one_search_of_elasticsearch_and_of_splunk(path, backend):
    (search,) = backend().convert(SigmaCollection.from_yaml(path.read_text()))
    plain = search.replace("\\", "")
    selections = yaml.safe_load(path.read_text())["detection"]  # noqa: TID251 - the file is YAML as others read it
    for selection in (told for name, told in selections.items() if name != "condition"):
        for field, wanted in selection.items():
            assert mapping(field, MAPPINGS)["type"] == "keyword", field
            assert field in plain
            assert all(value in plain for value in ([wanted] if isinstance(wanted, str) else wanted))


def test_pysigma_finds_no_fault_in_the_rules():
    validators = InstalledSigmaPlugins.autodiscover().validators
    assert len(validators) > 10
    # ATT&CK has no technique for a camera of a restricted maker: a rule without a tag is honest
    skipped = {"invalid_related_type", "custom_attributes"}
    validator = SigmaValidator([one for name, one in validators.items() if name not in skipped])
    collection = SigmaCollection.load_ruleset([SIEM / "sigma"])
    assert len(collection.rules) == len(FIRES)
    assert [str(issue) for issue in validator.validate_rules(collection.rules)] == []
    twice = SigmaCollection.from_yaml(SIGMA[0].read_text().replace("level: ", "level:  ") + "---\n" + SIGMA[0].read_text())
    assert list(SigmaValidator(list(validators.values())).validate_rules(twice.rules)), "it does find one"


def wazuh_rules():
    # the file is ours, and Wazuh's format has one root here
    root = ElementTree.fromstring((SIEM / "wazuh/netcam_rules.xml").read_text())  # noqa: TID251
    return {rule.get("id"): rule for rule in root.iter("rule")}


def fires(id, rules, document):
    rule = rules[id]
    parent = rule.findtext("if_sid")
    if parent and not fires(parent, rules, document):
        return False
    return all(re.search(field.text, str(document.get(field.get("name"), ""))) for field in rule.iter("field"))


def test_wazuh_rules_fire_with_the_level_they_are_meant_to():
    rules = wazuh_rules()
    wanted = {
        "policy-opened": "100506", "policy-unknown": "100507", "policy-clear": "100505", "policy-closed": "100505", "firmware-opened": "100509",
        "egress-opened": "100511", "device-discovered": "100501", "device-missing": "100502", "device-changed": "100503", "scan-finished": "100512",
        "scan-interrupted": "100513", "sensor-health": "100515", "operator-action": "100514", "digest": "100514",
    }  # fmt: skip
    for name, id in wanted.items():
        document = dict(leaves(OWN[name]))
        fired = [one for one in rules if fires(one, rules, document)]
        # the deepest child is what Wazuh reports
        assert fired[-1] == id, name
    for rule in rules.values():
        for word in re.findall(r"\$\(([a-z._]+)\)", rule.findtext("description")):
            assert any(word in dict(leaves(document)) for document in OWN.values()), word
    exchanged = dict(leaves(OWN["device-changed"])) | {"change.field": "serial"}
    assert fires("100504", rules, exchanged)


def test_the_wazuh_decoder_finds_our_lines():
    text = f"<decoders>{(SIEM / 'wazuh/netcam_decoders.xml').read_text()}</decoders>"
    begin = ElementTree.fromstring(text).find("decoder[@name='netcam-json']").findtext("prematch")  # noqa: TID251
    assert all(item.body.decode().startswith(begin) for item in items_of(EVENTS.values(), "jsonl"))


def conf(name):
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    parser.optionxform = str
    parser.read_string((SIEM / "splunk/netcam/default" / name).read_text())
    return parser


def test_the_splunk_app_reads_our_times_and_its_searches_use_fields_that_are_there():
    props = conf("props.conf")
    times = {"netcam:ecs": ("ecs", "%Y"), "netcam:jsonl": ("jsonl", "%Y"), "netcam:ocsf": ("ocsf", "%s"), "netcam:cef": ("cef", "%s")}
    for stanza, (form, begin) in times.items():
        assert props[stanza]["TIME_FORMAT"].startswith(begin)
        for item in items_of(EVENTS.values(), form):
            after = item.body.decode().partition(props[stanza]["TIME_PREFIX"])[2][: int(props[stanza]["MAX_TIMESTAMP_LOOKAHEAD"])]
            if begin == "%s":
                assert abs(int(after) / 1000 - item.at) < 0.001
            else:
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", after)
    known = {path for document in ECS.values() for path, _ in leaves(document)}
    searches = conf("savedsearches.conf")
    macros = conf("macros.conf")
    assert len(searches.sections()) >= 7
    for section in searches.sections():
        text = searches[section]["search"]
        assert set(re.findall(r"`(\w+)`", text)) <= set(macros.sections())
        for field in re.findall(r"(?:netcam|event|host|rule|device|observer|destination)\.[a-z_.]+", text):
            assert field in known, f"{section}: {field}"


def test_the_splunk_transform_takes_cef_apart_as_it_was_put_together():
    pattern = conf("transforms.conf")["netcam_cef_extension"]["REGEX"]
    for item in items_of(EVENTS.values()):
        line = item.body.decode()
        extension = re.split(r"(?<!\\)\|", line, maxsplit=7)[7]
        keys = [found[0] for found in re.findall(pattern, extension)]
        assert set(keys) == set(parse_cef(line)[1])


def test_the_sentinel_rule_declares_what_is_sent():
    rule = json.loads((SIEM / "sentinel/rule.json").read_text())
    columns = rule["resources"][0]["properties"]["streamDeclarations"]["Custom-Netcam_CL"]["columns"]
    table = json.loads((SIEM / "sentinel/table.json").read_text())["properties"]["schema"]["columns"]
    assert columns == table
    receiver = object.__new__(sentinel.SentinelReceiver)
    for item in items_of(EVENTS.values(), "jsonl"):
        row = json.loads(receiver.row(item))
        assert list(row) == [column["name"] for column in columns]
        assert row["Event"]["id"] == row["EventId"] == item.id


def test_every_example_of_the_notes_is_a_settings_file_that_is_right(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", (SIEM / "README.md").read_text(), re.S)
    told = config.parse("\n".join(blocks), "README.md")
    assert {sink.type for sink in told.sinks.values()} == {
        "elasticsearch",
        "splunk",
        "sentinel",
        "syslog",
        "file",
        "kafka",
        "nats",
        "webhook",
        "notify",
    }


UNITS = ("netcam.service", "netcam-scan@hq.service", "netcam-deliver.service", "netcam-upkeep.service", "netcam-scan@hq.timer",
         "netcam-deliver.timer", "netcam-upkeep.timer")  # fmt: skip


@pytest.mark.parametrize("name", UNITS)
def test_the_systemd_units_are_right(name, tmp_path):
    for path in (ROOT / "docker/systemd").iterdir():
        text = path.read_text().replace("/usr/bin/env netcam", "/usr/bin/env true")
        (tmp_path / path.name.replace("@", "@hq")).write_text(text)
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        [tool("systemd-analyze", "systemd"), "verify", "--man=no", "--recursive-errors=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_units_and_the_container_call_is_a_command_of_netcam():
    from netcam.cli.app import COMMANDS

    commands = set(COMMANDS)
    called = {word for path in (ROOT / "docker/systemd").iterdir() for word in re.findall(r"env netcam (\w+)", path.read_text())}
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())  # noqa: TID251 - the file is YAML as others read it
    called.add(compose["services"]["netcam"]["command"][0])
    assert called == {"run", "scan", "events", "config", "inventory"} & commands
