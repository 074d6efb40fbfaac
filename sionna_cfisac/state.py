"""The channel state that every beamformer and metric reads, and its validation."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

Tensor = Any
"""A tensor of the active Keras backend."""


class ChannelState(NamedTuple):
    r"""One batch of cell-free ISAC channels.

    ``B`` is the batch, ``M`` the number of (transmitting) access points, ``Mr`` of receiving ones,
    ``U`` of user equipments, ``T`` of targets and ``Nt`` of transmit antennas per AP. UE ``u``
    receives :math:`y_u = \sum_m \mathbf{h}_{mu}^H \sum_s \mathbf{f}_{ms} x_s + n_u`. Sionna writes
    ``y = Hx``: its channel coefficients are the complex conjugate of ``h``.

    Attributes
    ----------
    h : [B, M, U, Nt], complex
        Channel from AP m to UE u
    a : [B, M, T, Nt], complex
        Steering vector from AP m to target t, with squared norm Nt
    sensing_gain : [B, Mr, M, T], float
        Variance ζ² of the combined gain AP m → target t → AP mr
    noise_power : [B, U], float
        Noise power σ² of each UE, in the unit of ``ap_power``
    sensing_noise_power : [B, Mr], float
        Radar receiver noise power ς² per antenna, in the unit of ``ap_power``
    ap_power : [B, M], float
        Transmit power limit of each AP
    """

    h: Tensor
    a: Tensor
    sensing_gain: Tensor
    noise_power: Tensor
    sensing_noise_power: Tensor
    ap_power: Tensor

    @classmethod
    def from_arrays(
        cls,
        h: Tensor,
        a: Tensor | None = None,
        *,
        sensing_gain: Any = 1.0,
        noise_power: Any = 0.1,
        sensing_noise_power: Any = 0.1,
        ap_power: Any = None,
    ) -> "ChannelState":
        """Build a state from your own channels; the other fields broadcast to their shapes.

        Parameters
        ----------
        h : [B, M, U, Nt], complex
            Channels AP → UE
        a : None or [B, M, T, Nt], complex
            Steering vectors AP → target. None stands for no target, for communication alone: one
            at broadside whose sensing gain is 0
        sensing_gain, noise_power, sensing_noise_power : float or array
            Broadcast to ``[B, M, M, T]``, ``[B, U]`` and ``[B, Mr]``
        ap_power : float or array, broadcast to ``[B, M]``
            Power limits; by default 1/M each

        Returns
        -------
        ChannelState
            A validated state

        Raises
        ------
        ValueError
            If a shape does not fit or a value is not finite or negative; where the axes of ``h`` in
            another order would fit ``a``, the message says in which
        """
        h = _as_tensor(h, "h")
        check_rank(h, "h", _LAYOUT["h"])
        if a is None:
            if not isinstance(sensing_gain, float) or sensing_gain != 1.0:
                raise ValueError("sensing_gain: expected no value where a is None, got one")
            sensing_gain = 0.0
            a = ops.ones_like(h[:, :, :1])
        else:
            a = _as_tensor(a, "a")
            check_rank(a, "a", _LAYOUT["a"])
            _check_order(h, a)
        batch, num_aps, num_users, _ = h.shape
        if batch is None:
            batch = ops.shape(h)[0]
        real = real_dtype(h)

        def fill(value: Any, name: str, *sizes: Any) -> Tensor:
            tensor = as_real(value, real)
            if not _broadcasts(tuple(tensor.shape), sizes):
                raise ValueError(
                    f"{name}: expected a shape that broadcasts to {_LAYOUT[name]} = {sizes}, got "
                    f"{tuple(tensor.shape)}"
                )
            return ops.broadcast_to(tensor, sizes)

        gain = as_real(sensing_gain, real)
        if len(gain.shape) != 4:
            gain = fill(sensing_gain, "sensing_gain", batch, num_aps, num_aps, a.shape[2])
        elif None not in gain.shape:
            sizes = (batch, gain.shape[1], num_aps, a.shape[2])
            gain = fill(sensing_gain, "sensing_gain", *sizes)
        num_rx = gain.shape[1]
        power = 1.0 / num_aps if ap_power is None else ap_power
        return check_state(
            cls(
                h=h,
                a=a,
                sensing_gain=gain,
                noise_power=fill(noise_power, "noise_power", batch, num_users),
                sensing_noise_power=fill(sensing_noise_power, "sensing_noise_power", batch, num_rx),
                ap_power=fill(power, "ap_power", batch, num_aps),
            )
        )

    def map(self, function: Callable[[Tensor], Tensor]) -> "ChannelState":
        """The state of ``function`` of every field."""
        return ChannelState(*(function(value) for value in self))

    def cut(self, part: slice) -> "ChannelState":
        """Some of the channels of the batch."""
        return self.map(lambda value: value[part])

    @classmethod
    def concat(cls, states: "Sequence[ChannelState]") -> "ChannelState":
        """Batches one behind the other; a single one is returned as it is."""
        if len(states) == 1:
            return states[0]
        return cls(*(ops.concatenate(fields) for fields in zip(*states, strict=True)))

    def cast(self, dtype: str) -> "ChannelState":
        """The state in the precision of a real dtype, ``"float32"`` or ``"float64"``."""
        cplx = "complex128" if dtype == "float64" else "complex64"
        return self.map(lambda value: ops.cast(value, cplx if is_complex(value) else dtype))

    @property
    def num_aps(self) -> int:
        """Number M of transmitting APs."""
        return int(self.h.shape[1])

    @property
    def num_users(self) -> int:
        """Number U of single-antenna UEs."""
        return int(self.h.shape[2])

    @property
    def num_tx_ant(self) -> int:
        """Number Nt of transmit antennas of each AP."""
        return int(self.h.shape[3])

    @property
    def num_targets(self) -> int:
        """Number T of targets."""
        return int(self.a.shape[2])


_LAYOUT = {
    "h": "[B, M, U, Nt]",
    "a": "[B, M, T, Nt]",
    "sensing_gain": "[B, Mr, M, T]",
    "noise_power": "[B, U]",
    "sensing_noise_power": "[B, Mr]",
    "ap_power": "[B, M]",
}
_COMPLEX_FIELDS = ("h", "a")
_POSITIVE_FIELDS = ("noise_power", "sensing_noise_power")


def real_dtype(x: Tensor) -> str:
    """Name of the real dtype with the precision of ``x``: ``"float32"`` or ``"float64"``."""
    return "float64" if str(x.dtype).rstrip("'>").endswith(("complex128", "float64")) else "float32"


def complex_dtype(x: Tensor) -> str:
    """Name of the complex dtype with the precision of ``x``."""
    return "complex128" if real_dtype(x) == "float64" else "complex64"


def is_complex(x: Tensor) -> bool:
    """Whether ``x`` is a complex tensor, on any backend."""
    return "complex" in str(x.dtype)


def check_state(state: ChannelState, values: bool = True) -> ChannelState:
    """Validate a state and return it as tensors of one precision, that of ``h``.

    Shapes and dtypes are checked always, from what is known statically; values (finite, positive
    noise, non-negative powers and gains, steering vectors of squared norm Nt) wherever they are
    known, that is outside a traced graph, unless ``values`` is false.

    Raises
    ------
    ValueError
        Naming the field, the shape or value expected and what was got
    """
    if not isinstance(state, ChannelState):
        raise ValueError(f"state: expected a ChannelState, got {type(state).__name__}")
    fields = {name: _as_tensor(value, name) for name, value in state._asdict().items()}
    for name, value in fields.items():
        check_rank(value, name, _LAYOUT[name])
        if is_complex(value) != (name in _COMPLEX_FIELDS):
            kind = "complex" if name in _COMPLEX_FIELDS else "real"
            raise ValueError(f"{name}: expected a {kind} tensor, got dtype {value.dtype}")
    _check_sizes(fields)
    for name, value in fields.items() if values else ():
        _check_values(value, name)
    return ChannelState(**fields).cast(real_dtype(fields["h"]))


def check_beams(f: Tensor, state: ChannelState) -> Tensor:
    """Validate beams ``f`` [B, M, S, Nt] against a state and return them as a tensor.

    Raises
    ------
    ValueError
        If ``f`` is not complex, has another shape, or fewer streams than there are UEs
    """
    f = ops.convert_to_tensor(f)
    _, num_aps, num_users, num_tx_ant = state.h.shape
    expected = f"[B, {num_aps}, S, {num_tx_ant}] with S >= {num_users}"
    good = len(f.shape) == 4 and (f.shape[1], f.shape[3]) == (num_aps, num_tx_ant)
    if not good or (f.shape[2] is not None and f.shape[2] < num_users):
        raise ValueError(f"f: expected shape {expected}, got {tuple(f.shape)}")
    if None not in (f.shape[0], state.h.shape[0]) and f.shape[0] != state.h.shape[0]:
        raise ValueError(f"f: expected a batch of {state.h.shape[0]}, got {tuple(f.shape)}")
    if not is_complex(f):
        raise ValueError(f"f: expected a complex tensor, got dtype {f.dtype}")
    return ops.cast(f, complex_dtype(state.h))


def _as_tensor(value: Any, name: str) -> Tensor:
    try:
        tensor = ops.convert_to_tensor(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers of shape {_LAYOUT[name]}, {error}") from error
    if "float" not in str(tensor.dtype) and not is_complex(tensor):
        raise ValueError(f"{name}: expected floating-point numbers, got dtype {tensor.dtype}")
    return tensor


def as_real(value: Any, dtype: str) -> Tensor:
    """A number or tensor in the real ``dtype``; a Python number does not pass through float32."""
    if hasattr(value, "dtype"):
        return ops.cast(ops.convert_to_tensor(value), dtype)
    return ops.convert_to_tensor(value, dtype=dtype)


def check_rank(value: Tensor, name: str, layout: str) -> None:
    """Raise a ``ValueError`` unless a tensor has as many axes as a layout lists."""
    if len(value.shape) != layout.count(",") + 1:
        raise ValueError(f"{name}: expected shape {layout}, got {tuple(value.shape)}")


def _broadcasts(shape: tuple[int | None, ...], sizes: tuple[Any, ...]) -> bool:
    """Whether a shape broadcasts to sizes, as far as both are known."""
    if len(shape) > len(sizes):
        return False
    return all(
        one is None or one == 1 or not isinstance(size, int) or one == size
        for one, size in zip(reversed(shape), reversed(sizes), strict=False)
    )


def _check_order(h: Tensor, a: Tensor) -> None:
    """Refuse channels that only fit the steering vectors with their axes in another order."""

    def fits(shape: list[Any]) -> bool:
        return all(
            None in (shape[axis], a.shape[axis]) or shape[axis] == a.shape[axis]
            for axis in (0, 1, 3)
        )

    if fits(list(h.shape)):
        return
    orders = [
        order for order in itertools.permutations(range(4)) if fits([h.shape[i] for i in order])
    ]
    hint = f"; with its axes in the order {orders[0]} it would fit" if orders else ""
    batch, num_aps, _, num_tx_ant = a.shape
    raise ValueError(
        f"h: expected shape [B, M, U, Nt] = [{batch}, {num_aps}, U, {num_tx_ant}], as a of shape "
        f"{tuple(a.shape)} says, got {tuple(h.shape)}{hint}"
    )


def _check_sizes(fields: dict[str, Tensor]) -> None:
    """Compare every axis with the first field that has it, in the order of the layout."""
    sizes: dict[str, int] = {}
    for name, value in fields.items():
        axes = _LAYOUT[name].strip("[]").split(", ")
        known = [sizes.get(axis, axis) for axis in axes]
        for axis, size in zip(axes, value.shape, strict=True):
            if size is None:
                continue
            if size == 0 or sizes.setdefault(axis, size) != size:
                expected = ", ".join(str(k) for k in known)
                reason = f" ({axis} must be at least 1)" if size == 0 else ""
                raise ValueError(
                    f"{name}: expected shape [{expected}]{reason}, got {tuple(value.shape)}"
                )


def concrete(value: Tensor) -> np.ndarray | None:
    """The values of a tensor as an array, or None where a graph is being traced."""
    try:
        return np.asarray(ops.convert_to_numpy(value))
    except (NotImplementedError, TypeError, ValueError):
        # TensorFlow's, JAX's and Keras' own symbolic tensors say so in these three ways
        return None


def _check_values(value: Tensor, name: str) -> None:
    array = concrete(value)
    if array is None:
        return
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name}: expected finite values, got {array[index]} at index {index}")
    if name == "a":
        norm = (np.abs(array) ** 2).sum(-1)
        if not np.allclose(norm, array.shape[-1], rtol=1e-3):
            worst = norm.flat[np.abs(norm - array.shape[-1]).argmax()]
            raise ValueError(f"a: expected squared norm Nt={array.shape[-1]}, got {worst:g}")
    if name in _COMPLEX_FIELDS:
        return
    bad = array <= 0 if name in _POSITIVE_FIELDS else array < 0
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        limit = "positive" if name in _POSITIVE_FIELDS else "non-negative"
        raise ValueError(f"{name}: expected {limit} values, got {array[index]} at index {index}")
