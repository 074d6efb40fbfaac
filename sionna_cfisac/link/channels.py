"""Where the channels of a link come from."""

from typing import NamedTuple, Protocol

from sionna_cfisac.channel import ChannelLayer
from sionna_cfisac.link.frame import Frame
from sionna_cfisac.state import ChannelState, Tensor


class Drop(NamedTuple):
    """Channels of a slot.

    Attributes
    ----------
    state : ChannelState
        Powers, noise and target of B channels; its h is not used
    h : [B, T, K, M, U, Nt], complex
        Channels at the OFDM symbols and subcarriers; T and K are 1 where they do not change
    link_gain : [B, M, U], float
        Mean of |h|² of every link without its small-scale fading
    """

    state: ChannelState
    h: Tensor
    link_gain: Tensor


class LinkChannel(Protocol):
    """What a link draws its channels from."""

    num_aps: int
    num_users: int
    num_tx_ant: int

    def __call__(self, batch_size: int, frame: Frame, seed: int | None = None) -> Drop:
        """Draw the channels of a slot; those of ``seed`` if there is one."""
        ...


class FlatChannel:
    """Block fading without delay spread: one channel of a layer for the whole slot.

    Parameters
    ----------
    layer : ChannelLayer
        A channel layer of the package, or any other

    Input
    -----
    batch_size : int
        Number B of channels
    frame : Frame
        Not used
    seed : None or int
        Draws the channels of this seed

    Output
    ------
    Drop
        With T = K = 1
    """

    def __init__(self, layer: ChannelLayer) -> None:
        if not isinstance(layer, ChannelLayer):
            raise ValueError(f"channel: expected a channel layer, got {type(layer).__name__}")
        self.layer = layer
        self.num_aps: int = layer.num_aps
        self.num_users: int = layer.num_users
        self.num_tx_ant: int = layer.num_tx_ant

    def __call__(self, batch_size: int, frame: Frame, seed: int | None = None) -> Drop:
        """Draw the channels of a slot; see the class."""
        state, link_gain = self.layer.with_link_gain(batch_size, seed=seed)
        return Drop(state, state.h[:, None, None], link_gain)
