"""Beams from multipliers and their steps, against full matrices in NumPy and the optimum."""

import numpy as np
import pytest
import tensorflow as tf
from reference_dual import FullProblem
from reference_gnn import make_state, with_aps

from sionna_cfisac import metrics
from sionna_cfisac.beamforming import ClosedFormDualBeamformer, JointBeamformer
from sionna_cfisac.beamforming.networks.dual_design import design
from sionna_cfisac.beamforming.theory.gram import gram_of, normalized
from sionna_cfisac.beamforming.theory.multipliers import (
    Multipliers,
    closed_form,
    effect_of,
    minorize_step,
    power_step,
    structured,
    utility_of,
)
from sionna_cfisac.channel import CellFreeChannel

WEIGHT = 1.7
SIZES = [(3, 2, 4), (2, 4, 3), (1, 1, 1), (4, 3, 2)]


def state_of(sizes, batch=2):
    num_aps, num_users, num_ant = sizes
    return make_state(batch, num_aps, 2, num_users, 1, num_ant)


def gram_for(state, weight=WEIGHT):
    weights = tf.fill([len(state.h)], tf.constant(weight, tf.float64))
    return gram_of(state, weights, normalized(state, "float64"))


def random_multipliers(state, seed=3):
    rng = np.random.default_rng(seed)
    batch, num_aps, num_users, _ = state.h.shape
    return Multipliers(
        mu=rng.uniform(0.3, 3.0, (batch, num_aps)),
        odds=rng.uniform(0.1, 5.0, (batch, num_aps)),
        q=rng.uniform(0.1, 1.0, (batch, num_users)),
        p=rng.uniform(0.1, 2.0, (batch, num_users)),
    )


def tensors(at):
    return Multipliers(*map(tf.constant, at))


def one(at, index):
    return [np.asarray(x)[index] for x in at]


@pytest.mark.parametrize("sizes", SIZES)
def test_beams_are_those_of_the_structure(sizes):
    state = state_of(sizes)
    at = random_multipliers(state)
    weight = tf.constant(WEIGHT, tf.float64)
    (f,) = design(state, weight, None, refine=0, polish=0, correct=lambda gram, guess: tensors(at))
    for b in range(len(state.h)):
        full = FullProblem(state, b, WEIGHT)
        expected = full.physical(full.structured(*one(at, b)))
        np.testing.assert_allclose(f[b], expected, atol=1e-10)


@pytest.mark.parametrize("sizes", SIZES)
def test_effect_and_power_step(sizes):
    state = state_of(sizes)
    at, gram = random_multipliers(state), gram_for(state)
    beams = structured(gram, tensors(at))
    effect, after = effect_of(gram, beams), power_step(gram, tensors(at), beams)
    for b in range(len(state.h)):
        full = FullProblem(state, b, WEIGHT)
        raw = full.structured(*one(at, b))
        z, lit, signal, interference, snr = full.effect(full.unit(raw))
        num_users = full.num_users
        np.testing.assert_allclose(effect.z[b, :num_users], z.real, atol=1e-10)
        np.testing.assert_allclose(effect.z[b, num_users:], z.imag, atol=1e-10)
        found = np.asarray(effect.lit)[b]
        np.testing.assert_allclose(found[:, 0] + 1j * found[:, 1], lit, atol=1e-10)
        np.testing.assert_allclose(effect.signal[b], signal, rtol=1e-10)
        np.testing.assert_allclose(effect.interference[b], interference, rtol=1e-10)
        np.testing.assert_allclose(effect.snr[b], snr, rtol=1e-10)
        power = (abs(full.per_ap(raw)) ** 2).sum((1, 2))
        expected = at.mu[b] * np.clip(np.sqrt(power / power.mean()), 0.1, 10)
        np.testing.assert_allclose(after.mu[b], expected, rtol=1e-10)


@pytest.mark.parametrize("sizes", SIZES)
def test_minorize_step_solves_the_surrogate(sizes):
    state = state_of(sizes)
    at, gram = random_multipliers(state), gram_for(state)
    beams, mu = structured(gram, tensors(at)), tf.constant(at.mu)
    for _ in range(2):
        mu, beams = minorize_step(gram, mu, effect_of(gram, beams))
    effect = effect_of(gram, beams)
    for b in range(len(state.h)):
        full = FullProblem(state, b, WEIGHT)
        f, prices = full.unit(full.structured(*one(at, b))), at.mu[b]
        for _ in range(2):
            prices, f = full.minorize(prices, f)
        z, _, _, _, snr = full.effect(f)
        np.testing.assert_allclose(effect.z[b, : full.num_users], z.real, atol=1e-9)
        np.testing.assert_allclose(effect.z[b, full.num_users :], z.imag, atol=1e-9)
        np.testing.assert_allclose(effect.snr[b], snr, rtol=1e-9)
        np.testing.assert_allclose(mu[b], prices, rtol=1e-9)


def test_an_ap_without_power_does_not_count_in_any_step():
    state, rest = state_of((3, 2, 4)), [0, 2]
    state.ap_power[:, 1] = 0.0
    absent = with_aps(state, rest)
    at = random_multipliers(state)
    found = []
    for channels, aps in ((state, [0, 1, 2]), (absent, rest)):
        gram = gram_for(channels)
        part = tensors(at._replace(mu=at.mu[:, aps], odds=at.odds[:, aps]))
        part = power_step(gram, part, structured(gram, part))
        mu, beams = minorize_step(gram, part.mu, effect_of(gram, structured(gram, part)))
        found.append((np.asarray(part.mu), np.asarray(mu), effect_of(gram, beams).z))
    for all_aps, only_rest in zip(*(f[:2] for f in found), strict=True):
        np.testing.assert_allclose(all_aps[:, rest], only_rest, rtol=1e-8)
    np.testing.assert_allclose(found[0][2], found[1][2], rtol=1e-8)


@pytest.mark.parametrize("weight", [0.0, WEIGHT])
def test_the_optimum_has_the_structure_and_every_step_stays_there(weight):
    state = state_of((3, 2, 4))
    optimum = np.asarray(JointBeamformer(weight, tolerance=1e-14, max_iterations=2000)(state))
    at = []
    for b in range(len(state.h)):
        full = FullProblem(state, b, weight)
        unit = optimum[b] / np.sqrt(full.ap_power)[:, None, None]
        f = unit.transpose(0, 2, 1).reshape(-1, full.num_users)
        q, kappa, _, mu = full.conditions(f)
        _, _, signal, interference, snr = full.effect(f)
        # the sum of the prices that the minorise–maximise step relies on
        np.testing.assert_allclose(mu.sum(), q.sum() + kappa * snr, rtol=1e-12)
        ratio = kappa * full.gain * full.num_ant / mu
        at.append((mu, ratio / (1 - ratio), q, signal / interference**2))
    at = tensors(Multipliers(*map(np.stack, zip(*at, strict=True))))
    best = metrics.utility(state, optimum, weight)
    for refine, polish in ((0, 0), (3, 0), (0, 3)):
        (f,) = design(
            state,
            tf.constant(weight, tf.float64),
            None,
            refine=refine,
            polish=polish,
            correct=lambda gram, guess: at,
        )
        np.testing.assert_allclose(metrics.utility(state, f, weight), best, rtol=1e-6)


def test_the_closed_form_guess():
    state = state_of((3, 2, 4))
    at = closed_form(gram_for(state))
    np.testing.assert_allclose(at.mu, np.full((2, 3), (2 + WEIGHT) / 3))
    np.testing.assert_allclose(at.odds / (1 + at.odds), np.full((2, 3), WEIGHT / (2 + WEIGHT)))
    np.testing.assert_array_equal(at.q, np.ones((2, 2)))
    np.testing.assert_array_equal(at.p, np.ones((2, 2)))


def test_one_user_and_one_ap_without_sensing_is_conjugate_beamforming():
    state = make_state(3, 1, 1, 1)
    f = np.asarray(ClosedFormDualBeamformer(0.0)(state))
    expected = state.h / np.linalg.norm(state.h, axis=-1, keepdims=True)
    np.testing.assert_allclose(f, expected * np.sqrt(state.ap_power)[..., None, None], atol=1e-10)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_steps_bring_the_guess_to_the_optimum(weight):
    state = make_state(20, 3, 2, 2, 1, 8)
    best = np.asarray(metrics.utility(state, JointBeamformer(weight)(state), weight))
    shares = []
    for refine, polish in ((0, 0), (3, 0), (3, 10), (3, 100)):
        f = ClosedFormDualBeamformer(weight, refine=refine, polish=polish)(state)
        np.testing.assert_allclose(metrics.ap_power(f), state.ap_power, rtol=1e-10)
        shares.append(np.mean(metrics.utility(state, f, weight)) / best.mean())
    assert shares[0] < shares[2] < shares[3] < 1 + 1e-9
    assert shares[1] < shares[3]
    assert shares[3] > 0.999


def test_beside_an_ap_that_no_user_hears_the_others_reach_the_optimum():
    # what it sends to the target makes more light worth less
    state = make_state(20, 3, 2, 2, 1, 8)
    state.h[:, 1] = 0.0
    best = np.asarray(metrics.utility(state, JointBeamformer(5.0)(state), 5.0))
    f = ClosedFormDualBeamformer(5.0, refine=3, polish=100)(state)
    np.testing.assert_allclose(metrics.utility(state, f, 5.0), best, rtol=1e-4)


def test_only_the_best_beams_on_the_way_count():
    # crowded and at high SNR, where prices take a while to follow
    state = CellFreeChannel(2, 8, 8, noise_power=0.01, dtype="float64")(50, seed=1)
    weight, lost = 2.0, 0
    gram = gram_for(state, weight)
    at = closed_form(gram)
    mu, beams = at.mu, structured(gram, at)
    plain = [utility_of(gram, effect_of(gram, beams))]
    for _ in range(6):
        mu, beams = minorize_step(gram, mu, effect_of(gram, beams))
        plain.append(utility_of(gram, effect_of(gram, beams)))
    for polish in range(7):
        f = ClosedFormDualBeamformer(weight, refine=0, polish=polish)(state)
        best = np.max(plain[: polish + 1], axis=0)
        # in bit, of the beams as they are sent
        np.testing.assert_allclose(metrics.utility(state, f, weight), best / np.log(2), rtol=1e-9)
        lost += np.sum(best > np.asarray(plain[polish]) + 1e-6)
    assert lost > 0


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"sensing_weight": -1.0}, "sensing_weight"),
        ({"refine": -1}, "refine"),
        ({"polish": 0.5}, "polish"),
    ],
)
def test_wrong_arguments_of_the_closed_form_are_named(options, argument):
    with pytest.raises(ValueError, match=f"^{argument}: expected .*got "):
        ClosedFormDualBeamformer(**options)


def test_several_targets_need_a_weight_of_zero():
    state = make_state(num_targets=2)
    with pytest.raises(ValueError, match=r"^state\.a: these beams are for one target, .*got"):
        ClosedFormDualBeamformer(1.0)(state)
    first = state._replace(a=state.a[:, :, :1], sensing_gain=state.sensing_gain[..., :1])
    np.testing.assert_array_equal(
        ClosedFormDualBeamformer(0.0)(state), ClosedFormDualBeamformer(0.0)(first)
    )
