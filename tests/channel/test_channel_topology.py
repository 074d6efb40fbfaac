import keras
import numpy as np
import pytest

from sionna_cfisac.channel import TopologyChannel
from sionna_cfisac.state import check_state

APS = [[0.0, 0.0], [100.0, 0.0, 12.0], [30.0, 90.0]]
UES = [[40.0, 20.0], [70.0, 80.0, 3.0]]
TARGETS = [[55.0, 45.0, 30.0], [20.0, 60.0]]
ORIENTATIONS = [0.3, 2.0, -1.1]
FIXED = dict(
    num_aps=3,
    num_users=2,
    num_tx_ant=4,
    num_targets=2,
    area=(100.0, 100.0),
    ap_positions=APS,
    ue_positions=UES,
    target_positions=TARGETS,
    ap_orientations=ORIENTATIONS,
)
PURE_LOS_DB = 120.0


def points(rows, height):
    return np.array([row if len(row) == 3 else [*row, height] for row in rows])


def expected_steering(origin, point, orientation, num_ant):
    """By azimuth and elevation, where the package projects on the array's axis."""
    east, north, up = point - origin
    azimuth, elevation = np.arctan2(north, east), np.arctan2(up, np.hypot(east, north))
    sine = np.cos(elevation) * np.sin(azimuth - orientation)
    return np.exp(1j * np.pi * np.arange(num_ant) * sine)


def expected_loss_db(origin, point, exponent=3.0, reference=43.3292):
    return reference + 10 * exponent * np.log10(np.linalg.norm(point - origin))


def links():
    for m, ap in enumerate(points(APS, 10.0)):
        for u, ue in enumerate(points(UES, 1.5)):
            yield m, u, ap, ue


def test_shapes_and_values_make_a_state():
    state = check_state(TopologyChannel(4, 3, 2, 2, seed=1)(6))
    shapes = [tuple(field.shape) for field in state]
    assert shapes == [(6, 4, 3, 2), (6, 4, 2, 2), (6, 4, 4, 2), (6, 3), (6, 4), (6, 4)]


def test_steering_vectors_follow_from_the_positions():
    a = np.asarray(TopologyChannel(**FIXED, dtype="float64")(2, seed=0).a)
    for m, ap in enumerate(points(APS, 10.0)):
        for t, target in enumerate(points(TARGETS, 1.5)):
            expected = expected_steering(ap, target, ORIENTATIONS[m], 4)
            np.testing.assert_allclose(a[:, m, t], np.tile(expected, (2, 1)), atol=1e-9)


def test_arrays_point_at_the_centre_by_default():
    # a target above the centre is in the broadside plane of all of them
    channel = TopologyChannel(5, target_positions=[[50.0, 30.0, 77.0]], area=(100.0, 60.0))
    np.testing.assert_allclose(np.asarray(channel(3, seed=2).a), 1.0, atol=1e-4)


def test_front_and_back_look_the_same():
    ap, front, back = [[0.0, 0.0, 1.5]], [[30.0, 20.0]], [[-30.0, 20.0]]
    first, second = (
        TopologyChannel(
            1, 1, ap_positions=ap, ap_orientations=[0.0], target_positions=t, dtype="float64"
        )(1, seed=0)
        for t in (front, back)
    )
    np.testing.assert_allclose(np.asarray(first.a), np.asarray(second.a), atol=1e-12)


def test_pure_line_of_sight_is_steering_vector_path_loss_and_phase():
    h = np.asarray(
        TopologyChannel(**FIXED, k_factor_db=PURE_LOS_DB, dtype="float64")(400, seed=3).h
    )
    for m, u, ap, ue in links():
        amplitude = 10 ** (-expected_loss_db(ap, ue) / 20)
        rotated = h[:, m, u] / (amplitude * expected_steering(ap, ue, ORIENTATIONS[m], 4))
        # what is left is one phase for all antennas, uniform over the channels
        np.testing.assert_allclose(rotated, rotated[:, :1] + np.zeros(4), atol=1e-4)
        np.testing.assert_allclose(np.abs(rotated), 1.0, atol=1e-4)
        for order in (1, 2):
            assert abs(np.mean(rotated[:, 0] ** order)) < 4 / np.sqrt(400)


def test_rayleigh_power_is_the_path_gain():
    h = np.asarray(TopologyChannel(**FIXED)(4000, seed=4).h)
    for m, u, ap, ue in links():
        ratio = np.mean(np.abs(h[:, m, u]) ** 2) * 10 ** (expected_loss_db(ap, ue) / 10)
        # |h|² is exponential: its mean over 16,000 has this standard error
        assert abs(ratio - 1) < 4.5 / np.sqrt(h[:, m, u].size)
        assert abs(np.mean(h[:, m, u])) < 4.5 * 10 ** (-expected_loss_db(ap, ue) / 20) / 126


def test_k_factor_splits_the_power():
    k_db = np.array([[-3.0, 6.0], [0.0, 12.0], [9.0, 3.0]])
    h = np.asarray(TopologyChannel(**FIXED, k_factor_db=k_db)(4000, seed=5).h)
    for m, u, ap, ue in links():
        k = 10 ** (k_db[m, u] / 10)
        a = expected_steering(ap, ue, ORIENTATIONS[m], 4)
        scaled = h[:, m, u] * 10 ** (expected_loss_db(ap, ue) / 20)
        along = scaled @ a.conj() / 4
        across = np.sum(np.abs(scaled - along[:, None] * a) ** 2, axis=1)
        # scattering is in all four dimensions, the direct path in one
        for power, mean in (
            (np.abs(along) ** 2, k / (k + 1) + 1 / (4 * (k + 1))),
            (across, 3 / (k + 1)),
        ):
            assert abs(power.mean() - mean) < 4.5 * power.std() / np.sqrt(len(power))


def test_shadowing_is_log_normal_and_independent():
    channel = TopologyChannel(**FIXED, shadowing_std_db=7.0, k_factor_db=PURE_LOS_DB)
    power_db = 20 * np.log10(np.abs(np.asarray(channel(4000, seed=6).h)))
    shadowing = np.stack([power_db[:, m, u, 0] + expected_loss_db(a, b) for m, u, a, b in links()])
    n = shadowing.shape[1]
    np.testing.assert_allclose(shadowing.mean(axis=1), 0.0, atol=4.5 * 7 / np.sqrt(n))
    np.testing.assert_allclose(shadowing.std(axis=1), 7.0, atol=4.5 * 7 / np.sqrt(2 * n))
    correlation = np.corrcoef(shadowing) - np.eye(6)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(n)


def test_radar_gain_follows_from_the_positions():
    gain = np.asarray(TopologyChannel(**FIXED, rcs=3.0, dtype="float64")(1, seed=0).sensing_gain)
    wavelength = 299792458 / 3.5e9
    for receiver, rx in enumerate(points(APS, 10.0)):
        for transmitter, tx in enumerate(points(APS, 10.0)):
            for t, target in enumerate(points(TARGETS, 1.5)):
                # density at the target, what it scatters, and the receiver's effective aperture
                density = 1 / (4 * np.pi * np.sum((tx - target) ** 2))
                back = density * 3.0 / (4 * np.pi * np.sum((rx - target) ** 2))
                expected = back * wavelength**2 / (4 * np.pi)
                assert gain[0, receiver, transmitter, t] == pytest.approx(expected, rel=1e-9)


def test_other_sensing_gains():
    unit = TopologyChannel(**FIXED, sensing_gain="unit")(3, seed=0).sensing_gain
    np.testing.assert_array_equal(np.asarray(unit), np.ones((3, 3, 3, 2)))
    gain = np.asarray(
        TopologyChannel(**FIXED, sensing_gain="exponential")(2000, seed=1).sensing_gain
    )
    # mean 1 and P(> 1) = 1/e
    assert abs(gain.mean() - 1) < 4.5 / np.sqrt(gain.size)
    assert abs((gain > 1).mean() - np.exp(-1)) < 4.5 * 0.482 / np.sqrt(gain.size)


def test_positions_are_uniform_in_the_area():
    channel = TopologyChannel(2, 3, 1, 2, area=(80.0, 300.0), ap_height=9.0, target_height=50.0)
    where = channel.positions(3000, seed=7)
    for drop, count, height in zip(where, (2, 3, 2), (9.0, 1.5, 50.0), strict=True):
        drop = np.asarray(drop)
        assert drop.shape == (3000, count, 3)
        np.testing.assert_array_equal(drop[..., 2], np.float32(height))
        for axis, side in enumerate((80.0, 300.0)):
            x = np.sort(drop[..., axis].ravel() / side)
            assert x[0] >= 0
            assert x[-1] <= 1
            # Kolmogorov-Smirnov distance, exceeded once in 10,000 draws
            assert np.abs(x - np.linspace(0, 1, x.size)).max() < 2.23 / np.sqrt(x.size)


def test_positions_are_those_of_the_channels():
    options = dict(num_aps=2, num_users=1, num_tx_ant=3, dtype="float64")
    channel = TopologyChannel(**options, k_factor_db=PURE_LOS_DB)
    state, where = channel(5, seed=11), channel.positions(5, seed=11)
    for b in range(5):
        for m in range(2):
            ap = np.asarray(where.aps)[b, m]
            loss = expected_loss_db(ap, np.asarray(where.ues)[b, 0])
            got = -20 * np.log10(np.abs(np.asarray(state.h)[b, m, 0, 0]))
            assert got == pytest.approx(loss, abs=1e-3)
            towards = np.arctan2(200 - ap[1], 200 - ap[0])
            a = expected_steering(ap, np.asarray(where.targets)[b, 0], towards, 3)
            np.testing.assert_allclose(np.asarray(state.a)[b, m, 0], a, atol=1e-7)


@pytest.mark.parametrize(
    ("model", "los", "nlos"), [("umi", 85.314, 104.644), ("uma", 83.138, 103.038)]
)
def test_urban_line_of_sight(model, los, nlos):
    # one link of 100 m with the heights of the hand-computed path losses
    heights = {"umi": 10.0, "uma": 25.0}[model]
    options = dict(
        num_aps=1,
        num_users=1,
        num_tx_ant=1,
        ap_positions=[[0.0, 0.0, heights]],
        ue_positions=[[100.0, 0.0]],
        path_loss=model,
        k_factor_db=PURE_LOS_DB,
    )
    h = np.asarray(TopologyChannel(**options, line_of_sight=True)(50, seed=1).h)
    np.testing.assert_allclose(-20 * np.log10(np.abs(h)), los, atol=3e-3)
    h = np.asarray(TopologyChannel(**options, line_of_sight=False)(4000, seed=1).h)
    # without line of sight the link is Rayleigh, whatever the K-factor
    assert abs(np.mean(np.abs(h) ** 2) * 10 ** (nlos / 10) - 1) < 4.5 / np.sqrt(4000)
    h = np.asarray(TopologyChannel(**options)(4000, seed=2).h)
    sight = np.abs(-20 * np.log10(np.abs(h)) - los) < 3e-3
    chance = {"umi": 0.230985, "uma": 0.347671}[model]
    assert abs(sight.mean() - chance) < 4.5 * np.sqrt(chance * (1 - chance) / 4000)


def test_same_place_is_one_metre():
    here = [[10.0, 10.0, 5.0]]
    channel = TopologyChannel(
        1,
        1,
        1,
        ap_positions=here,
        ue_positions=here,
        target_positions=here,
        k_factor_db=PURE_LOS_DB,
    )
    state = channel(3, seed=0)
    np.testing.assert_allclose(-20 * np.log10(np.abs(np.asarray(state.h))), 43.329, atol=1e-3)
    np.testing.assert_allclose(np.asarray(state.sensing_gain), 3.6972e-6, rtol=1e-4)
    np.testing.assert_array_equal(np.asarray(state.a), 1.0)


def test_options_do_not_shift_the_other_draws():
    plain = TopologyChannel(seed=1)(8, seed=5)
    more = TopologyChannel(shadowing_std_db=8.0, k_factor_db=3.0, path_loss="umi")(8, seed=5)
    np.testing.assert_array_equal(np.asarray(plain.a), np.asarray(more.a))
    np.testing.assert_array_equal(np.asarray(plain.sensing_gain), np.asarray(more.sensing_gain))


def test_configuration_makes_the_same_layer():
    channel = TopologyChannel(
        **FIXED,
        path_loss="umi",
        line_of_sight=True,
        shadowing_std_db=4.0,
        k_factor_db=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        sensing_gain="exponential",
        noise_power=[1e-12, 2e-12],
        seed=9,
    )
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(channel))
    for ours, theirs in zip(channel(4, seed=1), copy(4, seed=1), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert copy.get_config() == channel.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ap_positions": [[0.0, 0.0]]}, "ap_positions: expected 5 points"),
        ({"ue_positions": [[0.0], [1.0]]}, "ue_positions: expected 2 points"),
        ({"target_positions": [[np.nan, 0.0]]}, "target_positions: expected finite"),
        ({"ap_orientations": [0.0]}, r"ap_orientations: expected shape \(5,\)"),
        ({"area": (0.0, 10.0)}, "area: expected finite numbers above 0"),
        ({"area": (1.0,)}, r"area: expected shape \(2,\)"),
        ({"carrier_frequency": -1.0}, "carrier_frequency: expected"),
        ({"path_loss": "cost231"}, "path_loss: expected one of"),
        ({"path_loss_exponent": 0.0}, "path_loss_exponent: expected"),
        ({"reference_loss_db": np.inf}, "reference_loss_db: expected a finite number"),
        ({"shadowing_std_db": -1.0}, "shadowing_std_db: expected a finite number >= 0"),
        ({"k_factor_db": [[1.0, 2.0]]}, r"k_factor_db: expected shape \(5, 2\)"),
        ({"k_factor_db": np.nan}, "k_factor_db: expected finite"),
        ({"sensing_gain": "swerling"}, "sensing_gain: expected one of"),
        ({"rcs": 0.0}, "rcs: expected a finite number above 0"),
        ({"line_of_sight": "often"}, "line_of_sight: expected True, False or 'random'"),
        ({"path_loss": "umi", "ue_height": 1.0}, "ue_height.*1.5 to 22.5 m"),
        ({"path_loss": "uma", "ue_height": 15.0}, "ue_height.*1.5 to 13"),
        ({"path_loss": "umi", "ap_height": 1.0}, "ap_height.*above 1 m"),
        ({"path_loss": "uma", "carrier_frequency": 1e8}, "carrier_frequency: expected 0.5e9"),
        ({"noise_power": 0.0}, "noise_power: expected finite positive"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        TopologyChannel(**options)


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match="k_factor"):
        TopologyChannel(k_factor=3.0)
