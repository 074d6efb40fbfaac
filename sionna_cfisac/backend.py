"""What differs between Keras' backends, TensorFlow, PyTorch and JAX; one choice for each.

``keras.ops`` has the rest. It is not enough for complex numbers in double precision: its products
are single with PyTorch, its Cholesky factors are refused with TensorFlow, and JAX has no double
precision unless it is told so.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import keras
from keras import ops

Tensor = Any
P = ParamSpec("P")
R = TypeVar("R")

NAME: str = keras.backend.backend()
"""Name of the backend, ``"tensorflow"``, ``"torch"`` or ``"jax"``."""


@contextmanager
def double_precision() -> Iterator[None]:
    """Numbers in double precision exist; so they always do except with JAX."""
    if NAME != "jax":
        yield
        return
    import jax

    if hasattr(jax, "enable_x64"):
        context = jax.enable_x64(True)
    else:  # before JAX 0.8
        from jax.experimental import enable_x64

        context = enable_x64()
    with context:
        yield


def in_double_precision(function: Callable[P, R]) -> Callable[P, R]:
    """A function within :func:`double_precision`."""

    @wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with double_precision():
            return function(*args, **kwargs)

    return inside


def to_complex(real: Tensor, imag: Tensor) -> Tensor:
    """Join real and imaginary parts into a complex tensor of the first one's precision."""
    if NAME == "tensorflow":
        import tensorflow as tf

        # the gradient of a cast to complex warns, and ops.view_as_complex gives single precision
        return tf.complex(real, tf.cast(imag, real.dtype))
    if NAME == "torch":
        import torch

        return torch.complex(real, imag.to(real.dtype))
    import jax

    return jax.lax.complex(real, imag.astype(real.dtype))


def as_complex(x: Tensor) -> Tensor:
    """Real numbers as complex ones of their precision; unlike a cast it has a clean gradient."""
    return to_complex(x, ops.zeros_like(x))


def squared_abs(x: Tensor) -> Tensor:
    """Squared magnitudes of complex numbers, without the root that is squared again."""
    return ops.square(ops.real(x)) + ops.square(ops.imag(x))


def divide_no_nan(x: Tensor, y: Tensor) -> Tensor:
    """x / y, and 0 where y is 0, in the precision of both."""
    if NAME == "tensorflow":
        import tensorflow as tf

        return tf.math.divide_no_nan(x, y)
    # ops.divide_no_nan is single precision with PyTorch
    zero = y == 0
    return ops.where(zero, ops.zeros_like(y), x / ops.where(zero, ops.ones_like(y), y))


def matmul(x: Tensor, y: Tensor, *, adjoint_x: bool = False, adjoint_y: bool = False) -> Tensor:
    """Product of matrices [..., I, J] and [..., J, K] of one dtype, in its precision.

    Parameters
    ----------
    x, y : [..., I, J] and [..., J, K]
        Real or complex matrices
    adjoint_x, adjoint_y : bool
        Take the conjugate transpose of the matrix
    """
    if NAME == "tensorflow":
        import tensorflow as tf

        return tf.matmul(x, y, adjoint_a=adjoint_x, adjoint_b=adjoint_y)
    x, y = (
        ops.conj(ops.swapaxes(z, -1, -2)) if turned else z
        for z, turned in ((x, adjoint_x), (y, adjoint_y))
    )
    # ops.matmul is single precision for complex numbers with PyTorch
    return x @ y


def positive_inverse(matrix: Tensor) -> Tensor:
    """Inverse of Hermitian positive definite matrices [..., N, N]."""
    if NAME == "tensorflow":
        import tensorflow as tf

        eye = tf.eye(tf.shape(matrix)[-1], batch_shape=tf.shape(matrix)[:-2], dtype=matrix.dtype)
        return tf.linalg.cholesky_solve(tf.linalg.cholesky(matrix), eye)
    if NAME == "torch":
        import torch

        return torch.cholesky_inverse(torch.linalg.cholesky(matrix))
    import jax

    eye = jax.numpy.broadcast_to(jax.numpy.eye(matrix.shape[-1], dtype=matrix.dtype), matrix.shape)
    return jax.scipy.linalg.cho_solve((jax.numpy.linalg.cholesky(matrix), True), eye)


def orthonormal_basis(x: Tensor) -> Tensor:
    """Q of the QR decomposition of matrices [..., I, J], I ≥ J: orthonormal columns that span x."""
    if NAME == "tensorflow":
        import tensorflow as tf

        return tf.linalg.qr(x)[0]
    if NAME == "torch":
        import torch

        return torch.linalg.qr(x)[0]
    import jax

    return jax.numpy.linalg.qr(x)[0]
