"""Echoes of point targets at all APs: the sensing channel of the paper."""

from typing import Any

import keras
from keras import ops

from sionna_cfisac.arrays import resize_steering
from sionna_cfisac.backend import to_complex
from sionna_cfisac.channel import draws
from sionna_cfisac.channel.base import check_seed, positive_int
from sionna_cfisac.seeds import words
from sionna_cfisac.state import ChannelState, Tensor, check_state, is_complex


@keras.saving.register_keras_serializable(package="sionna_cfisac")
class MultistaticChannel(keras.layers.Layer):
    r"""Multistatic channel of point targets, Swerling I or 0, equations (5) and (6) of the paper.

    .. math::
        \mathbf{y}_{m_r}[\ell] = \sum_t \sum_m \alpha_{m_r m t}\, \mathbf{a}(\theta_{m_r t})
        \mathbf{a}^H(\theta_{mt})\, \mathbf{x}_m[\ell] + \mathbf{n}_{m_r}[\ell], \quad
        \alpha_{m_r m t} \sim \mathcal{CN}(0, \zeta^2_{m_r m t}), \quad
        \mathbf{n}_{m_r}[\ell] \sim \mathcal{CN}(0, \varsigma^2_{m_r} \mathbf{I})

    The gains α are one draw for each block of L symbols, independent between targets and AP pairs;
    with Swerling 0 their magnitude is :math:`\zeta` and only the phases are random. The paper has
    one target, Swerling I. Received energy of the echoes over that of the noise, on average over α
    and symbols of unit energy, is the sum over the targets of
    :func:`sionna_cfisac.metrics.sensing_snr`.

    Parameters
    ----------
    num_rx_ant : None or int
        Number Nr of receive antennas of each AP; None stands for that of ``a_rx`` where it is
        given, else for Nt
    add_noise : bool
        Whether to add the receivers' noise
    swerling : 0 or 1
        1: gains are Gaussian; 0: they have the power ζ² always, and random phases
    seed : None or int
        Seed of the layer's own generator, which moves on with every call
    dtype : None, "float32" or "float64"
        Precision of the computation and the output; by default Keras' ``floatx``

    Input
    -----
    x : [B, M, Nt, L], complex
        Transmit signal of every AP antenna, equation (1)
    state : ChannelState
        Channels; ``a``, ``sensing_gain`` and ``sensing_noise_power`` are used
    a_rx : None or [B, Mr, T, Nr], complex
        Steering vectors of the receivers. None takes those of the transmitters, that is Mr = M and
        the same arrays, with ``num_rx_ant`` antennas
    seed : None or int
        Draws exactly the gains and noise of this seed and leaves the layer's generator alone

    Output
    ------
    y : [B, Mr, Nr, L], complex
        Received signal

    Raises
    ------
    ValueError
        If a shape or dtype does not fit, naming the argument, what was expected and what was got

    Examples
    --------
    >>> state = CellFreeChannel(num_aps=5, num_tx_ant=8)(64)
    >>> x = keras.ops.ones((64, 5, 8, 14), "complex64")
    >>> tuple(MultistaticChannel(num_rx_ant=16)(x, state).shape)
    (64, 5, 16, 14)
    """

    def __init__(
        self,
        num_rx_ant: int | None = None,
        add_noise: bool = True,
        *,
        swerling: int = 1,
        seed: int | None = None,
        dtype: str | None = None,
        name: str | None = None,
    ) -> None:
        # the inputs are cast in call: Keras' own casting leaves complex tensors as they are
        super().__init__(dtype=dtype, name=name, autocast=False)
        self.num_rx_ant = None if num_rx_ant is None else positive_int(num_rx_ant, "num_rx_ant")
        if not isinstance(add_noise, bool):
            raise ValueError(f"add_noise: expected True or False, got {add_noise!r}")
        if self.compute_dtype not in ("float32", "float64"):
            raise ValueError(f"dtype: expected float32 or float64, got {self.compute_dtype}")
        self.add_noise = add_noise
        self.swerling = check_swerling(swerling)
        self.seed = None if seed is None else check_seed(seed)
        word = None if seed is None else words(seed, "echoes")[0]
        self._generator = keras.random.SeedGenerator(word)

    def __call__(
        self, x: Tensor, state: ChannelState, a_rx: Tensor | None = None, seed: int | None = None
    ) -> Tensor:
        """Echoes of the transmit signal; see the class."""
        # Keras allows only tensors as positional arguments of a layer
        return super().__call__(x, state, a_rx=a_rx, seed=seed)

    def call(
        self, x: Tensor, state: ChannelState, a_rx: Tensor | None = None, seed: int | None = None
    ) -> Tensor:
        """Echoes of the transmit signal; see the class."""
        if type(state) is list and len(state) == len(ChannelState._fields):
            # what Keras makes of a NamedTuple when it loads a functional model
            state = ChannelState(*state)
        state = check_state(state)
        x = ops.convert_to_tensor(x)
        _check_signal(x, state)
        gain_seed, noise_seed = (
            (self._generator, self._generator)
            if seed is None
            # apart from a channel layer's: reflections must not follow the fading of the UEs
            else words(check_seed(seed), "echoes", number=2)
        )
        dtype = self.compute_dtype
        cplx = "complex128" if dtype == "float64" else "complex64"
        state = state._replace(a=ops.cast(state.a, cplx))
        a_rx = ops.cast(self._receivers(state, a_rx), cplx)
        batch, num_rx, num_aps, num_targets = ops.shape(state.sensing_gain)
        # [B, M, T, L]
        incident = _matmul(ops.conj(state.a), ops.cast(x, cplx))
        # [B, Mr, M, T]
        alpha = draws.complex_normal((batch, num_rx, num_aps, num_targets), gain_seed, dtype)
        if self.swerling == 0:
            alpha = _scale(alpha, 1.0 / ops.sqrt(_power(alpha)))
        alpha = _scale(alpha, ops.sqrt(ops.cast(state.sensing_gain, dtype)))
        # [B, T, Mr, M] x [B, T, M, L] -> [B, T, Mr, L] -> [B, Mr, T, L]
        scattered = _matmul(
            ops.transpose(alpha, (0, 3, 1, 2)), ops.transpose(incident, (0, 2, 1, 3))
        )
        scattered = ops.transpose(scattered, (0, 2, 1, 3))
        # [B, Mr, Nr, T] x [B, Mr, T, L] -> [B, Mr, Nr, L]
        y = _matmul(ops.transpose(a_rx, (0, 1, 3, 2)), scattered)
        if not self.add_noise:
            return y
        noise = draws.complex_normal(ops.shape(y), noise_seed, dtype)
        power = ops.cast(state.sensing_noise_power, dtype)[:, :, None, None]
        return y + _scale(noise, ops.sqrt(power))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for Keras' serialisation."""
        return {
            "num_rx_ant": self.num_rx_ant,
            "add_noise": self.add_noise,
            "swerling": self.swerling,
            "seed": self.seed,
            "dtype": self.compute_dtype,
            "name": self.name,
        }

    def _receivers(self, state: ChannelState, a_rx: Tensor | None) -> Tensor:
        """Steering vectors [B, Mr, T, Nr] of the receivers."""
        num_rx, num_aps, num_targets = state.sensing_gain.shape[1:]
        if a_rx is None:
            if num_rx != num_aps:
                raise ValueError(
                    f"a_rx: expected steering vectors of shape [B, {num_rx}, {num_targets}, Nr], "
                    f"since sensing_gain has {num_rx} receivers for {num_aps} APs, got None"
                )
            return resize_steering(state.a, self.num_rx_ant or state.num_tx_ant)
        a_rx = ops.convert_to_tensor(a_rx)
        num_rx_ant = "Nr" if self.num_rx_ant is None else self.num_rx_ant
        good = len(a_rx.shape) == 4 and tuple(a_rx.shape[1:3]) == (num_rx, num_targets)
        if not good or self.num_rx_ant not in (None, a_rx.shape[3]):
            raise ValueError(
                f"a_rx: expected shape [B, {num_rx}, {num_targets}, {num_rx_ant}], "
                f"got {tuple(a_rx.shape)}"
            )
        _check_batch(a_rx, state, "a_rx")
        if not is_complex(a_rx):
            raise ValueError(f"a_rx: expected a complex tensor, got dtype {a_rx.dtype}")
        return a_rx


def check_swerling(value: Any) -> int:
    """Return ``value`` if it is 0 or 1, else raise a ``ValueError``."""
    if isinstance(value, bool) or value not in (0, 1):
        raise ValueError(f"swerling: expected 0 or 1, got {value!r}")
    return int(value)


def _check_signal(x: Tensor, state: ChannelState) -> None:
    expected = (state.num_aps, state.num_tx_ant)
    if len(x.shape) != 4 or tuple(x.shape[1:3]) != expected:
        raise ValueError(
            f"x: expected shape [B, {expected[0]}, {expected[1]}, L], got {tuple(x.shape)}"
        )
    _check_batch(x, state, "x")
    if not is_complex(x):
        raise ValueError(f"x: expected a complex tensor, got dtype {x.dtype}")


def _check_batch(value: Tensor, state: ChannelState, name: str) -> None:
    batch = state.h.shape[0]
    if None not in (value.shape[0], batch) and value.shape[0] != batch:
        raise ValueError(f"{name}: expected a batch of {batch}, got {tuple(value.shape)}")


def _matmul(x: Tensor, y: Tensor) -> Tensor:
    # Keras' own product of complex128 tensors is complex64 on TensorFlow
    xr, xi, yr, yi = ops.real(x), ops.imag(x), ops.real(y), ops.imag(y)
    return to_complex(
        ops.matmul(xr, yr) - ops.matmul(xi, yi), ops.matmul(xr, yi) + ops.matmul(xi, yr)
    )


def _power(x: Tensor) -> Tensor:
    # never zero, which a draw in single precision can be
    return ops.maximum(ops.square(ops.real(x)) + ops.square(ops.imag(x)), 1e-30)


def _scale(x: Tensor, factor: Tensor) -> Tensor:
    return to_complex(ops.real(x) * factor, ops.imag(x) * factor)
