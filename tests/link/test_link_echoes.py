"""Detection on the samples that a link transmits, against the closed form."""

import numpy as np
import pytest
import tensorflow as tf

from sionna_cfisac import ChannelState
from sionna_cfisac.beamforming import ConjugateBeamformer
from sionna_cfisac.channel import CellFreeChannel
from sionna_cfisac.link import CellFreeOFDMLink, EchoReceiver, antenna_samples
from sionna_cfisac.sensing import (
    DETECTORS,
    MultistaticChannel,
    detection_probability,
    detection_statistic,
    matched_filters,
)
from sionna_cfisac.state import Tensor

TRIALS, BATCH = 100_000, 20_000
# so weak that detection is neither sure nor hopeless
CHANNEL = CellFreeChannel(2, 2, 2, sensing_noise_power=25.0, seed=3)


class OneStreamEach:
    """AP m sends stream m alone, towards the target: the waveforms of the paths are independent."""

    def __call__(self, state: ChannelState) -> Tensor:
        amplitude = tf.cast(tf.sqrt(state.ap_power / state.num_tx_ant), state.h.dtype)
        own = tf.eye(state.num_aps, state.num_users, dtype=state.h.dtype)
        return own[:, :, None] * state.a * amplitude[:, :, None, None]


def one_slot(method: object) -> tuple[Tensor, ChannelState]:
    """Transmit samples of a slot of coded 16-QAM with pilots, and its channel."""
    link = CellFreeOFDMLink(CHANNEL, method, num_subcarriers=12, num_ofdm_symbols=3,
                            pilot_symbols=[1])  # fmt: skip
    draw = link.draw(1, seed=2)
    f, noise_power = link.beams(draw, 6.0)
    _, signals = link.send(draw, f, noise_power)
    return antenna_samples(f, signals.x), draw.state


def repeat(value: Tensor) -> Tensor:
    return tf.repeat(value, BATCH, axis=0)


def matched_draws(
    x: Tensor, state: ChannelState, *, target: bool = True, swerling: int = 1
) -> list[tuple[Tensor, ...]]:
    """What the matched filters give in all trials, from which every detector decides."""
    samples = tf.reshape(x, (*x.shape[:3], -1))
    channel = MultistaticChannel(swerling=swerling)
    many, states = repeat(samples), ChannelState(*map(repeat, state))
    there = states if target else states._replace(sensing_gain=0.0 * states.sensing_gain)
    return [
        matched_filters(states, many, channel(many, there, seed=seed))
        for seed in range(TRIALS // BATCH)
    ]


def rate(
    x: Tensor,
    state: ChannelState,
    draws: list[tuple[Tensor, ...]],
    detector: str,
    false_alarm: float,
    swerling: int = 1,
) -> tuple[float, float]:
    """Share of trials in which a target is declared, and what the closed form says of one."""
    # the slot is the same in all trials, and so are its covariance and its threshold
    decision = EchoReceiver(detector, false_alarm)(x, state)
    detected = 0
    for matched in draws:
        statistic = detection_statistic(decision.covariance, matched, detector)
        detected += (statistic > decision.threshold).sum()
    expected = detection_probability(decision.covariance, false_alarm, detector, swerling=swerling)
    return detected / TRIALS, float(expected[0])


METHODS = {"independent": OneStreamEach(), "correlated": ConjugateBeamformer()}


@pytest.mark.parametrize("kind", METHODS)
def test_waveforms_are_as_correlated_as_they_should_be(kind: str) -> None:
    x, state = one_slot(METHODS[kind])
    a = EchoReceiver()(x, state, seed=1).covariance[0, 0]
    correlation = abs(a[0, 1]) / np.sqrt(a[0, 0].real * a[1, 1].real)
    # random samples of independent streams are nearly, not exactly, uncorrelated
    assert correlation < 0.3 if kind == "independent" else correlation > 0.7


@pytest.fixture(scope="module", params=METHODS)
def trials(request: pytest.FixtureRequest) -> tuple[Tensor, ChannelState, list, list]:
    """A slot, and echoes of it without and with a target for all detectors."""
    x, state = one_slot(METHODS[request.param])
    return x, state, *(matched_draws(x, state, target=target) for target in (False, True))


@pytest.mark.parametrize("false_alarm", [1e-2, 1e-3])
@pytest.mark.parametrize("detector", DETECTORS)
def test_detection_and_false_alarms_are_the_closed_form(
    trials: tuple[Tensor, ChannelState, list, list], detector: str, false_alarm: float
) -> None:
    x, state, *both = trials
    for target, draws in zip((False, True), both, strict=True):
        got, expected = rate(x, state, draws, detector, false_alarm)
        assert 0.02 < expected < 0.98
        expected = expected if target else false_alarm
        assert abs(got - expected) < 3 * np.sqrt(expected * (1 - expected) / TRIALS)


@pytest.mark.parametrize("kind", METHODS)
def test_targets_of_constant_power_are_the_closed_form(kind: str) -> None:
    x, state = one_slot(METHODS[kind])
    draws = matched_draws(x, state, swerling=0)
    got, expected = rate(x, state, draws, "neyman_pearson", 1e-2, swerling=0)
    assert abs(got - expected) < 3 * np.sqrt(expected * (1 - expected) / TRIALS)


@pytest.mark.parametrize("detector", DETECTORS)
def test_every_channel_has_its_own_threshold_and_statistic(detector: str) -> None:
    link = CellFreeOFDMLink(
        CHANNEL, ConjugateBeamformer(), num_subcarriers=4, code_rate=None, pilot_symbols=[]
    )
    draw = link.draw(4000, seed=2)
    f, noise_power = link.beams(draw, 6.0)
    _, signals = link.send(draw, f, noise_power)
    receiver = EchoReceiver(detector, 0.05, num_rx_ant=3, precision="double")
    decision = receiver(antenna_samples(f, signals.x), draw.state, seed=1)
    expected = detection_probability(decision.covariance, 0.05, detector)
    error = np.sqrt((expected * (1 - expected)).mean() / 4000)
    assert abs(decision.detected.mean() - expected.mean()) < 3 * error
    none = receiver(antenna_samples(f, signals.x), draw.state, target=False, seed=1)
    assert abs(none.detected.mean() - 0.05) < 3 * np.sqrt(0.05 / 4000)


def test_same_seed_same_echoes() -> None:
    x, state = one_slot(METHODS["correlated"])
    receiver = EchoReceiver()
    one, two, other = (receiver(x, state, seed=seed).statistic for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert one != other


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="detector: expected one of"):
        EchoReceiver("glrt")
    with pytest.raises(ValueError, match="false_alarm: expected"):
        EchoReceiver(false_alarm=0.0)
    with pytest.raises(ValueError, match="swerling: expected 0 or 1"):
        EchoReceiver(swerling=3)
    x, state = one_slot(METHODS["correlated"])
    with pytest.raises(ValueError, match="x: expected shape"):
        EchoReceiver()(x[:, :1], state)
