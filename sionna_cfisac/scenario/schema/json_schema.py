"""JSON Schema of scenario files, for completion and checks in editors."""

from typing import Any

from sionna_cfisac.beamforming.methods import METHODS, NETWORKS
from sionna_cfisac.channel.kinds import CHANNELS
from sionna_cfisac.measures import MEASURES
from sionna_cfisac.scenario.schema.keys import may_be_swept, schema_keys
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec

_IN_FILE = {"type": "string", "pattern": r"\.py:[A-Za-z_]\w*$"}


def json_schema() -> dict[str, Any]:
    """The schema, including the short forms, installed plug-ins and kinds in files."""
    schema = ScenarioSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    definitions, fields = schema["$defs"], schema["properties"]
    for kinds in (METHODS, CHANNELS, NETWORKS):
        # stands for every declaration that is not the package's own
        outside = definitions[kinds.base.__name__]
        outside["properties"]["type"] = {
            "anyOf": [{"enum": list(kinds.plugins()), "type": "string"}, _IN_FILE]
        }
        outside["additionalProperties"] = True
    channel = fields["channel"]
    channel["anyOf"] = [*_names(CHANNELS), *channel.pop("oneOf")]
    beamformer = fields["beamformers"]["items"]
    beamformer["anyOf"] = [*_names(METHODS), *beamformer.pop("oneOf")]
    inner = definitions["NullspaceSensing"]["properties"]["communication"]
    inner["anyOf"] = [*beamformer["anyOf"], {"type": "null"}]
    fields["measure"]["items"] = {"anyOf": _names(MEASURES)}
    # keys that lead into a list, such as beamformers.1.tolerance, or are joined by commas are for
    # cfisac to check
    keys = [key for key in schema_keys() if may_be_swept(key)]
    fields["sweep"]["propertyNames"] = {
        "anyOf": [
            {"enum": list(dict.fromkeys(keys))},
            {"pattern": r"^(beamformers|channel)\..+$"},
            {"pattern": ","},
        ]
    }
    return schema


def _names(kinds: Any) -> list[dict[str, Any]]:
    return [{"enum": kinds.names(), "type": "string"}, _IN_FILE]
