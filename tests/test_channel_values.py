"""Measures of single channels against loops in NumPy."""

import numpy as np
import pytest
from method_table import table_beams, table_state

from sionna_cfisac.measures import MEASURES, Setting


def received(h: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Gains h^H f [U, S] of one channel's streams at its UEs."""
    gains = np.zeros((h.shape[1], f.shape[1]), complex)
    for m in range(h.shape[0]):
        for u in range(h.shape[1]):
            for s in range(f.shape[1]):
                gains[u, s] += np.conj(h[m, u]) @ f[m, s]
    return gains


def min_rate(state, b: int, f: np.ndarray) -> float:
    rates = []
    for u, gains in enumerate(received(state.h[b], f)):
        powers = abs(gains) ** 2
        noise = float(state.noise_power[b][u])
        rates.append(np.log2(1 + powers[u] / (powers.sum() - powers[u] + noise)))
    return min(rates)


def sensing_snrs(state, b: int, f: np.ndarray) -> list[float]:
    """(7) of the paper for every target."""
    found = []
    for t in range(state.a.shape[2]):
        power = 0.0
        for receiver in range(state.sensing_gain.shape[1]):
            for m in range(f.shape[0]):
                amplitudes = f[m] @ np.conj(state.a[b, m, t])
                gain = float(state.sensing_gain[b, receiver, m, t])
                power += gain * (abs(amplitudes) ** 2).sum()
        found.append(power / float(np.sum(state.sensing_noise_power[b])))
    return found


LOOPS = {
    "min_rate": min_rate,
    "sensing_snr": lambda state, b, f: np.mean(sensing_snrs(state, b, f)),
    "sensing_snr_db": lambda state, b, f: 10 * np.log10(np.mean(sensing_snrs(state, b, f))),
    "ap_power_max": lambda state, b, f: max((abs(beams) ** 2).sum() for beams in f),
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("method", ["rzf", "nullspace"])
def test_measure_is_that_of_a_loop(name: str, method: str) -> None:
    state, f = table_state(), np.asarray(table_beams(method))
    expected = [LOOPS[name](state, b, f[b]) for b in range(len(f))]
    found = MEASURES.own[name].evaluate(state, f, Setting(sensing_weight=2.0))
    np.testing.assert_allclose(found, expected, rtol=1e-10)
