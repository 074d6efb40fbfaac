"""Beams from multipliers with full matrices over all antennas, in NumPy: an oracle."""

import numpy as np

from sionna_cfisac.beamforming import DualGNNBeamformer


class FullProblem:
    """One channel, noise and power scaled into it: every UE has unit noise, every AP unit power."""

    def __init__(self, state, index, weight, extra_noise=0.0):
        h = np.asarray(state.h)[index]
        self.ap_power = np.asarray(state.ap_power)[index]
        noise = np.asarray(state.noise_power)[index] + extra_noise
        scaled = h * np.sqrt(self.ap_power)[:, None, None] / np.sqrt(noise)[None, :, None]
        self.num_aps, self.num_users, self.num_ant = h.shape
        self.h = scaled.transpose(0, 2, 1).reshape(-1, self.num_users)  # stacked columns
        self.a = np.asarray(state.a)[index, :, 0]
        gain = np.asarray(state.sensing_gain)[index, :, :, 0].sum(0)
        self.gain = gain / np.asarray(state.sensing_noise_power)[index].sum() * self.ap_power
        self.weight = weight

    def blocks(self, parts):
        full = np.zeros((self.num_aps * self.num_ant,) * 2, complex)
        for m, part in enumerate(parts):
            at = slice(m * self.num_ant, (m + 1) * self.num_ant)
            full[at, at] = part
        return full

    def per_ap(self, f):
        """[M, Nt, U] of stacked columns."""
        return f.reshape(self.num_aps, self.num_ant, -1)

    def unit(self, f):
        f = self.per_ap(f)
        return (f / np.sqrt((abs(f) ** 2).sum((1, 2), keepdims=True))).reshape(-1, self.num_users)

    def physical(self, f):
        """Beams [M, U, Nt] at the APs' power."""
        f = self.per_ap(self.unit(f)) * np.sqrt(self.ap_power)[:, None, None]
        return f.transpose(0, 2, 1)

    def structured(self, mu, odds, q, p):
        ratio = odds / (1 + odds)
        eye = np.eye(self.num_ant)
        omega = self.blocks(
            [
                mu[m] * (eye - ratio[m] / self.num_ant * np.outer(self.a[m], self.a[m].conj()))
                for m in range(self.num_aps)
            ]
        )
        matrix = omega + self.h @ np.diag(q) @ self.h.conj().T
        return np.linalg.solve(matrix, self.h) * np.sqrt(p)

    def effect(self, f):
        z = self.h.conj().T @ f
        power = abs(z) ** 2
        signal = np.diag(power)
        interference = power.sum(1) - signal + 1
        lit = np.einsum("mn,mnu->mu", self.a.conj(), self.per_ap(f))
        return z, lit, signal, interference, (self.gain * (abs(lit) ** 2).sum(1)).sum()

    def sensing_matrix(self):
        return self.blocks(
            [self.gain[m] * np.outer(self.a[m], self.a[m].conj()) for m in range(self.num_aps)]
        )

    def conditions(self, f):
        """q, κ, b and μ of the optimality conditions at beams of unit power."""
        z, _, signal, interference, snr = self.effect(f)
        v = np.diag(z) / (signal + interference)
        w = 1 / (1 - signal / (signal + interference))
        kappa = self.weight / (1 + snr)
        b = self.h * (w * v)
        gradient = b - self.h @ np.diag(w * abs(v) ** 2) @ z + kappa * self.sensing_matrix() @ f
        mu = (self.per_ap(f).conj() * self.per_ap(gradient)).sum((1, 2)).real
        return w * abs(v) ** 2, kappa, b, mu

    def minorize(self, mu, f):
        """The minorise–maximise step at these prices, and the prices' own step."""
        q, kappa, b, _ = self.conditions(f)
        mu = mu * (q.sum() + kappa * self.effect(f)[-1]) / mu.sum()
        matrix = self.h @ np.diag(q) @ self.h.conj().T
        matrix = matrix + self.blocks([value * np.eye(self.num_ant) for value in mu])
        new = np.linalg.solve(matrix, b + kappa * self.sensing_matrix() @ f)
        return mu * np.sqrt((abs(self.per_ap(new)) ** 2).sum((1, 2))), self.unit(new)


def make_dual(seed=0, **options):
    """A network none of whose weights is zero."""
    network = DualGNNBeamformer(
        **{"hidden_dim": 6, "num_layers": 2, "dtype": "float64", "sensing_weight": 1.5, **options}
    )
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        weight.assign(0.5 * rng.normal(size=weight.shape) / np.sqrt(weight.shape[0]))
    return network


def unitary(rng, size):
    return np.linalg.qr(rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)))[0]
