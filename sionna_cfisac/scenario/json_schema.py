"""JSON Schema of scenario files, for completion and checks in editors."""

from typing import Any

from sionna_cfisac.scenario.beamformer_specs import BEAMFORMERS, beamformer_names
from sionna_cfisac.scenario.channel_specs import CHANNELS
from sionna_cfisac.scenario.findings import schema_keys
from sionna_cfisac.scenario.schema import ScenarioSpec
from sionna_cfisac.scenario.sweep import NOT_SWEPT


def json_schema() -> dict[str, Any]:
    """The schema, including the short forms and the beamformers of installed plug-ins."""
    schema = ScenarioSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    definitions, fields = schema["$defs"], schema["properties"]
    plugins = [name for name in beamformer_names() if name not in BEAMFORMERS]
    definitions["PluginSpec"]["properties"]["type"] = {"enum": plugins, "type": "string"}
    channel = fields["channel"]
    channel["anyOf"] = [_names(list(CHANNELS)), *channel.pop("oneOf")]
    beamformer = fields["beamformers"]["items"]
    beamformer["anyOf"] = [_names(beamformer_names()), *beamformer.pop("oneOf")]
    inner = definitions["NullspaceSensingSpec"]["properties"]["communication"]
    inner["anyOf"] = [*beamformer["anyOf"], {"type": "null"}]
    # dotted keys that lead into a list, such as beamformers.1.tolerance, are for cfisac to check
    keys = [key for key in schema_keys() if key.split(".")[0] not in NOT_SWEPT]
    fields["sweep"]["propertyNames"] = {
        "anyOf": [{"enum": list(dict.fromkeys(keys))}, {"pattern": r"^(beamformers|channel)\..+$"}]
    }
    return schema


def _names(names: list[str]) -> dict[str, Any]:
    return {"enum": names, "type": "string"}
