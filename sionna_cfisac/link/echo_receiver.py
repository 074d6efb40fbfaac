"""Detection of the target from the samples that a link sends."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from sionna.phy.block import Block

from sionna_cfisac.arguments import one_of
from sionna_cfisac.sensing.covariance import matched_filters, sample_covariance
from sionna_cfisac.sensing.detection import DETECTORS, detection_statistic, detection_threshold
from sionna_cfisac.sensing.multistatic import MultistaticChannel
from sionna_cfisac.sensing.quadratic_form import probability
from sionna_cfisac.state import ChannelState, Tensor, check_rank


class EchoDecision(NamedTuple):
    """What the APs conclude from the echoes of a slot.

    Attributes
    ----------
    detected : [B], bool
        Whether the statistic exceeds the threshold
    statistic, threshold : [B], float64
        Both, for every channel
    covariance : [B, Mr, M, M], complex128
        Covariances of the paths for the samples that were sent, from which
        :func:`~sionna_cfisac.sensing.detection_probability` has the probability of ``detected``
    """

    detected: np.ndarray
    statistic: np.ndarray
    threshold: np.ndarray
    covariance: np.ndarray


class EchoReceiver(Block):
    r"""Echoes of the transmit samples of a link at all APs, and the test for a target.

    The APs know what they sent and where the target would be. The samples of all subcarriers and
    OFDM symbols of a slot make one block, in which the target's gains stay and its delay is
    compensated. The threshold is in closed form, for the samples at hand. It comes from NumPy:
    eager mode only.

    Parameters
    ----------
    detector : "neyman_pearson" | "energy" | "best_path"
        Test, see :mod:`sionna_cfisac.sensing.detection`
    false_alarm : float
        Probability of a false alarm
    num_rx_ant : None or int
        Receive antennas Nr of each AP; None stands for Nt
    swerling : 0 or 1
        Fluctuation of the target
    precision : None, "single" or "double"
        Precision of the echoes; None is that of ``sionna.phy.config``

    Input
    -----
    x : [B, M, Nt, T, K], complex
        Transmit samples of every antenna, from :func:`~sionna_cfisac.link.antenna_samples`
    state : ChannelState
        Channels with one target
    target : bool
        Whether there is a target, or only noise
    seed : None or int
        Draws the gains and the noise of this seed

    Output
    ------
    EchoDecision
        For every channel

    Raises
    ------
    ValueError
        If an argument is out of range, there are several targets, or shapes do not fit

    Examples
    --------
    >>> draw = link.draw(64)
    >>> f, noise_power = link.beams(draw, 6.0)
    >>> _, signals = link.send(draw, f, noise_power)
    >>> decision = EchoReceiver(false_alarm=1e-3)(antenna_samples(f, signals.x), draw.state)
    """

    def __init__(
        self,
        detector: str = "neyman_pearson",
        false_alarm: float = 1e-3,
        *,
        num_rx_ant: int | None = None,
        swerling: int = 1,
        precision: str | None = None,
    ) -> None:
        super().__init__(precision=precision)
        self.detector = one_of(detector, "detector", DETECTORS)
        self.false_alarm = float(probability(false_alarm, "false_alarm"))
        self._channel = MultistaticChannel(num_rx_ant, swerling=swerling, dtype=self.rdtype.name)

    def call(
        self, x: Tensor, state: ChannelState, *, target: bool = True, seed: int | None = None
    ) -> EchoDecision:
        """Receive the echoes and decide; see the class."""
        check_rank(x, "x", "[B, M, Nt, T, K]")
        shape = tf.shape(x)
        x = tf.reshape(x, tf.concat([shape[:3], [-1]], axis=0))
        there = state if target else state._replace(sensing_gain=0.0 * state.sensing_gain)
        y = self._channel(x, there, seed=seed)
        covariance = sample_covariance(state, x, y.shape[2])
        statistic = detection_statistic(covariance, matched_filters(state, x, y), self.detector)
        threshold = detection_threshold(covariance, self.false_alarm, self.detector)
        return EchoDecision(statistic > threshold, statistic, threshold, covariance)
