"""What is said of errors, whoever raised them."""

import keras
import pytest
import tensorflow as tf

from sionna_cfisac.wording import reason


class Refuses(keras.layers.Layer):
    def call(self, x):
        raise ValueError("h: expected shape [B, M, U, Nt], got (2, 2)")


class Outer(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = Refuses()

    def call(self, x):
        return self.inner(x)


@tf.function
def traced(x):
    # AutoGraph rewrites what has control flow
    if tf.reduce_sum(x) > 0:
        x = tf.reshape(x, (7, 7))
    return x


@tf.function
def says(x, text):
    if tf.reduce_sum(x) > 0:
        raise NotImplementedError if text is None else ValueError(text)


class Odd:
    pass


def unlike():
    raise TypeError(f"got {Odd()}")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: Refuses()(tf.ones([2, 2])), "h: expected shape [B, M, U, Nt], got (2, 2)"),
        (lambda: Outer()(tf.ones([2, 2])), "h: expected shape [B, M, U, Nt], got (2, 2)"),
        (lambda: tf.ones([2, 3]) + tf.ones([4]), "Incompatible shapes: [2,3] vs. [4]"),
        (lambda: traced(tf.ones([3])), "Cannot reshape a tensor with 3 elements to shape [7,7]"),
        (lambda: says(tf.ones(3), "x: expected this\nand: that"), "x: expected this\nand: that"),
        (lambda: says(tf.ones(3), None), "NotImplementedError"),
        (unlike, "got <test_wording.Odd object>"),
        (lambda: int("x"), "invalid literal for int() with base 10: 'x'"),
    ],
)
def test_errors_are_told_without_what_libraries_wrap_around_them(call, expected):
    with pytest.raises(Exception) as error:  # noqa: PT011
        call()
    told = reason(error.value)
    assert told.startswith(expected)
    for noise in ("{{", "[Op", "Exception encountered", "\x1b", "0x", "in user code"):
        assert noise not in told
