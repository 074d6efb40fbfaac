"""The search over the multipliers: its gradient, and that it starts only where the SNR is high."""

import numpy as np
import pytest
import tensorflow as tf

from sionna_cfisac.beamforming import JointBeamformer
from sionna_cfisac.beamforming.solver import compiled
from sionna_cfisac.beamforming.solver import multiplier_search as search
from sionna_cfisac.beamforming.theory.normalised import reduce_problem
from sionna_cfisac.channel import CellFreeChannel


def _draw(noise_power: float):
    channel = CellFreeChannel(
        num_aps=3, num_users=4, num_tx_ant=4, noise_power=noise_power, seed=1, dtype="float64"
    )
    return channel(6)


@pytest.mark.parametrize("weight", [0.0, 2.0])
@pytest.mark.parametrize("noise_power", [0.1, 1e-4])
def test_gradient_is_that_of_automatic_differentiation(weight, noise_power):
    state = _draw(noise_power)
    # an AP without channels has no beams, whatever the multipliers
    dark = tf.reshape(tf.constant([0.0, 1.0, 1.0], state.h.dtype), (1, 3, 1, 1))
    state = state._replace(h=state.h * dark)
    problem, _ = reduce_problem(state, tf.fill([6], tf.constant(weight, tf.float64)))
    x = search._first_guess(problem)
    x += tf.constant(np.random.default_rng(2).normal(size=x.shape))
    with tf.GradientTape() as tape:
        tape.watch(x)
        utility = problem.evaluate(search._beams(problem, x)).value
    wanted = tape.gradient(utility, x).numpy()
    point, gradient = search._evaluate(problem, x)
    np.testing.assert_allclose(point.value, utility, rtol=1e-12)
    np.testing.assert_allclose(gradient, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())
    assert np.abs(wanted).max() > 0.1


def test_search_starts_only_where_the_snr_is_high(monkeypatch):
    class SearchedError(Exception):
        """The search was called."""

    def searched(*_):
        raise SearchedError

    monkeypatch.setattr(compiled, "_refined", searched)
    beamformer = JointBeamformer(1.0, max_iterations=1)
    assert np.isfinite(beamformer(_draw(1.0)).numpy()).all()
    with pytest.raises(SearchedError):
        beamformer(_draw(1e-3))
