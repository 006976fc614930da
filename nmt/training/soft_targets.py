"""Soft targets: what a network holds likely at each place of a translation, for it to go on holding it so.

Word-level knowledge distillation (Kim & Rush 2016, "Sequence-level knowledge distillation", section 3.1), with the
network as it is before a training for the teacher, as Li & Hoiem (2016, "Learning without forgetting") keep what it
knew. A few of the likeliest tokens are remembered at each place; what is left over is spread over the whole vocabulary,
as label smoothing does.
"""

from dataclasses import dataclass

import numpy as np

from nmt import backend
from nmt.backend import ops
from nmt.network.model import TranslationModel
from nmt.tokenizer import EOS_ID
from nmt.training.batches import BatchPlan, EncodedCorpus

NUM_KEPT = 8
_BATCH_TOKENS = 2000


@dataclass(frozen=True, eq=False)
class SoftTargets:
    """The likeliest next tokens at each place of some targets, end included, one target behind the other.

    Attributes:
        ids: (M, NUM_KEPT) int32
        probabilities: of these, descending. (M, NUM_KEPT) float32
        first: of each target, the place of its first token. (N,) int64
    """

    ids: np.ndarray
    probabilities: np.ndarray
    first: np.ndarray


def soft_targets(model: TranslationModel, corpus: EncodedCorpus, num_known: int | None = None) -> SoftTargets:
    """What a network, as it is now, holds likely at each place of the targets of a corpus.

    Args:
        num_known: pieces that it has learned; None: all. It can say nothing of those behind them: they get no
            probability, and where the target itself has one, that one is likely, with the label smoothing of the model.
    """

    def likeliest(source: object, target: object) -> tuple[object, object]:
        logits = ops.cast(model({"source": source, "target": target}, training=False), "float32")[..., :num_known]
        return ops.top_k(ops.softmax(logits, axis=-1), NUM_KEPT)  # type: ignore[no-any-return]

    compute = backend.compiled(likeliest, model)
    lengths = corpus.targets.lengths.astype(np.int64) + 1
    first = np.cumsum(lengths) - lengths
    ids = np.zeros((int(lengths.sum()), NUM_KEPT), dtype=np.int32)
    probabilities = np.zeros(ids.shape, dtype=np.float32)
    plan = BatchPlan(corpus, _BATCH_TOKENS, seed=0)
    for numbers, (x, _) in zip(plan.one_pass(0), backend.feed(plan.batches()), strict=False):
        found = [ops.convert_to_numpy(part) for part in compute(x["source"], x["target"])]
        is_real = np.arange(found[0].shape[1]) < lengths[numbers][:, None]
        places = (first[numbers][:, None] + np.arange(is_real.shape[1]))[is_real]
        probabilities[places], ids[places] = (part[: len(numbers)][is_real] for part in found)
    if num_known is not None:
        labels = np.full(len(ids), EOS_ID, dtype=np.int32)
        labels[np.delete(np.arange(len(ids)), first + lengths - 1)] = np.concatenate([*corpus.targets])
        is_new = labels >= num_known
        probabilities[is_new] = 0.0
        ids[is_new, 0], probabilities[is_new, 0] = labels[is_new], 1.0 - model.label_smoothing
    return SoftTargets(ids, probabilities, first)
