"""The model once more, in NumPy and loops: the oracle of the tests, sharing no code with them."""

import numpy as np
from scipy.optimize import minimize


class ReferenceChannel:
    """One channel, everything as the paper's equations write it."""

    def __init__(self, state, index):
        self.h = np.asarray(state.h)[index].astype(complex)
        self.a = np.asarray(state.a)[index].astype(complex)
        self.sensing_gain = np.asarray(state.sensing_gain)[index].astype(float)
        self.noise_power = np.asarray(state.noise_power)[index].astype(float)
        self.sensing_noise_power = np.asarray(state.sensing_noise_power)[index].astype(float)
        self.ap_power = np.asarray(state.ap_power)[index].astype(float)

    def sinr(self, f):
        num_aps, num_users, _ = self.h.shape
        out = np.zeros(num_users)
        for u in range(num_users):
            received = [
                abs(sum(np.vdot(self.h[m, u], f[m, s]) for m in range(num_aps))) ** 2
                for s in range(f.shape[1])
            ]
            out[u] = received[u] / (sum(received) - received[u] + self.noise_power[u])
        return out

    def sensing_snr(self, f):
        num_rx, num_aps, num_targets = self.sensing_gain.shape
        out = np.zeros(num_targets)
        for t in range(num_targets):
            for r in range(num_rx):
                for m in range(num_aps):
                    for s in range(f.shape[1]):
                        lit = abs(np.vdot(self.a[m, t], f[m, s])) ** 2
                        out[t] += self.sensing_gain[r, m, t] * lit
        return out / self.sensing_noise_power.sum()

    def utility(self, f, weight):
        sensing = np.log2(1 + self.sensing_snr(f)).sum()
        return np.log2(1 + self.sinr(f)).sum() + weight * sensing

    def best_utility(self, weight, num_starts, seed=0, streams=None, max_iterations=5000):
        """Largest utility that SciPy's L-BFGS finds from random starts, over all feasible beams."""
        num_aps, num_users, num_tx_ant = self.h.shape
        streams = num_users if streams is None else streams
        stacked = self.h.transpose(1, 0, 2).reshape(num_users, -1).conj()
        gain = self.sensing_gain[:, :, 0].sum(0) / self.sensing_noise_power.sum()
        shape = (2, num_aps, streams, num_tx_ant)

        def negative(x):
            y = x.reshape(shape)
            y = y[0] + 1j * y[1]
            norm = np.sqrt((abs(y) ** 2).sum((1, 2)))
            # beams above the limit are scaled back, those below are kept
            scale = np.where(norm > 1, 1 / np.maximum(norm, 1e-300), 1.0)
            amplitude = np.sqrt(self.ap_power) * scale
            f = amplitude[:, None, None] * y
            z = stacked @ f.transpose(0, 2, 1).reshape(-1, streams)
            power = abs(z) ** 2
            total = power.sum(1) + self.noise_power
            rest = total - power[np.arange(num_users), np.arange(num_users)]
            lit = np.einsum("mn,msn->ms", self.a[:, 0].conj(), f)
            snr = (gain[:, None] * abs(lit) ** 2).sum()
            value = np.log(total / rest).sum() + weight * np.log1p(snr)
            dz = z * (1 / total - 1 / rest)[:, None]
            own = np.arange(num_users)
            dz[own, own] = z[own, own] / total
            grad = (stacked.conj().T @ dz).reshape(num_aps, num_tx_ant, streams).transpose(0, 2, 1)
            grad = grad + (weight / (1 + snr) * gain[:, None] * lit)[:, :, None] * self.a
            grad = 2 * amplitude[:, None, None] * grad
            radial = np.real(y.conj() * grad).sum((1, 2)) / np.maximum(norm, 1e-300) ** 2
            grad = grad - np.where(norm > 1, radial, 0.0)[:, None, None] * y
            return -value, -np.stack([grad.real, grad.imag]).ravel()

        rng = np.random.default_rng(seed)
        best = -np.inf
        for _ in range(num_starts):
            x0 = 2.0 * rng.standard_normal(shape) / np.sqrt(streams * num_tx_ant)
            options = {"maxiter": max_iterations, "maxfun": 2 * max_iterations, "maxcor": 30}
            options |= {"ftol": 1e-13, "gtol": 1e-9}
            found = minimize(negative, x0.ravel(), jac=True, method="L-BFGS-B", options=options)
            best = max(best, -found.fun / np.log(2))
        return best


def wmmse_sum_rate(channel, iterations=1000):
    """Textbook WMMSE for one channel: alternate u, w and f, the last by bisection on each power.

    The beams under per-AP limits come from cyclic updates of one AP at a time.
    """
    num_aps, _, num_tx_ant = channel.h.shape
    h = channel.h / np.sqrt(channel.noise_power)[None, :, None]
    f = h.transpose(0, 2, 1).copy()
    f *= np.sqrt(channel.ap_power / (abs(f) ** 2).sum((1, 2)))[:, None, None]
    for _ in range(iterations):
        z = sum(h[m].conj() @ f[m] for m in range(num_aps))
        total = (abs(z) ** 2).sum(1) + 1
        v = np.diag(z) / total
        w = 1 / (1 - abs(np.diag(z)) ** 2 / total)
        for m in range(num_aps):
            others = sum(h[k].conj() @ f[k] for k in range(num_aps) if k != m)
            a = (h[m].T * (w * abs(v) ** 2)) @ h[m].conj()
            b = h[m].T @ (np.diag(w * v) - (w * abs(v) ** 2)[:, None] * others)
            low, high = 0.0, np.linalg.norm(b) / np.sqrt(channel.ap_power[m])
            values, vectors = np.linalg.eigh(a)
            projected = abs(vectors.conj().T @ b) ** 2
            for _ in range(60):
                mu = (low + high) / 2
                power = (projected / np.maximum(values + mu, 1e-300)[:, None] ** 2).sum()
                low, high = (mu, high) if power > channel.ap_power[m] else (low, mu)
            f[m] = np.linalg.solve(a + high * np.eye(num_tx_ant), b)
    return np.log2(1 + channel.sinr(f.transpose(0, 2, 1))).sum()
