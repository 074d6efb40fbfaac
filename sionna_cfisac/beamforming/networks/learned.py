"""What all learned beamformers share: weights in a file, and a card that says what they are."""

import hashlib
import inspect
import json
import math
import os
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

import h5py
import keras
import numpy as np
from keras import ops

from sionna_cfisac.beamforming.rules import architecture_conflicts
from sionna_cfisac.beamforming.trained_on import (
    QUANTITIES,
    TrainedOn,
    departures,
    mean_gain,
    total_snr,
)
from sionna_cfisac.beamforming.weights import (
    CARD_FORMAT,
    CARD_VERSION,
    PRETRAINED,
    check_weights,
    pretrained_names,
    weights_files,
)
from sionna_cfisac.state import ChannelState, Tensor, check_state, concrete

L = TypeVar("L", bound="LearnedBeamformer")

_IN_ITS_PLACE = ("DualGNNBeamformer", "JointBeamformer", "WMMSEBeamformer")
# channels of a batch whose scale is looked at
_LOOKED_AT = 32


class LearnedBeamformer(keras.layers.Layer):
    """Base of the beamformers with trainable weights.

    A subclass creates its weights in the constructor, implements ``call(state)`` and
    ``architecture()``, the constructor arguments that the weights depend on. One whose constructor
    has other arguments as well may override :meth:`load` and :meth:`from_pretrained` to name them.
    """

    conditioned = False
    """Whether ``call`` takes a ``sensing_weight`` that the beams depend on."""
    scale_free = False
    """Whether nothing but the ratio of the channels' power and the noise matters."""

    def __init__(
        self,
        dtype: str | None = None,
        name: str | None = None,
        *,
        trainable: bool = True,
        autocast: bool = True,
    ) -> None:
        super().__init__(dtype=dtype, name=name, trainable=trainable, autocast=autocast)
        if self.compute_dtype not in ("float32", "float64"):
            raise ValueError(f"dtype: expected float32 or float64, got {self.compute_dtype}")
        self._trained_on = TrainedOn("the network")
        self._warned: frozenset[str] = frozenset()

    def architecture(self) -> dict[str, Any]:
        """Constructor arguments that fix the shapes and the meaning of the weights."""
        raise NotImplementedError

    def _config(self) -> dict[str, Any]:
        """Constructor arguments that both shipped networks have, and whether it is trainable."""
        return {
            **self.architecture(),
            "dtype": self.compute_dtype,
            "name": self.name,
            "trainable": self.trainable,
        }

    def beams(self, state: ChannelState, sensing_weight: float | Tensor) -> Tensor:
        """Beams for a sensing weight, of which only a conditioned network is told.

        Parameters
        ----------
        state : ChannelState
            Channels
        sensing_weight : float or [B], float
            Weight β

        Returns
        -------
        f : [B, M, S, Nt], complex
            Beams
        """
        if self.conditioned:
            return self(state, sensing_weight=sensing_weight)
        return self(state)

    def mute(self, quantities: Collection[str] = tuple(QUANTITIES)) -> None:
        """Do not warn of these where they lie outside of the training; by default of none of them.

        Parameters
        ----------
        quantities : collection of str
            Of :data:`~sionna_cfisac.beamforming.trained_on.QUANTITIES`
        """
        self._warned = self._warned | frozenset(quantities)

    def _warn_outside(self, state: ChannelState, sensing_weight: Tensor | None = None) -> None:
        """Warn, once of each quantity, of what is known to lie outside of the training.

        To be called by what the user calls, whose line the warning names. In a traced graph only
        sizes are known.
        """
        known = self._trained_on
        if self._warned.issuperset(known.intervals):
            return
        seen: dict[str, Sequence[float]] = {
            "num_aps": [state.num_aps],
            "num_users": [state.num_users],
            "num_tx_ant": [state.num_tx_ant],
            **_values_seen(state, sensing_weight),
        }
        for departure in departures(known, seen):
            if departure.quantity not in self._warned:
                warnings.warn(
                    f"{departure.argument}: {departure.message(_IN_ITS_PLACE)}", stacklevel=3
                )
                self.mute([departure.quantity])

    def candidates(self, state: ChannelState, sensing_weight: float | Tensor) -> list[Tensor]:
        """All the beams whose utility training is to raise; by default those of :meth:`beams`."""
        return [self.beams(state, sensing_weight)]

    def save(
        self, path: str | os.PathLike, card: dict[str, Any] | None = None, *, half: bool = False
    ) -> Path:
        """Write the weights, and beside them a JSON card with the architecture.

        Parameters
        ----------
        path : path
            ``NAME.weights.h5``; the suffix may be left out. The card is ``NAME.json``
        card : dict, optional
            What else the card should say, for instance how the network was trained
        half : bool
            Store the weights in half precision

        Returns
        -------
        Path
            The file with the weights

        Raises
        ------
        ValueError
            If a weight is not finite, or too large for half precision
        TypeError
            If JSON cannot store the card
        """
        file, card_file = weights_files(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(file.name + ".partial")
        partial_card = card_file.with_name(card_file.name + ".partial")
        try:
            self._write(partial, half)
            text = self._card(card or {}, partial)
            partial_card.write_text(text, encoding="utf-8")
            os.replace(partial, file)
            os.replace(partial_card, card_file)
        finally:
            partial.unlink(missing_ok=True)
            partial_card.unlink(missing_ok=True)
        return file

    def _write(self, file: Path, half: bool) -> None:
        with h5py.File(file, "w") as store:
            for name, weight in self._named_weights().items():
                value = np.asarray(ops.convert_to_numpy(weight))
                with np.errstate(over="ignore"):
                    stored = value.astype(np.float16) if half else value
                if not np.isfinite(stored).all():
                    largest = np.abs(value).max()
                    raise ValueError(
                        f"{name}: expected finite weights of {stored.dtype}, got {largest:g}"
                    )
                store[name] = stored

    def _card(self, card: dict[str, Any], file: Path) -> str:
        # "format" and what load() relies on come last, so that a card cannot change them
        text = {
            **card,
            "format": CARD_FORMAT,
            "format_version": CARD_VERSION,
            "type": type(self).__name__,
            "architecture": self.architecture(),
            "num_parameters": sum(math.prod(weight.shape) for weight in self.weights),
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        return json.dumps(text, indent=2) + "\n"

    @classmethod
    def load(cls: type[L], path: str | os.PathLike, **options: Any) -> L:
        """A beamformer with the weights of a file that :meth:`save` wrote.

        Parameters
        ----------
        path : path
            ``NAME.weights.h5``; the suffix may be left out
        **options
            Constructor arguments that are not part of the architecture, e.g. ``dtype``

        Raises
        ------
        FileNotFoundError
            If the weights or their card are not there
        ValueError
            If either is damaged, of another type, or does not fit an option
        """
        file, card_file = weights_files(path)
        card = check_weights(file, cls.__name__)
        known = card["architecture"]
        fixed = sorted(set(options) & set(known))
        if fixed:
            name = fixed[0]
            raise ValueError(
                f"{name}: expected none, since the weights fix it to {known[name]!r}, "
                f"got {options[name]!r}"
            )
        unknown = sorted(set(known) - set(inspect.signature(cls.__init__).parameters))
        if unknown:
            raise ValueError(f"{card_file}: {cls.__name__} has no argument {', '.join(unknown)}")
        layer = cls(**known, **options)
        layer._assign(file)
        layer._trained_on = TrainedOn.of_card(card)
        return layer

    @classmethod
    def from_pretrained(cls: type[L], name: str, **options: Any) -> L:
        """A beamformer with weights that come with the package.

        Parameters
        ----------
        name : str
            Name of the weights; :func:`pretrained_names` lists them
        **options
            As in :meth:`load`

        Raises
        ------
        ValueError
            If there are no weights of this name, or an option does not fit them
        """
        names = pretrained_names(cls.__name__)
        if name not in names:
            raise ValueError(f"name: expected one of {names}, got {name!r}")
        return cls.load(PRETRAINED / name, **options)

    @classmethod
    def from_config(cls: type[L], config: dict[str, Any]) -> L:
        """A beamformer with new weights, from what ``get_config`` returned; for Keras."""
        arguments = dict(config)
        trainable = arguments.pop("trainable", True)
        layer = cls(**arguments)
        layer.trainable = trainable
        return layer

    def start_from(self: L, other: L) -> None:
        """Take over the weights of another network of the same kind, before training.

        Weights that only this one has stay as they are.

        Raises
        ------
        ValueError
            If the other has weights that this one lacks, or another architecture
        """
        mine, theirs = self._named_weights(), other._named_weights()
        different = list(architecture_conflicts(other.architecture(), self.architecture()))
        if different or set(theirs) - set(mine):
            raise ValueError(
                f"other: expected the architecture {self.architecture()}, "
                f"got {other.architecture()}"
            )
        for name, weight in theirs.items():
            mine[name].assign(weight)

    def _named_weights(self) -> dict[str, Any]:
        """Weights by a name that does not depend on the names of the layers around."""
        named: dict[str, Any] = {}
        for weight in self.weights:
            # layer and weight; what stands before depends on where the network was created
            name = "/".join(weight.path.split("/")[-2:])
            if name in named:
                raise RuntimeError(f"two weights of {self.name} are named {name}")
            named[name] = weight
        return named

    def _assign(self, file: Path) -> None:
        named = self._named_weights()
        with h5py.File(file, "r") as store:
            stored: dict[str, np.ndarray] = {}
            store.visititems(
                lambda name, item: (
                    stored.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
                )
            )
        for name in sorted({*named, *stored}):
            shape = tuple(named[name].shape) if name in named else None
            found = stored[name].shape if name in stored else None
            if shape != found:
                raise ValueError(
                    f"{file}: its weights do not fit the architecture of the card: "
                    f"{name}: expected shape {shape}, got {found}"
                )
        for name, weight in named.items():
            weight.assign(stored[name].astype(weight.dtype))


def check_network_input(state: ChannelState, values: bool = True) -> ChannelState:
    """Validated channels, all of whose sizes but the batch are known.

    Raises
    ------
    ValueError
        As :func:`~sionna_cfisac.state.check_state`, or if a size is not known
    """
    if type(state) is list and len(state) == len(ChannelState._fields):
        # what Keras makes of a NamedTuple when it loads a functional model
        state = ChannelState(*state)
    state = check_state(state, values)
    if None in (*state.h.shape[1:], state.a.shape[2]):
        raise ValueError(
            "state: expected all sizes but the batch to be known, got h of shape "
            f"{tuple(state.h.shape)} and a of shape {tuple(state.a.shape)}"
        )
    return state


def _values_seen(state: ChannelState, sensing_weight: Tensor | None) -> dict[str, Sequence[float]]:
    """What the values of a call say, where they are known."""
    seen: dict[str, Sequence[float]] = {}
    weight = None if sensing_weight is None else concrete(sensing_weight)
    if weight is not None:
        seen["sensing_weight"] = np.ravel(weight).tolist()
    noise = concrete(state.noise_power)
    if noise is not None:
        seen["noise_power"] = np.ravel(noise).tolist()
    h, power = concrete(state.h[:_LOOKED_AT]), concrete(state.ap_power[:_LOOKED_AT])
    if h is None:
        return seen
    # of a typical channel: single ones are now and then far from it
    gain = mean_gain(h)
    seen["channel_gain"] = [float(np.median(gain))]
    if noise is not None and power is not None:
        snr = total_snr(gain, power, noise[:_LOOKED_AT])
        seen["snr"] = [float(np.median(snr))]
    return seen


def symbolic(*inputs: Any) -> bool:
    """Whether some of the inputs of a layer only stand for values, in a functional model."""
    return any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(inputs))
