"""Scenarios that measure detection: flat channels, links, gains, wrong input."""

from typing import Any

import numpy as np
import pytest

from sionna_cfisac.beamforming import RZFBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.link import CellFreeOFDMLink
from sionna_cfisac.link.beams import join_groups
from sionna_cfisac.link.rules import SLOT_BLOCK
from sionna_cfisac.link.slot_blocks import block_seed
from sionna_cfisac.measures import MEASURES
from sionna_cfisac.scenario.engines.choice import engine_of
from sionna_cfisac.scenario.engines.flat import setting_of
from sionna_cfisac.scenario.engines.link import make_link
from sionna_cfisac.scenario.engines.seeds import condition_seed
from sionna_cfisac.scenario.file.errors import RunError
from sionna_cfisac.scenario.schema.scenario import ScenarioSpec
from sionna_cfisac.sensing import DETECTORS, beam_covariance, detection_probability

PD = [f"pd_{name}" for name in DETECTORS]


def spec(**changes: Any) -> ScenarioSpec:
    values: dict[str, Any] = {
        "schema_version": 1,
        "name": "detection",
        "network": {"num_aps": 3, "num_users": 2, "num_tx_ant": 4, "num_rx_ant": 6},
        "detection": {"false_alarm": 1e-2, "num_symbols": 5, "gain_db": -20},
        "beamformers": ["rzf", "sensing_conjugate"],
        "measure": [*PD, "sensing_snr"],
        "samples": 20,
    }
    return ScenarioSpec.model_validate({**values, **changes})


def test_measures_are_the_closed_form() -> None:
    state = CellFreeChannel(3, 2, 4, seed=1)(7)
    f = RZFBeamformer()(state)
    setting = setting_of(spec())
    values = {name: MEASURES.own[name].evaluate(state, f, setting) for name in PD}
    covariance = 0.01 * beam_covariance(state, f, 5, 6)
    for name in DETECTORS:
        expected = detection_probability(covariance, 1e-2, name)
        np.testing.assert_allclose(values[f"pd_{name}"], expected, rtol=1e-12)
        assert ((values[f"pd_{name}"] > 0) & (values[f"pd_{name}"] < 1)).all()


def test_more_power_to_the_target_is_detected_more_often() -> None:
    values = engine_of(spec()).run().values
    for name in PD:
        assert (values["sensing_conjugate"][name] > values["rzf"][name]).all()
    swerling0 = (
        engine_of(
            spec(detection={"false_alarm": 1e-2, "num_symbols": 5, "gain_db": -20, "swerling": 0})
        )
        .run()
        .values
    )
    assert (swerling0["rzf"][PD[0]] != values["rzf"][PD[0]]).all()


def test_results_do_not_depend_on_the_batch_size() -> None:
    one, two = engine_of(spec()).run().values, engine_of(spec(batch_size=3)).run().values
    for name in PD:
        np.testing.assert_allclose(one["rzf"][name], two["rzf"][name], rtol=1e-9)


def test_fewer_symbols_than_streams_are_refused() -> None:
    few = spec(detection={"num_symbols": 2}, beamformers=["nullspace_sensing"])
    with pytest.raises(RunError, match=r"nullspace_sensing: ValueError: num_symbols: .* >= 3"):
        engine_of(few).run()


def link_spec(**changes: Any) -> ScenarioSpec:
    link = {
        "snr_db": 5.0,
        "num_subcarriers": 12,
        "num_iterations": 5,
        "stop": {"max_blocks": 16},
    }
    return spec(link=link, measure=["bler", *PD], beamformers=["rzf"], samples=1000, **changes)


@pytest.mark.parametrize("channel", ["rayleigh", "tdl"])
def test_links_detect_with_the_beams_of_all_subcarriers(channel: str) -> None:
    detection = {"false_alarm": 1e-2, "num_symbols": 24, "gain_db": -27}
    scenario = link_spec(channel=channel, detection=detection)
    values = engine_of(scenario).run().values
    seed = block_seed(int(condition_seed(scenario)[:15], 16), 0)
    link = make_link(scenario)
    draw = link.draw(SLOT_BLOCK, seed=seed)
    f, _ = link.beams(draw, 5.0, RZFBeamformer())
    each = [beam_covariance(draw.state, f[:, g], 24, 6) for g in range(f.shape[1])]
    assert len(each) == (12 if channel == "tdl" else 1)
    covariance = 10**-2.7 * np.mean(each, axis=0)
    for name in DETECTORS:
        want = detection_probability(covariance, 1e-2, name)
        assert values["rzf"][f"pd_{name}"].shape == values["rzf"]["bler"].shape == (64,)
        np.testing.assert_allclose(values["rzf"][f"pd_{name}"], want, rtol=1e-3)


def test_groups_of_subcarriers_share_the_symbols() -> None:
    link = CellFreeOFDMLink(CellFreeChannel(3, 2, 4, seed=1), RZFBeamformer(), num_subcarriers=12)
    draw = link.draw(4, seed=1)
    f, _ = link.beams(draw, 5.0)
    assert join_groups(f).shape == (4, 3, 2, 4)
    rng = np.random.default_rng(1)
    shape = (4, 6, 3, 2, 4)
    many = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    got = beam_covariance(draw.state, join_groups(many.astype(np.complex64)), 24)
    # 24 symbols on 6 groups: each sees 4 of them
    each = [beam_covariance(draw.state, many[:, g].astype(np.complex64), 4) for g in range(6)]
    np.testing.assert_allclose(got, np.sum(each, axis=0), rtol=1e-4)
