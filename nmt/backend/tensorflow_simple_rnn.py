"""The simple RNN under TensorFlow, its gradient written by hand. Axis letters as in `nmt.backend`."""

from typing import Any

import tensorflow as tf

from nmt.backend.tensorflow_scan import array

Tensor = Any


@tf.custom_gradient
def scan(projected: Tensor, recurrent_kernel: Tensor, h0: Tensor) -> Any:
    """-> outputs (T, B, H), h (B, H)."""
    dtype, h0 = projected.dtype, tf.cast(h0, tf.float32)
    hs = _forward(projected, tf.transpose(recurrent_kernel), h0)

    def gradient(d_outputs: Tensor, d_h: Tensor) -> Any:
        d_zs, d_h0 = _backward(recurrent_kernel, dtype, tf.cast(d_outputs, tf.float32), d_h, 1 - hs * hs)
        d_zs, units = tf.cast(d_zs, dtype), recurrent_kernel.shape[0]
        h_before = tf.cast(tf.concat([h0[None], hs[:-1]], axis=0), dtype)
        d_kernel = tf.matmul(tf.reshape(h_before, (-1, units)), tf.reshape(d_zs, (-1, units)), transpose_a=True)
        return d_zs, d_kernel, d_h0

    return (tf.cast(hs, dtype), hs[-1]), gradient


def _forward(projected: Tensor, transposed: Tensor, h0: Tensor) -> Tensor:
    """-> h after each step (T, B, H)."""
    num_steps = tf.shape(projected)[0]

    def step(t: Tensor, h: Tensor, hs: Any) -> Any:
        product = tf.matmul(tf.cast(h, projected.dtype), transposed, transpose_b=True)
        h = tf.tanh(tf.cast(projected[t] + product, tf.float32))
        return t + 1, h, hs.write(t, h)

    loop = (0, h0, array(num_steps))
    _, _, hs = tf.while_loop(lambda t, *_: t < num_steps, step, loop, parallel_iterations=1)
    return hs.stack()


def _backward(
    recurrent_kernel: Tensor, dtype: Any, d_outputs: Tensor, d_last: Tensor, slopes: Tensor
) -> tuple[Tensor, Tensor]:
    """-> the gradients before the activation (T, B, H), and of the state before the first step."""
    num_steps = tf.shape(d_outputs)[0]

    def step(t: Tensor, d_h: Tensor, d_zs: Any) -> Any:
        d_z = (d_h + d_outputs[t]) * slopes[t]
        d_h = tf.cast(tf.matmul(tf.cast(d_z, dtype), recurrent_kernel, transpose_b=True), tf.float32)
        return t - 1, d_h, d_zs.write(t, d_z)

    loop = (num_steps - 1, tf.cast(d_last, tf.float32), array(num_steps))
    _, d_h, d_zs = tf.while_loop(lambda t, *_: t >= 0, step, loop, parallel_iterations=1)
    return d_zs.stack(), d_h
