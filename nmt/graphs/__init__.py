"""ONNX graphs of a model, made node by node from its named weights.

Two graphs: the encoder, and one step of the decoder with attention, softmax and the choice of the best tokens inside.
They do what `nmt.network` does; a test compares the two. What does not depend on the step is done once: the attention's
query and key kernels are one product, so that scores are h · keys; the memory is projected before it is read instead
of after; and the first decoder layer looks its input up in a table of embedding × kernel. Cells and attentions that are
not the default are in `nmt.graphs.cells` and `nmt.graphs.attention` beside it.

In 8 bits, weights have one scale per output channel and 63 steps to each side: processors without VNNI add pairs of
8-bit products in 16 bits and would saturate with more. Activations are scaled row by row, so what a sentence gives
does not depend on its neighbours: what is within ±1 (outputs of cells, the tanh before the vocabulary) by 1/127,
embeddings by the scale that their row of the table has anyhow, normalised values by 1/16. It needs no calibration data.

Axis letters: B sentences, K beam, N = B·K, S source, D memory width, E embedding width, H units, V vocabulary.
"""

from nmt.bundle import DECODER, ENCODER
from nmt.config import ModelConfig
from nmt.graphs.builder import PRECISIONS, Weights, quantize
from nmt.graphs.decoder import decoder_graph
from nmt.graphs.encoder import encoder_graph

__all__ = ["PRECISIONS", "Weights", "build", "decoder_graph", "encoder_graph", "quantize"]


def build(config: ModelConfig, weights: Weights, precision: str = "int8") -> dict[str, bytes]:
    """Both graphs under the names that they have in a bundle."""
    return {
        ENCODER: encoder_graph(config, weights, precision),
        DECODER: decoder_graph(config, weights, precision),
    }
