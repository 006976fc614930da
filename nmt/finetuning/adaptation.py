"""What keeps a model that is trained further near what it knew: frozen parts, low-rank updates, a pull to the start.

Each is applied to a model before its optimizer is made; `blended` weights are made when the training is over.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nmt.backend import keras, ops
from nmt.errors import ConfigError
from nmt.network.model import TranslationModel

Tensor = Any


class NearStart(keras.regularizers.Regularizer):
    """strength × the squared distance from where a weight started.

    A Gaussian prior around the parent's weights (MAP-L2; Miceli Barone et al. 2017, "Regularization techniques for
    fine-tuning in neural machine translation", section 2).

    Args:
        start: the values, of the shape of the weight.
        strength: nats per token for a distance of 1.
    """

    def __init__(self, start: np.ndarray, strength: float):
        self._start, self._strength = ops.convert_to_tensor(start), strength

    def __call__(self, x: Tensor) -> Tensor:
        return self._strength * ops.sum(ops.square(x - ops.cast(self._start, x.dtype)))


def adapt(
    model: TranslationModel,
    start: Mapping[str, np.ndarray],
    *,
    freeze: Sequence[str] = (),
    low_rank: int = 0,
    near: float = 0.0,
) -> None:
    """Give a model its first weights and what limits how far it gets from them.

    Args:
        model: built, without an optimizer.
        start: all its weights by name.
        freeze: names of parts that do not learn, as `layers_by_part` has them.
        low_rank: the rank of the updates of kernels; 0: the kernels themselves learn. Embeddings, biases and norms
            learn in either case.
        near: the strength of the pull to the start; see `NearStart`.

    Raises:
        ConfigError: nothing is left that learns.
    """
    model.set_named_weights(start)
    parts = layers_by_part(model)
    for name in freeze:
        for layer in parts[name]:
            layer.trainable = False
    if low_rank:
        for layer in (layer for name, layers in parts.items() if name not in freeze for layer in layers):
            for one in layer._flatten_layers():
                if hasattr(one, "enable_lora"):  # norms and embeddings have none
                    one.enable_lora(low_rank)
    if not model.trainable_variables:
        raise ConfigError(f"with {', '.join(freeze)} frozen nothing is left to learn; freeze less")
    if near:
        for variable in model.trainable_variables:
            variable.regularizer = NearStart(ops.convert_to_numpy(ops.convert_to_tensor(variable)), near)


def blended(start: Mapping[str, np.ndarray], learned: Mapping[str, np.ndarray], share: float) -> dict[str, np.ndarray]:
    """Weights on the straight line from those before a training to those after it.

    Of two networks of which one was trained on from the other, those between do nearly what the trained one does on the
    new text and nearly what the first one did on the old (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
    models", section 3).

    Args:
        start: before, by name.
        learned: after, of the same names.
        share: of the learned ones; 0 gives `start`, 1 `learned`.
    """
    return {name: (1 - share) * start[name] + share * values for name, values in learned.items()}


def layers_by_part(model: TranslationModel) -> dict[str, list[keras.layers.Layer]]:
    """Every layer that has weights, by the name that a user knows its part by."""
    parts = {
        "source_embedding": [model.source_embedding],
        "encoder": [*model.encoder_rnns, *model.encoder_norms],
        "attention": [model.initial_state, model.attention, model.context_projection],
        "decoder": [*model.decoder_rnns, *model.decoder_norms],
        "output": [model.output_projection, *([model.lexical] if model.config.lexical else [])],
        "target_embedding": [model.target_embedding],
    }
    return {name: [layer for layer in layers if layer.weights] for name, layers in parts.items()}
