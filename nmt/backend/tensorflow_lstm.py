"""The LSTM under TensorFlow, its gradient written by hand. Axis letters as in `nmt.backend`."""

from typing import Any

import tensorflow as tf

from nmt.backend.tensorflow_scan import array

Tensor = Any


@tf.custom_gradient
def scan(projected: Tensor, recurrent_kernel: Tensor, h0: Tensor, c0: Tensor) -> Any:
    """-> outputs (T, B, H), h (B, H), c (B, H).

    Autodiff through a while loop would add to the (H, 4H) kernel gradient at every step and keep every intermediate;
    written by hand, the loops hold only what depends on the step before, and the kernel gradient is one product over
    all steps.
    """
    dtype = projected.dtype
    h0, c0 = tf.cast(h0, tf.float32), tf.cast(c0, tf.float32)
    # A product with few rows and a power of two of columns is nearly twice as fast by the transposed kernel.
    transposed = tf.transpose(recurrent_kernel)
    hs, cs, gates = _forward(projected, transposed, h0, c0)

    def gradient(d_outputs: Tensor, d_h: Tensor, d_c: Tensor) -> Any:
        i, f, g, o = tf.split(gates, 4, axis=-1)
        tanh_c = tf.tanh(cs)
        c_before = tf.concat([c0[None], cs[:-1]], axis=0)
        h_before = tf.concat([h0[None], hs[:-1]], axis=0)
        # d z / d c for the first three gates, d z / d h for the output gate.
        slopes = tf.concat([g * i * (1 - i), c_before * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)], axis=-1)
        through_output = o * (1 - tanh_c * tanh_c)
        d_zs, d_h0, d_c0 = _backward(
            recurrent_kernel, dtype, tf.cast(d_outputs, tf.float32), (d_h, d_c), slopes, through_output, f
        )
        d_zs = tf.cast(d_zs, dtype)
        units = recurrent_kernel.shape[0]
        d_kernel = tf.matmul(
            tf.reshape(tf.cast(h_before, dtype), (-1, units)), tf.reshape(d_zs, (-1, 4 * units)), transpose_a=True
        )
        return d_zs, d_kernel, d_h0, d_c0

    return (tf.cast(hs, dtype), hs[-1], cs[-1]), gradient


def _forward(projected: Tensor, transposed: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """-> h and c after each step (T, B, H), and the gates there (T, B, 4H)."""
    num_steps = tf.shape(projected)[0]

    def step(t: Tensor, h: Tensor, c: Tensor, hs: Any, cs: Any, gates: Any) -> Any:
        product = tf.matmul(tf.cast(h, projected.dtype), transposed, transpose_b=True)
        i, f, g, o = tf.split(tf.cast(projected[t] + product, tf.float32), 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        c = f * c + i * g
        h = o * tf.tanh(c)
        return t + 1, h, c, hs.write(t, h), cs.write(t, c), gates.write(t, tf.concat([i, f, g, o], axis=-1))

    arrays = array(num_steps), array(num_steps), array(num_steps)
    _, _, _, hs, cs, gates = tf.while_loop(
        lambda t, *_: t < num_steps, step, (0, h0, c0, *arrays), parallel_iterations=1
    )
    return hs.stack(), cs.stack(), gates.stack()


def _backward(
    recurrent_kernel: Tensor,
    dtype: Any,
    d_outputs: Tensor,
    d_last: tuple[Tensor, Tensor],
    slopes: Tensor,
    through_output: Tensor,
    forget: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """-> the gradients of the gates before their activation (T, B, 4H), and of the state before the first step."""
    num_steps = tf.shape(d_outputs)[0]

    def step(t: Tensor, d_h: Tensor, d_c: Tensor, d_zs: Any) -> Any:
        d_h = d_h + d_outputs[t]
        d_c = d_c + d_h * through_output[t]
        d_z = tf.concat([d_c, d_c, d_c, d_h], axis=-1) * slopes[t]
        d_h = tf.cast(tf.matmul(tf.cast(d_z, dtype), recurrent_kernel, transpose_b=True), tf.float32)
        return t - 1, d_h, d_c * forget[t], d_zs.write(t, d_z)

    d_h, d_c = (tf.cast(part, tf.float32) for part in d_last)
    _, d_h, d_c, d_zs = tf.while_loop(
        lambda t, *_: t >= 0, step, (num_steps - 1, d_h, d_c, array(num_steps)), parallel_iterations=1
    )
    return d_zs.stack(), d_h, d_c
