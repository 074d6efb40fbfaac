"""Graphs that leave every size open, so that one trace serves every network."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from sionna_cfisac.beamforming.theory.normalised import ReducedProblem


def open_spec(rank: int, dtype: tf.DType = tf.float64) -> tf.TensorSpec:
    """Signature of a tensor of this rank and any size."""
    return tf.TensorSpec([None] * rank, dtype)


PROBLEM = ReducedProblem(
    h=open_spec(4, tf.complex128),
    a=open_spec(3, tf.complex128),
    gain=open_spec(2),
    weight=open_spec(1),
    user_gram=open_spec(4, tf.complex128),
    target_gram=open_spec(4, tf.complex128),
)
BEAMS = open_spec(4, tf.complex128)
CHANNELS = open_spec(1, tf.bool)


def open_graph(*signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a function of tensors of this signature a graph, traced when it is first called.

    Its loops are those of TensorFlow: AutoGraph would have nothing to convert, takes as long as the
    trace, and leaves files behind where the process is killed. In a larger graph it stays a call:
    TensorFlow takes seconds to optimise each copy of a loop.
    """
    return tf.function(
        input_signature=signature,
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
