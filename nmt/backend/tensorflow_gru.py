"""The GRU under TensorFlow, its gradient written by hand. Axis letters as in `nmt.backend`."""

from typing import Any

import tensorflow as tf

from nmt.backend.tensorflow_scan import array

Tensor = Any


@tf.custom_gradient
def scan(projected: Tensor, recurrent_kernel: Tensor, recurrent_bias: Tensor, h0: Tensor) -> Any:
    """-> outputs (T, B, H), h (B, H).

    As for the LSTM, the loops hold only what depends on the step before, and the gradients of kernel and bias are made
    over all steps at once.
    """
    dtype, h0 = projected.dtype, tf.cast(h0, tf.float32)
    hs, gates = _forward(projected, tf.transpose(recurrent_kernel), recurrent_bias, h0)

    def gradient(d_outputs: Tensor, d_h: Tensor) -> Any:
        z, r, g, h_g = tf.split(gates, 4, axis=-1)
        h_before = tf.concat([h0[None], hs[:-1]], axis=0)
        # d h / d of what goes into each gate; into the candidate by way of the reset gate.
        slope_g = (1 - z) * (1 - g * g)
        slope_z, slope_r = (h_before - g) * z * (1 - z), slope_g * h_g * r * (1 - r)
        slopes = tf.concat([slope_z, slope_r, slope_g * r], axis=-1)
        d_hs, d_h0 = _backward(recurrent_kernel, dtype, tf.cast(d_outputs, tf.float32), d_h, slopes, z)
        d_projected = tf.concat([d_hs * slope_z, d_hs * slope_r, d_hs * slope_g], axis=-1)
        d_from_state = tf.tile(d_hs, (1, 1, 3)) * slopes
        units = recurrent_kernel.shape[0]
        d_kernel = tf.matmul(
            tf.reshape(tf.cast(h_before, dtype), (-1, units)),
            tf.reshape(tf.cast(d_from_state, dtype), (-1, 3 * units)),
            transpose_a=True,
        )
        d_bias = tf.cast(tf.reduce_sum(d_from_state, axis=(0, 1)), recurrent_bias.dtype)
        return tf.cast(d_projected, dtype), d_kernel, d_bias, d_h0

    return (tf.cast(hs, dtype), hs[-1]), gradient


def _forward(projected: Tensor, transposed: Tensor, bias: Tensor, h0: Tensor) -> tuple[Tensor, Tensor]:
    """-> h after each step (T, B, H); there update gate, reset gate, candidate and its recurrent part (T, B, 4H)."""
    num_steps, units = tf.shape(projected)[0], transposed.shape[1]

    def step(t: Tensor, h: Tensor, hs: Any, gates: Any) -> Any:
        from_state = tf.cast(tf.matmul(tf.cast(h, projected.dtype), transposed, transpose_b=True) + bias, tf.float32)
        h_zr, h_g = tf.split(from_state, (2 * units, units), axis=-1)
        x_zr, x_g = tf.split(tf.cast(projected[t], tf.float32), (2 * units, units), axis=-1)
        z, r = tf.split(tf.sigmoid(x_zr + h_zr), 2, axis=-1)
        g = tf.tanh(x_g + r * h_g)
        h = g + z * (h - g)
        return t + 1, h, hs.write(t, h), gates.write(t, tf.concat([z, r, g, h_g], axis=-1))

    arrays = array(num_steps), array(num_steps)
    _, _, hs, gates = tf.while_loop(lambda t, *_: t < num_steps, step, (0, h0, *arrays), parallel_iterations=1)
    return hs.stack(), gates.stack()


def _backward(
    recurrent_kernel: Tensor, dtype: Any, d_outputs: Tensor, d_last: Tensor, slopes: Tensor, update: Tensor
) -> tuple[Tensor, Tensor]:
    """-> the gradients of h after each step (T, B, H), and before the first."""
    num_steps = tf.shape(d_outputs)[0]

    def step(t: Tensor, d_h: Tensor, d_hs: Any) -> Any:
        d_h = d_h + d_outputs[t]
        d_from_state = tf.tile(d_h, (1, 3)) * slopes[t]
        product = tf.matmul(tf.cast(d_from_state, dtype), recurrent_kernel, transpose_b=True)
        return t - 1, d_h * update[t] + tf.cast(product, tf.float32), d_hs.write(t, d_h)

    d_last = tf.cast(d_last, tf.float32)
    _, d_h, d_hs = tf.while_loop(
        lambda t, *_: t >= 0, step, (num_steps - 1, d_last, array(num_steps)), parallel_iterations=1
    )
    return d_hs.stack(), d_h
