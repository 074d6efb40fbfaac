"""Scenarios and templates that ship, and the JSON Schema for editors."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sionna_cfisac.measures import MEASURES
from sionna_cfisac.scenario.catalogue import template, template_names
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.file.document import read_document
from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.schema.json_schema import json_schema
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.scenario.study import load_study

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))


def errors(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    """Enough of JSON Schema to judge what Pydantic writes."""
    if "$ref" in schema:
        yield from errors(value, root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root)
    for name in ("anyOf", "oneOf"):
        if name in schema:
            good = [s for s in schema[name] if not any(errors(value, s, root))]
            if not good or (name == "oneOf" and len(good) > 1):
                yield f"{value!r}: {len(good)} of {name}"
    if "const" in schema and value != schema["const"]:
        yield f"{value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], str(value)):
        yield f"{value!r} does not match {schema['pattern']}"
    kinds: dict[str, Any] = {
        "object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
        "boolean": bool, "null": type(None),
    }  # fmt: skip
    kind = schema.get("type")
    if kind and (
        not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean")
    ):
        yield f"{value!r} is no {kind}"
    elif kind in ("integer", "number"):
        if value < schema.get("minimum", value) or value <= schema.get(
            "exclusiveMinimum", value - 1
        ):
            yield f"{value!r} is too small"
    elif kind == "array":
        if len(value) < schema.get("minItems", 0):
            yield f"{value!r} is too short"
        for item in value:
            yield from errors(item, schema.get("items", {}), root)
    elif kind == "object":
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        for key, item in value.items():
            if key in properties:
                yield from errors(item, properties[key], root)
            elif rest is False:
                yield f"unknown key {key}"
            elif isinstance(rest, dict):
                yield from errors(item, rest, root)
            yield from errors(key, schema.get("propertyNames", {}), root)
        yield from (f"missing {key}" for key in schema.get("required", []) if key not in value)


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_shipped_scenarios_are_good(file: Path) -> None:
    study = load_study(file)
    name = study.scenario.name
    # what trains weights has their name
    assert file.stem in (name, f"train_{name}".replace("-", "_"))
    assert study.scenario.description
    quick = load_study(file, fast=True)
    assert engine_of(quick.scenario).amount < engine_of(study.scenario).amount


def test_the_issue_s_scenarios_ship() -> None:
    names = {file.stem for file in SCENARIOS}
    assert {"quickstart", "tradeoff", "fig3", "fig4", "ue_scaling", "topology"} <= names
    assert {"ber_gnn_vs_wmmse", "ber_umi", "imperfect_csi", "roc"} <= names


@pytest.mark.parametrize("kind", template_names())
def test_templates_are_good(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(template(kind))
    load_study(file)
    assert file.read_text().startswith("# ")


def test_an_unknown_template() -> None:
    with pytest.raises(ScenarioError, match="unknown template 'raileigh'; did you mean 'rayleigh'"):
        template("raileigh")


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_the_json_schema_accepts_shipped_scenarios(file: Path) -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert list(errors(read_document(file).tree, schema, schema)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"nam": "x"},
        {"seed": "1"},
        {"noise_power": -1},
        {"network": {"num_aps": 0}},
        {"channel": {"type": "rayleigh", "path_loss": "umi"}},
        {"beamformers": ["rfz"]},
        {"beamformers": [{"type": "rzf", "power_split": "equal"}]},
        {"sweep": {"objective.sensing_wait": [0]}},
        {"sweep": {"noise_power": 0.1}},
        {"measure": ["sum_rates"]},
    ],
)
def test_the_json_schema_refuses_mistakes(change: dict[str, Any]) -> None:
    schema = json_schema()
    tree = {"schema_version": 1, "name": "x", "beamformers": ["rzf"]}
    assert not list(errors(tree, schema, schema))
    assert list(errors({**tree, **change}, schema, schema))


def test_every_key_is_described_and_every_measure_can_be_asked_for() -> None:
    schema = json_schema()
    for name, model in {"ScenarioSpec": schema, **schema["$defs"]}.items():
        for key, field in model["properties"].items():
            assert "description" in field or key == "type", f"{name}.{key}"
    assert set(schema["properties"]["measure"]["items"]["anyOf"][0]["enum"]) == set(MEASURES.own)
    assert ScenarioSpec.model_fields["samples"].default == 1000
