"""The network of the paper's section IV in loops: the oracle of its tests, and what they share."""

import numpy as np

from sionna_cfisac import ChannelState
from sionna_cfisac.beamforming import HeteroGNNBeamformer

SLOPE = 0.2


def make_state(batch=3, num_aps=3, num_rx=2, num_users=2, num_targets=1, num_ant=4, seed=0):
    """Every number differs from every other, so that no formula gets away with a wrong axis."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)

    a = normal(batch, num_aps, num_targets, num_ant)
    return ChannelState(
        h=normal(batch, num_aps, num_users, num_ant),
        a=a / abs(a),
        sensing_gain=rng.exponential(size=(batch, num_rx, num_aps, num_targets)),
        noise_power=rng.uniform(0.02, 0.9, (batch, num_users)),
        sensing_noise_power=rng.uniform(0.05, 0.2, (batch, num_rx)),
        ap_power=rng.uniform(0.1, 0.6, (batch, num_aps)),
    )


def with_aps(state, order):
    """The same channels with the APs, as transmitters, in another order or only some of them."""
    return state._replace(
        h=state.h[:, order],
        a=state.a[:, order],
        sensing_gain=state.sensing_gain[:, :, order],
        ap_power=state.ap_power[:, order],
    )


def with_users(state, order):
    """The same channels with the UEs in another order."""
    return state._replace(h=state.h[:, :, order], noise_power=state.noise_power[:, order])


def single(state):
    return ChannelState(
        *(x.astype(np.complex64 if np.iscomplexobj(x) else np.float32) for x in state)
    )


def make_network(num_ant=4, seed=0, **options):
    """A network none of whose weights is zero, as biases and conditioning are at the start."""
    options = {"hidden_dim": 6, "num_layers": 2, "negative_slope": SLOPE, **options}
    network = HeteroGNNBeamformer(num_ant, **{"dtype": "float64", **options})
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        weight.assign(rng.normal(size=weight.shape) / np.sqrt(weight.shape[0]))
    return network


def named(network):
    return {"/".join(w.path.split("/")[-2:]): np.asarray(w) for w in network.weights}


def leaky(x):
    return np.where(x > 0, x, SLOPE * x)


def reference_context(weights, sensing_weight, noise):
    """Context of one edge, from the features that the docstring lists."""
    beta = min(max(sensing_weight, 0.0), 20.0)
    x = np.array(
        [
            2 * np.log(1 + beta) / np.log(21) - 1,
            2 * beta / (1 + beta) - 1,
            np.log10(min(max(noise, 0.01), 1.0) / 0.1),
        ]
    )
    for index in range(2):
        x = leaky(weights[f"context/matrix_{index}"].T @ x + weights[f"context/bias_{index}"])
    return x


class Reference:
    """Equations (12) to (14) for one channel, with the matrices and concatenations they have."""

    def __init__(self, network, sensing_weight=None):
        self.weights = named(network)
        self.hidden_dim, self.num_layers = network.hidden_dim, network.num_layers
        self.aggregate = {"mean": np.mean, "sum": np.sum}[network.aggregation]
        self.gain_on_edge = network.sensing_gain_on_edge
        self.sensing_weight = sensing_weight

    def __call__(self, state, index):
        channel = ChannelState(*(np.asarray(x)[index] for x in state))
        num_aps, num_users, _ = channel.h.shape
        num_targets = channel.a.shape[1]
        kinds = {"ue": range(num_users), "target": range(num_targets)}
        first = {}
        for m in range(num_aps):
            for u in kinds["ue"]:
                first["ue", m, u] = self._stack(channel.h[m, u])
            for t in kinds["target"]:
                gain = channel.sensing_gain[:, m, t].sum() / channel.sensing_noise_power.sum()
                factor = np.sqrt(0.1 * gain) if self.gain_on_edge else 1.0
                first["target", m, t] = self._stack(factor * channel.a[m, t])
        edges, vertices = first, {}
        for layer in [f"hidden_{i}" for i in range(self.num_layers)] + ["output"]:
            vertices = self._vertices(layer, edges, vertices, num_aps, kinds)
            edges = self._edges(layer, edges, vertices, channel)
            if layer != "output":
                edges = {key: np.concatenate([e, first[key]]) for key, e in edges.items()}
        return self._beams(edges, channel, kinds)

    @staticmethod
    def _stack(x):
        return np.concatenate([x.real, x.imag])

    def _matrix(self, layer, *names):
        """W of the paper, which multiplies a concatenation from the left."""
        return np.concatenate([self.weights[f"{layer}/{n}"] for n in names], axis=0).T

    def _vertices(self, layer, edges, old, num_aps, kinds):
        """Equation (13)."""
        new = {}
        nothing = np.zeros(0)
        width = len(next(iter(edges.values())))
        for m in range(num_aps):
            both = self.weights[f"{layer}/ap_from_edges"]
            total = 0.0
            # an AP has a matrix for each type of edge; only the sum of their parts for its own
            # features counts, and any split of it is a network of the paper
            parts = {"ue": (both[:width], 0.3), "target": (both[width:], 0.7)}
            for kind, (part, share) in parts.items():
                own = old.get(("ap", m), nothing)
                matrix = part
                if len(own):
                    vertex = share * self.weights[f"{layer}/ap_from_vertex"]
                    matrix = np.concatenate([part, vertex], axis=0)
                read = self.aggregate([edges[kind, m, j] for j in kinds[kind]], axis=0)
                total = total + matrix.T @ np.concatenate([read, own])
            new["ap", m] = total
        for kind, members in kinds.items():
            names = [f"{kind}_from_edges"] + ([f"{kind}_from_vertex"] if old else [])
            for j in members:
                read = self.aggregate([edges[kind, m, j] for m in range(num_aps)], axis=0)
                own = old.get((kind, j), nothing)
                new[kind, j] = self._matrix(layer, *names) @ np.concatenate([read, own])
        return new

    def _edges(self, layer, edges, vertices, channel):
        """Equation (14)."""
        new = {}
        for (kind, m, j), edge in edges.items():
            units = len(self.weights[f"{layer}/{kind}_edge_bias"])
            from_ap = self.weights[f"{layer}/edges_from_ap"]
            from_ap = from_ap[:, :units] if kind == "ue" else from_ap[:, units:]
            end = self._matrix(layer, f"edge_from_{kind}", f"{kind}_edge")
            matrix = np.concatenate([from_ap.T, end], axis=1)
            x = matrix @ np.concatenate([vertices["ap", m], vertices[kind, j], edge])
            x = x + self.weights[f"{layer}/{kind}_edge_bias"]
            if self.sensing_weight is not None:
                geometric = np.exp(np.log(channel.noise_power).mean())
                noise = channel.noise_power[j] if kind == "ue" else geometric
                context = reference_context(self.weights, self.sensing_weight, noise)
                film = self.weights[f"{layer}/{kind}_edge_context"].T @ context
                x = x * (1 + film[:units]) + film[units:]
            new[kind, m, j] = x if layer == "output" else leaky(x)
        return new

    @staticmethod
    def _beams(edges, channel, kinds):
        num_aps, _, num_ant = channel.h.shape
        streams = [(kind, j) for kind, members in kinds.items() for j in members]
        f = np.zeros((num_aps, len(streams), num_ant), complex)
        for m in range(num_aps):
            norm = np.sqrt(sum((edges[k, m, j] ** 2).sum() for k, j in streams))
            for s, (kind, j) in enumerate(streams):
                edge = edges[kind, m, j]
                f[m, s] = (
                    np.sqrt(channel.ap_power[m]) / norm * (edge[:num_ant] + 1j * edge[num_ant:])
                )
        return f
