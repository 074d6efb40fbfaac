"""What ``check`` passes at the ends of the ranges, ``run`` does not refuse after drawing."""

import math
from pathlib import Path

import pytest

from sionna_cfisac.scenario.file.errors import ScenarioError
from sionna_cfisac.scenario.results.folder import RunFolder
from sionna_cfisac.scenario.runner import run_study
from sionna_cfisac.scenario.study import load_study

FLAT = """\
schema_version: 1
name: x
samples: 4
figures: []
network: {num_aps: 3, num_tx_ant: 8}
beamformers:
  - conjugate
  - sensing_conjugate
  - rzf
  - nullspace_sensing
  - closed_form_dual
  - dual_gnn
  - {type: hetero_gnn, weights: conditioned, sensing_weight: 2}
measure: [sum_rate, sensing_snr, utility]
"""
OPTIMAL = (
    FLAT.replace("samples: 4", "samples: 1").partition("beamformers:")[0]
    + "beamformers: [wmmse, joint]\nmeasure: [utility, upper_bound]\n"
)
LINK = """\
schema_version: 1
name: x
figures: []
network: {num_aps: 2}
beamformers: [rzf, closed_form_dual]
measure: [bler]
link: {stop: {max_blocks: 10}}
"""
DETECTED = "measure=[pd_energy, pd_neyman_pearson, pd_best_path]"
EXTREMES = [
    (FLAT, "noise_power=1e-30"),
    (FLAT, "noise_power=1e30 network.total_power=1e-30"),
    (FLAT, "noise_power=1e-30 network.total_power=1e30 sensing.noise_power=1e-30"),
    (FLAT, "network.total_power=0"),
    (FLAT, "sensing.noise_power=1e30"),
    (FLAT, "objective.sensing_weight=1e9"),
    (FLAT, "csi.pilot_snr_db=300"),
    (FLAT, "csi.pilot_snr_db=-100 csi.allow_for_error=true"),
    (FLAT, "csi.error_variance=0.999999 csi.correlation=1e-6"),
    (FLAT, f"{DETECTED} detection.gain_db=-10000"),
    (FLAT, f"{DETECTED} detection.gain_db=300 detection.swerling=0"),
    (FLAT, f"{DETECTED} detection.false_alarm=1e-12 sensing.noise_power=1e-30"),
    (FLAT, "channel=topology network.total_power=1e30 sensing.rcs=1e30"),
    (FLAT, "channel=topology noise_power=1e-30 sensing.rcs=1e-30"),
    (FLAT, "channel.type=topology channel.area=[0.001,0.001]"),
    (FLAT, "channel.type=topology channel.area=[1e6,1e6]"),
    (OPTIMAL, "noise_power=1e-30 network.total_power=1e30 sensing.noise_power=1e-30"),
    (OPTIMAL, "noise_power=1e30 network.total_power=1e-30"),
    (OPTIMAL, "objective.sensing_weight=1e9 network.total_power=0"),
    (LINK, "link.snr_db=300"),
    (LINK, "link.snr_db=-100"),
    (LINK, "link.snr_db=300 link.estimation=ls csi.pilot_snr_db=-100"),
]


class Quiet:
    def start(self, condition) -> None: ...
    def batch(self, condition, done, values) -> None: ...
    def finish(self, condition, table, stored) -> None: ...
    def warn(self, message) -> None: ...


@pytest.mark.filterwarnings("ignore:.*is made for")
@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize(("text", "options"), EXTREMES, ids=lambda x: x if "=" in x else "")
def test_extremes_run(tmp_path: Path, text: str, options: str, precision: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    sets = [s.replace("\0", " ") for s in options.replace(", ", ",\0").split(" ")]
    sets.append(f"precision={precision}")
    if precision == "single" and "total_power=1e30" in options:
        with pytest.raises(ScenarioError, match=r"noise_power: expected powers up to 1e\+30 times"):
            load_study(file, sets)
        return
    study = load_study(file, sets)
    folder = tmp_path / "out"
    RunFolder(folder, study).prepare(False, False)
    rows = run_study(study, folder, Quiet())
    assert len({row.method for row in rows}) >= len(study.scenario.beamformers)
    for row in rows:
        assert math.isfinite(row.estimate.value), row
        assert row.estimate.value >= 0, row
