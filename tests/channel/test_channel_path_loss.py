import numpy as np
import pytest
from keras import ops

from sionna_cfisac.channel import path_loss

FREQUENCY = 3.5e9


def test_free_space_against_friis_in_kilometre_and_megahertz():
    # ITU-R P.525: 32.45 + 20 log10(f / MHz) + 20 log10(d / km), rounded to 0.01 dB
    for distance in (1.0, 50.0, 2000.0):
        expected = 32.45 + 20 * np.log10(3500) + 20 * np.log10(distance / 1000)
        got = float(path_loss.free_space(ops.convert_to_tensor(distance), FREQUENCY))
        assert got == pytest.approx(expected, abs=6e-3)


def test_log_distance():
    # 40 dB at 1 m and 35 dB a decade
    distance = ops.convert_to_tensor(np.array([1.0, 10.0, 1000.0]))
    np.testing.assert_allclose(path_loss.log_distance(distance, 3.5, 40.0), [40.0, 75.0, 145.0])


@pytest.mark.parametrize(
    ("model", "ap_height", "distance", "los", "nlos"),
    [
        # by hand with a calculator: the second UMi row is beyond the breakpoint at 210.1 m
        ("umi", 10.0, 100.0, 85.314, 104.644),
        ("umi", 10.0, 500.0, 107.108, 129.264),
        ("uma", 25.0, 100.0, 83.138, 103.038),
    ],
)
def test_urban_by_hand(model, ap_height, distance, los, nlos):
    values = [ops.convert_to_tensor(np.float64(v)) for v in (distance, ap_height, 1.5)]
    got = path_loss.urban(model, *values, FREQUENCY)
    np.testing.assert_allclose([float(v) for v in got], [los, nlos], atol=2e-3)


@pytest.mark.parametrize(("model", "expected"), [("umi", 0.230985), ("uma", 0.347671)])
def test_los_probability_by_hand(model, expected):
    # at 100 m: 0.18 + 0.82 exp(-100 / 36 or 63)
    distance = ops.convert_to_tensor(np.array([0.0, 18.0, 100.0]))
    got = np.asarray(path_loss.los_probability(model, distance))
    np.testing.assert_allclose(got, [1.0, 1.0, expected], atol=2e-6)


@pytest.mark.parametrize(("model", "scenario"), [("umi", "UMiScenario"), ("uma", "UMaScenario")])
@pytest.mark.parametrize("line_of_sight", [True, False])
def test_urban_equals_sionna(model, scenario, line_of_sight, monkeypatch):
    tf = pytest.importorskip("tensorflow")
    tr38901 = pytest.importorskip("sionna.phy.channel.tr38901")
    rng = np.random.default_rng(3)
    batch, num_ap, num_ue = 3, 2, 40
    aps = np.concatenate(
        [rng.uniform(0, 300, (batch, num_ap, 2)), rng.uniform(5, 30, (batch, num_ap, 1))], -1
    )
    ues = np.concatenate(
        [rng.uniform(350, 2000, (batch, num_ue, 2)), rng.uniform(1.5, 12.9, (batch, num_ue, 1))],
        -1,
    )
    antenna = tr38901.PanelArray(
        num_rows_per_panel=1,
        num_cols_per_panel=1,
        polarization="single",
        polarization_type="V",
        antenna_pattern="omni",
        carrier_frequency=FREQUENCY,
        precision="double",
    )
    # in Sionna 1.2.2 this property returns the horizontal distance, where table 7.4.1-1 wants the
    # 3-D one
    monkeypatch.setattr(
        tr38901.SystemLevelScenario, "distance_3d", property(lambda self: self._distance_3d)
    )
    theirs = getattr(tr38901, scenario)(
        FREQUENCY, "low", antenna, antenna, "downlink", precision="double"
    )
    theirs.set_topology(
        ut_loc=tf.constant(ues),
        bs_loc=tf.constant(aps),
        ut_orientations=tf.zeros([batch, num_ue, 3], tf.float64),
        bs_orientations=tf.zeros([batch, num_ap, 3], tf.float64),
        ut_velocities=tf.zeros([batch, num_ue, 3], tf.float64),
        in_state=tf.zeros([batch, num_ue], tf.bool),
        los=line_of_sight,
    )
    distance = np.linalg.norm(ues[:, None, :, :2] - aps[:, :, None, :2], axis=-1)
    los, nlos = path_loss.urban(
        model,
        ops.convert_to_tensor(distance),
        ops.convert_to_tensor(aps[:, :, None, 2]),
        ops.convert_to_tensor(ues[:, None, :, 2]),
        FREQUENCY,
    )
    ours = los if line_of_sight else nlos
    np.testing.assert_allclose(ours, theirs.basic_pathloss, rtol=1e-10)
    probability = path_loss.los_probability(model, ops.convert_to_tensor(distance))
    np.testing.assert_allclose(probability, theirs.los_probability, rtol=1e-10)


def test_radar_gain_by_hand():
    # (0.0856550 m)² * 2 m² / (1984.402 * (100 m * 200 m)²)
    got = path_loss.bistatic_radar_gain(
        ops.convert_to_tensor(100.0), ops.convert_to_tensor(200.0), FREQUENCY, 2.0
    )
    assert float(got) == pytest.approx(2 * 9.2431e-15, rel=1e-4)


def test_nothing_is_infinite():
    zero = ops.convert_to_tensor(np.float64(0.0))
    ten, one_and_half = ops.convert_to_tensor(10.0), ops.convert_to_tensor(1.5)
    assert float(path_loss.free_space(zero, FREQUENCY)) == pytest.approx(43.33, abs=5e-3)
    near = path_loss.urban("umi", ops.convert_to_tensor(0.0), ten, one_and_half, FREQUENCY)
    limit = path_loss.urban("umi", ten, ten, one_and_half, FREQUENCY)
    assert [float(v) for v in near] == [float(v) for v in limit]
    at_target = path_loss.bistatic_radar_gain(zero, zero, FREQUENCY, 1.0)
    assert float(at_target) == pytest.approx(3.6972e-6, rel=1e-4)
