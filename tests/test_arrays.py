import cmath
import math

import numpy as np
import pytest
from keras import ops

from sionna_cfisac.arrays import resize_steering, steering_vector
from sionna_cfisac.backend import to_complex


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steering_vector_is_the_definition(dtype):
    theta = np.array([[-1.2, 0.0, 0.4], [math.pi / 2, 1.5, -0.1]], dtype)
    a = np.asarray(steering_vector(theta, 6))
    for index, angle in np.ndenumerate(theta):
        for n in range(6):
            expected = cmath.exp(1j * math.pi * n * math.sin(float(angle)))
            assert abs(a[(*index, n)] - expected) < (2e-6 if dtype == "float32" else 1e-14)
    assert a.dtype == ("complex64" if dtype == "float32" else "complex128")


def test_steering_vector_points_where_path_lengths_say():
    # plane wave on elements half a wavelength apart, element n closer by n sin(theta) / 2
    wavelength, theta = 0.1, 0.7
    elements = np.stack([np.zeros(5), np.arange(5) * wavelength / 2])
    direction = np.array([math.cos(theta), math.sin(theta)])
    phase = 2 * np.pi / wavelength * direction @ elements
    np.testing.assert_allclose(np.asarray(steering_vector(theta, 5)), np.exp(1j * phase), atol=2e-6)


@pytest.mark.parametrize("num_ant", [0, -1, 2.0, "4", None])
def test_steering_vector_refuses(num_ant):
    with pytest.raises(ValueError, match="num_ant: expected a positive integer"):
        steering_vector(0.1, num_ant)


@pytest.mark.parametrize(("given", "wanted"), [(2, 7), (8, 3), (4, 4), (5, 1)])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        ("complex64", 5e-6),
        ("complex128", 1e-12),
    ],
)
def test_resized_steering_vector_has_the_same_direction(given, wanted, dtype, tolerance):
    theta = np.linspace(-1.5, 1.5, 9)
    a = np.exp(1j * np.pi * np.sin(theta)[:, None] * np.arange(given)).astype(dtype)
    expected = np.exp(1j * np.pi * np.sin(theta)[:, None] * np.arange(wanted))
    resized = np.asarray(resize_steering(a, wanted))
    assert resized.dtype == dtype
    np.testing.assert_allclose(resized, expected, atol=tolerance)


def test_resize_steering_refuses_what_has_no_direction():
    with pytest.raises(ValueError, match="at least two antennas"):
        resize_steering(np.ones((2, 1), complex), 4)
    with pytest.raises(ValueError, match="a: expected a complex tensor"):
        resize_steering(np.ones((2, 4)), 4)


def test_to_complex_keeps_precision():
    z = to_complex(ops.convert_to_tensor(np.array([1.0 + 1e-12])), ops.convert_to_tensor([2.0]))
    assert np.asarray(z)[0] == 1.0 + 1e-12 + 2.0j
