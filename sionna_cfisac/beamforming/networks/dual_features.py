"""What the network of the multipliers reads: magnitudes that no rotation changes.

``docs/symbols.md`` lists the symbols.
"""

from keras import ops

from sionna_cfisac.beamforming.networks.graph_layer import Graph
from sionna_cfisac.beamforming.theory.gram import Gram
from sionna_cfisac.beamforming.theory.multipliers import Beams, Multipliers, effect_of, power_ratio
from sionna_cfisac.state import Tensor

NUM_AP, NUM_UE, NUM_TARGET, NUM_AP_UE, NUM_AP_TARGET = 8, 11, 9, 7, 5
"""Number of features of each kind."""

_FLOOR = 1e-4


def features_of(gram: Gram, at: Multipliers, beams: Beams) -> tuple[Graph, Tensor]:
    """Features of the channels, and of what the beams of a first guess achieve on them.

    Parameters
    ----------
    gram : Gram
        Inner products of the channels
    at : Multipliers
        The guess
    beams : Beams
        Its beams

    Returns
    -------
    features : Graph
        Logarithms and ratios, of order one, as many as the constants above say
    coupling : [B, U, U], float
        Squared correlation of every two UEs' channels over all APs, 0 for a UE with itself
    """
    num_aps, num_users = gram.num_aps, gram.num_users
    squared = _squared(gram.user_gram)  # |h_muᴴh_mv|²
    eye = ops.eye(num_users, dtype=squared.dtype)
    own = ops.maximum(gram.strength, 1e-12)
    at_ap = squared / (own[..., None] * own[:, :, None])
    total = ops.sum(own, axis=1)
    coupling = _squared(ops.sum(gram.user_gram, axis=1)) / (total[..., None] * total[:, None])
    coupling = coupling * (1.0 - eye)
    alignment = ops.sum(ops.square(gram.cross_gram[..., :num_users]), axis=2) / (gram.norm_a * own)
    effect = effect_of(gram, beams)
    reach = gram.gain * gram.norm_a
    seen = ops.sum(ops.square(effect.lit), axis=(2, 3)) / gram.norm_a
    snr = effect.snr[:, None]
    sinr = effect.signal / effect.interference
    common = _common(gram)
    features = Graph(
        ap=_stack([_log(power_ratio(gram, at, beams))], common, num_aps),
        ue=_stack(
            [
                0.3 * _log(sinr),
                0.3 * _log(total),
                *_over_others(coupling),
            ],
            common,
            num_users,
        ),
        target=_stack([0.3 * _log(snr), 0.3 * _log(ops.sum(reach, 1, keepdims=True))], common, 1),
        ap_ue=ops.stack(
            [
                0.3 * _log(own),
                0.3 * _log(own / total[:, None]),
                0.3 * _log(own / ops.sum(own, axis=2, keepdims=True)),
                alignment,
                0.3 * _log(alignment * gram.norm_a),
                *_over_others(at_ap * (1.0 - eye)),
            ],
            axis=-1,
        ),
        ap_target=ops.stack(
            [
                0.3 * _log(reach),
                0.3 * _log(reach / ops.maximum(ops.sum(reach, 1, keepdims=True), 1e-12)),
                seen,
                0.3 * _log(seen * gram.norm_a),
                0.3 * _log(reach * gram.weight[:, None] / (1.0 + snr) / at.mu),
            ],
            axis=-1,
        )[:, :, None],
    )
    return features, coupling


def _common(gram: Gram) -> list[Tensor]:
    """Numbers that everything in the network shares, the number of active APs among them: [B]."""
    beta = gram.weight
    num_aps = ops.log(gram.num_active())
    num_users, norm = (
        ops.log(ops.cast(x, beta.dtype)) * ops.ones_like(beta)
        for x in (gram.num_users, gram.norm_a)
    )
    return [
        0.5 * ops.log1p(beta),
        beta / (1.0 + beta),
        beta / (gram.num_users + beta),
        0.4 * num_users,
        0.4 * num_aps,
        0.3 * norm,
        0.3 * (num_aps + norm - num_users),
    ]


def _stack(own: list[Tensor], common: list[Tensor], size: int) -> Tensor:
    rest = [ops.tile(x[:, None], (1, size)) for x in common]
    return ops.stack([*own, *rest], axis=-1)


def _squared(x: Tensor) -> Tensor:
    """|x|² of the complex matrices whose real form is x."""
    size = x.shape[-1] // 2
    left = x[..., :size]
    return ops.square(left[..., :size, :]) + ops.square(left[..., size:, :])


def _over_others(x: Tensor) -> list[Tensor]:
    """Mean and maximum over the other UEs, where a UE's own entry is 0."""
    return [ops.sum(x, axis=-1) / max(x.shape[-1] - 1, 1), ops.max(x, axis=-1)]


def _log(x: Tensor) -> Tensor:
    return ops.log(x + _FLOOR)
