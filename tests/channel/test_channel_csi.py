"""Channel estimates: moments against the model, pilots, delay, path loss, wrong input."""

from typing import Any

import keras
import numpy as np
import pytest
from scipy import integrate

from sionna_cfisac import ChannelState, metrics
from sionna_cfisac.beamforming import RZFBeamformer, WMMSEBeamformer
from sionna_cfisac.channel import (
    CellFreeChannel,
    ImperfectCSI,
    TopologyChannel,
    jakes_correlation,
)

CHANNEL = CellFreeChannel(2, 2, 4, seed=1)


def moments(true: np.ndarray, known: np.ndarray) -> tuple[Any, ...]:
    """Mean of |ĥ|², |e|² and Re(e ĥ*) with their standard errors."""
    error = true - known
    values = [np.abs(known) ** 2, np.abs(error) ** 2, (error * known.conj()).real]
    flat = [value.reshape(-1) for value in values]
    return tuple((v.mean(), v.std(ddof=1) / np.sqrt(v.size)) for v in flat)


@pytest.mark.parametrize("variance", [0.03, 0.3, 0.9])
def test_estimate_is_of_least_mean_squared_error(variance: float) -> None:
    state = CHANNEL(5000, seed=1)
    known = ImperfectCSI(variance)(state, seed=2)
    expected = (1 - variance, variance, 0.0)
    for (mean, error), want in zip(
        moments(state.h.numpy(), known.h.numpy()), expected, strict=True
    ):
        assert abs(mean - want) < 4 * error
    # everything else is known
    for name in set(ChannelState._fields) - {"h"}:
        np.testing.assert_array_equal(getattr(known, name), getattr(state, name))


def test_perfect_knowledge() -> None:
    state = CHANNEL(3, seed=1)
    np.testing.assert_array_equal(ImperfectCSI()(state, seed=2).h, state.h)


def test_pilots_give_the_estimate_of_a_noisy_observation() -> None:
    # y = √ρ h + n observed directly: ĥ = E[h | y] has the error 1 / (1 + ρ g) of the link's gain
    rng = np.random.default_rng(1)
    rho, gain, n = 10**0.5, np.array([0.2, 1.0, 5.0]), 200_000
    h, noise = rng.normal(size=(2, n, 3, 2)) @ np.array([1, 1j]) / np.sqrt(2)
    h = h * np.sqrt(gain)
    y = np.sqrt(rho) * h + noise
    estimate = y * (h.conj() * y).mean(0).conj() / (np.abs(y) ** 2).mean(0)
    error = (np.abs(h - estimate) ** 2).mean(0) / gain
    layer = ImperfectCSI(pilot_snr_db=5.0, dtype="float64")
    ours = 1 - layer.known_share(keras.ops.convert_to_tensor(gain.reshape(1, 1, 3)))
    np.testing.assert_allclose(ours[0, 0], error, rtol=0.02)


def test_pilots_on_weak_links_leave_a_little() -> None:
    channel = TopologyChannel(3, 2, 4, shadowing_std_db=8.0)
    state, gain = channel.with_link_gain(2000, seed=1)
    assert float(np.max(gain)) < 1e-6
    known = ImperfectCSI(pilot_snr_db=0.0)(state, link_gain=gain, seed=2)
    # ε² is 1 to single precision, and yet the estimate's power is ρ g² rather than nothing
    ratio = np.mean(np.abs(known.h) ** 2, axis=-1) / np.asarray(gain) ** 2
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(ratio.size)


def test_delay_is_the_estimate_of_a_channel_that_has_moved_on() -> None:
    # h(t) = c h(0) + √(1 - c²) w: the best guess of h(t) from ĥ(0) is c ĥ(0)
    rng = np.random.default_rng(2)
    c, variance, n = 0.8, 0.1, 400_000
    old, new = rng.normal(size=(2, n, 2)) @ np.array([1, 1j]) / np.sqrt(2)
    observed = ImperfectCSI(variance)(CHANNEL(n // 16, seed=3), seed=4).h.numpy().reshape(-1)
    old = CHANNEL(n // 16, seed=3).h.numpy().reshape(-1)
    now = c * old + np.sqrt(1 - c**2) * new
    want = np.mean(np.abs(now - c * observed) ** 2)
    layer = ImperfectCSI(variance, correlation=c)
    assert float(1 - layer.known_share(np.ones((1, 1, 1), "float32"))[0, 0, 0]) == pytest.approx(
        want, abs=4 * np.sqrt(1 / n)
    )


def test_jakes_correlation_is_the_mean_over_arrival_angles() -> None:
    speed, delay, carrier = 10.0, 2e-3, 3.5e9
    doppler = speed * carrier / 299_792_458
    mean = integrate.quad(lambda t: np.cos(2 * np.pi * doppler * delay * np.cos(t)), 0, np.pi)[0]
    assert jakes_correlation(speed, delay, carrier) == pytest.approx(mean / np.pi, rel=1e-9)
    assert jakes_correlation(0.0, delay, carrier) == 1.0


def test_beams_of_worse_estimates_give_less_rate() -> None:
    state = CHANNEL(500, seed=1)
    for method in (RZFBeamformer(), WMMSEBeamformer()):
        rates = [
            float(np.mean(metrics.sum_rate(state, method(ImperfectCSI(v)(state, seed=2)))))
            for v in (0.0, 0.1, 0.5)
        ]
        assert rates[0] > rates[1] > rates[2]


def test_seeds_and_generators() -> None:
    state = CHANNEL(3, seed=1)
    layer = ImperfectCSI(0.1, seed=5)
    np.testing.assert_array_equal(layer(state, seed=7).h, ImperfectCSI(0.1)(state, seed=7).h)
    first, second = layer(state).h, layer(state).h
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(ImperfectCSI(0.1, seed=5)(state).h, first)
    # the errors are not made of the numbers that the channels are made of
    error = layer(state, seed=1).h - 0.9 * state.h
    assert abs(np.corrcoef(np.ravel(error).real, np.ravel(state.h).real)[0, 1]) < 0.5


def test_serialisation() -> None:
    layer = ImperfectCSI(pilot_snr_db=3.0, correlation=0.9, seed=4)
    again = ImperfectCSI.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"error_variance": 1.0}, "error_variance: expected less than 1, got 1"),
        ({"error_variance": -0.1}, "error_variance: expected a finite number"),
        ({"error_variance": 0.1, "pilot_snr_db": 3.0}, "pilot_snr_db: expected either"),
        ({"pilot_snr_db": float("inf")}, "pilot_snr_db: expected a finite number"),
        ({"correlation": 0.0}, "correlation: expected more than 0"),
        ({"correlation": 1.1}, "correlation: expected a finite number from 0 to 1"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImperfectCSI(**options)


def test_gains_that_are_not_those_of_the_channels_are_refused() -> None:
    channel = TopologyChannel(2, 2, 4)
    with pytest.raises(ValueError, match=r"link_gain: expected the mean of \|h\|² without"):
        ImperfectCSI(0.1)(channel(16, seed=1))
    state, gain = channel.with_link_gain(16, seed=1)
    assert ImperfectCSI(0.1)(state, link_gain=gain).h.shape == state.h.shape
    with pytest.raises(ValueError, match="link_gain: expected 16 channels of finite, non-negative"):
        ImperfectCSI(0.1)(state, link_gain=-np.asarray(gain))


def test_wrong_gains_are_refused() -> None:
    with pytest.raises(ValueError, match=r"link_gain: expected shape \[B, 2, 2\], got \(3, 4\)"):
        ImperfectCSI(0.1)(CHANNEL(3, seed=1), link_gain=np.ones((3, 4), "float32"))


def test_error_power_and_what_the_transmitters_are_told_of_it() -> None:
    state = CellFreeChannel(3, 2, 4, ap_power=[0.1, 0.2, 0.7], noise_power=[0.1, 0.5])(4, seed=1)
    gain = np.random.default_rng(2).uniform(0.5, 2.0, (4, 3, 2)).astype("float32")
    layer = ImperfectCSI(pilot_snr_db=3.0, correlation=0.9, allow_for_error=True)
    error = np.asarray(layer.error_power(gain))
    rho = 10**0.3
    np.testing.assert_allclose(error, gain * (1 - 0.81 * rho * gain / (1 + rho * gain)), rtol=1e-5)
    known = layer(state, gain, seed=3)
    added = np.einsum("bmu,m->bu", error, [0.1, 0.2, 0.7])
    np.testing.assert_allclose(known.noise_power, state.noise_power + added, rtol=1e-5)
    silent = ImperfectCSI(pilot_snr_db=3.0, correlation=0.9)(state, gain, seed=3)
    np.testing.assert_array_equal(silent.h, known.h)
    np.testing.assert_array_equal(silent.noise_power, state.noise_power)


def test_what_an_ap_at_full_power_sends_over_the_unknown_part_is_the_error_power() -> None:
    state = CellFreeChannel(2, 2, 4)(20_000, seed=5)
    layer = ImperfectCSI(0.3)
    known = layer(state, seed=6)
    f = RZFBeamformer()(known).numpy()
    error = state.h.numpy() - known.h.numpy()
    heard = (abs(np.einsum("bmun,bmsn->bus", error.conj(), f)) ** 2).sum(-1)
    expected = 0.3 * state.ap_power.numpy()[0].sum()
    spread = heard.std(axis=0, ddof=1) / np.sqrt(len(heard))
    assert (abs(heard.mean(axis=0) - expected) < 4 * spread).all()
