"""The package without TensorFlow and Sionna: channels, echoes and metrics with JAX alone."""

import json

import numpy as np
import pytest
from without_tensorflow import WITHOUT_TENSORFLOW, run_without_tensorflow

from sionna_cfisac import ChannelState, beamforming, metrics
from sionna_cfisac.beamforming import ClosedFormDualBeamformer

pytest.importorskip("jax")

METRICS = ("sinr", "user_rates", "sum_rate", "illumination", "sensing_snr")

CLASSICAL = {
    "conjugate": ("ConjugateBeamformer",),
    "conjugate_equal": ("ConjugateBeamformer", "equal"),
    "sensing_conjugate": ("SensingConjugateBeamformer",),
    "rzf": ("RZFBeamformer",),
    "rzf_per_user": ("RZFBeamformer", "per_user"),
    "zf": ("RZFBeamformer", "per_ap", 0.0),
    "nullspace": ("NullspaceSensingBeamformer",),
}

SCRIPT = (
    WITHOUT_TENSORFLOW
    + r"""
import json

import jax
import numpy as np

import sionna_cfisac
from sionna_cfisac import ChannelState, arrays, beamforming, metrics
from sionna_cfisac.beamforming import ClosedFormDualBeamformer
from sionna_cfisac.channel import CellFreeChannel, TopologyChannel
from sionna_cfisac.sensing import MultistaticChannel
from sionna_cfisac.state import check_state

for channel in (
    CellFreeChannel(3, 2, 4, 2, seed=1),
    TopologyChannel(3, 2, 4, 2, path_loss="umi", shadowing_std_db=4.0, k_factor_db=3.0, seed=1),
):
    state = check_state(channel(6))
    assert state.h.shape == (6, 3, 2, 4), state.h.shape
    assert np.array_equal(channel(6, seed=2).h, channel(6, seed=2).h)
    x = np.ones((6, 3, 4, 5), np.complex64)
    echoes = MultistaticChannel(num_rx_ant=7)(x, state)
    assert echoes.shape == (6, 3, 7, 5), echoes.shape
    assert np.isfinite(echoes).all()

data = np.load(sys.argv[1])
state = ChannelState(*(data[name] for name in ChannelState._fields))
f = data["f"]
values = {name: getattr(metrics, name)(state, f) for name in sys.argv[3].split(",")}
values["max_sensing_snr"] = metrics.max_sensing_snr(state)
values["utility"] = metrics.utility(state, f, 2.0)
values["ap_power"] = metrics.ap_power(f)
one = state._replace(a=state.a[:, :, :1], sensing_gain=state.sensing_gain[..., :1])
values["closed_form"] = ClosedFormDualBeamformer(1.5, polish=1)(one)
for name, (kind, *options) in json.loads(sys.argv[4]).items():
    method = getattr(beamforming, kind)(*options)
    values[name] = method(state)
    jitted = jax.jit(method)(state)
    assert np.allclose(values[name], jitted, atol=1e-6), name
    assert jitted.dtype == values[name].dtype == "complex64"
np.savez(sys.argv[2], **{name: np.asarray(value) for name, value in values.items()})
assert not {"tensorflow", "sionna"} & {name.split(".")[0] for name in sys.modules}
"""
)


def test_without_tensorflow_and_sionna(tmp_path):
    rng = np.random.default_rng(1)

    def complex_normal(*shape):
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)

    state = ChannelState(
        h=complex_normal(4, 3, 2, 8),
        a=np.exp(1j * rng.normal(size=(4, 3, 2, 8))).astype(np.complex64),
        sensing_gain=rng.exponential(size=(4, 2, 3, 2)).astype(np.float32),
        noise_power=np.full((4, 2), 0.1, np.float32),
        sensing_noise_power=np.full((4, 2), 0.2, np.float32),
        ap_power=np.full((4, 3), 0.5, np.float32),
    )
    f = complex_normal(4, 3, 3, 8)
    np.savez(tmp_path / "in.npz", **state._asdict(), f=f)
    arguments = (
        tmp_path / "in.npz",
        tmp_path / "out.npz",
        ",".join(METRICS),
        json.dumps(CLASSICAL),
    )
    run_without_tensorflow(SCRIPT, *arguments)
    theirs = np.load(tmp_path / "out.npz")
    ours = {name: getattr(metrics, name)(state, f) for name in METRICS}
    ours["max_sensing_snr"] = metrics.max_sensing_snr(state)
    ours["utility"] = metrics.utility(state, f, 2.0)
    ours["ap_power"] = metrics.ap_power(f)
    assert set(theirs.files) == {*ours, *CLASSICAL, "closed_form"}
    for name, value in ours.items():
        np.testing.assert_allclose(theirs[name], np.asarray(value), rtol=2e-5, err_msg=name)
    one = state._replace(a=state.a[:, :, :1], sensing_gain=state.sensing_gain[..., :1])
    closed = ClosedFormDualBeamformer(1.5, polish=1)(one)
    np.testing.assert_allclose(theirs["closed_form"], closed, rtol=2e-5, atol=1e-6)
    for name, (kind, *options) in CLASSICAL.items():
        # double inside on both, so that they differ by what single precision rounds
        beams = getattr(beamforming, kind)(*options)(state)
        np.testing.assert_allclose(theirs[name], beams, atol=2e-7, err_msg=name)
