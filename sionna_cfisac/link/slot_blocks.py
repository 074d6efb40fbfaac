"""Slots of a simulation in blocks, each drawn with a seed of its own, and batches made of them.

Slot i follows from the seed and i alone, whatever the batch size: a generator such as Sionna's has
no numbers for one slot that do not depend on how many are drawn with it, so it is the size of a
draw that is fixed.
"""

import tensorflow as tf

from sionna_cfisac.link.draw import LinkDraw
from sionna_cfisac.link.ofdm_link import CellFreeOFDMLink
from sionna_cfisac.link.rules import SLOT_BLOCK
from sionna_cfisac.seeds import words
from sionna_cfisac.state import ChannelState


def block_seed(seed: int, block: int) -> int:
    """Seed of a block of slots."""
    return words(seed, "link_block", block)[0]


def draw_batch(link: CellFreeOFDMLink, slots: int, batch: int, seed: int) -> LinkDraw:
    """Draw the batch-th ``slots`` slots of a seed.

    Parameters
    ----------
    link : CellFreeOFDMLink
        What draws
    slots : int
        Slots in a batch, whole blocks
    batch : int
        Index of the batch
    seed : int
        Seed of the simulation

    Returns
    -------
    LinkDraw
        Slots ``batch * slots`` and after
    """
    number = slots // SLOT_BLOCK
    return _join(
        [
            link.draw(SLOT_BLOCK, seed=block_seed(seed, block))
            for block in range(batch * number, (batch + 1) * number)
        ]
    )


def _join(draws: list[LinkDraw]) -> LinkDraw:
    """Draws one behind the other."""
    if len(draws) == 1:
        return draws[0]
    states, *others = zip(*draws, strict=True)
    return LinkDraw(ChannelState.concat(states), *(tf.concat(field, axis=0) for field in others))
