"""Two networks in one bundle: the child's for the new kind of text, the parent's for all other.

What a network learns displaces what it knew. A child that keeps its parent beside it forgets nothing and can learn the
new text as well as that allows, where the two kinds of text can be told apart by their words.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import safetensors.numpy

from nmt import bundle, graphs
from nmt.engines.routed import Router
from nmt.errors import ConfigError
from nmt.finetuning.config import FinetuningConfig
from nmt.finetuning.data import FinetuningData
from nmt.finetuning.rehearsal import everyday_sentences
from nmt.finetuning.start import Parent
from nmt.finetuning.transfer import transfer
from nmt.finetuning.vocabulary import Vocabulary
from nmt.languages import language
from nmt.tokenizer import Tokenizer

MISTAKEN = 0.01  # of everyday sentences may be taken for the new kind of text, or what least evidence allows
RECOGNISED = 0.8  # of the new text must be, or the two are too much alike
_FEW = 200  # pairs: fewer do not show what kind of text it is
_FIFTHS = 5  # one of either kind sets the threshold, one says how well they can be told apart, the others are counted
_MOST = 2.0  # nats that one piece can say: none of them alone decides
_LEAST = 4.0  # nats that it takes: a few words in any other way than at home are no reason
_BIAS, _NEVER = "target_embedding/bias", -20.0  # nats: of a piece that the parent's network does not write
_PRIOR = 100.0  # pieces, as frequent as in both together, that each kind is taken to have had before


@dataclass(frozen=True, eq=False)
class Routing:
    """What tells the new kind of text from everyday sentences.

    Attributes:
        router: does it.
        recognised: share of held-out new sentences that it takes.
        mistaken: share of held-out everyday sentences that it takes as well.
    """

    router: Router
    recognised: float
    mistaken: float

    def __str__(self) -> str:
        return (
            f"{self.recognised:.0%} of new sentences that it had not seen are recognised, "
            f"{self.mistaken:.1%} of everyday ones taken for such"
        )


def find_routing(
    options: FinetuningConfig, parent: Parent, pair: tuple[str, str], data: FinetuningData
) -> Routing | None:
    """How sentences of the new text are told from others; None where the parent is not to be kept beside the child.

    Raises:
        ConfigError: it is asked for and cannot be.
    """
    if options.route == "no" or (options.route == "auto" and options.is_held):
        return None
    reason = _why_not(options, parent, pair)
    if reason and options.route == "yes":
        raise ConfigError(f"route keeps the parent beside the new model; {reason}")
    if reason or (options.route == "auto" and data.num_pairs < _FEW):
        return None
    found = tell_apart(parent.tokenizers[0], data.train.sources[: data.num_pairs], everyday_sentences(_base(pair[0])))
    return found if options.route == "yes" or found.recognised >= RECOGNISED else None


def check_parent(parent: Parent, routing: Routing | None) -> None:
    """Refuse a parent of two networks whose child would have one.

    Raises:
        ConfigError: that is so.
    """
    if parent.config.is_routed and routing is None:
        raise ConfigError(
            f"{parent.config.name} has two networks, and a child with one would lose what the other can do; start from "
            "the model that it was made from"
        )


def about_kinds(parent: Parent, routing: Routing | None) -> list[str]:
    """A warning where a child of two networks takes the place of one for another kind of text."""
    if routing is None or not parent.config.is_routed:
        return []
    return [
        f"{parent.config.name} has learned a kind of text before: what is of that kind and not like the new text will "
        "go to its everyday network"
    ]


def kept_network(parent: Parent) -> str:
    """The network that stays beside a child, for a reader."""
    return f"the everyday network of {parent.config.name}" if parent.config.is_routed else parent.config.name


def _why_not(options: FinetuningConfig, parent: Parent, pair: tuple[str, str]) -> str:
    """What stands against it; nothing where the text alone decides."""
    if not parent.translates(pair):
        return f"this one will translate {'-'.join(pair)}, its parent {'-'.join(parent.pair)}"
    if options.source_vocabulary not in ("auto", "keep") or options.target_vocabulary == "new":
        return "that takes the parent's own vocabularies; only that of the target can be extended"
    if not everyday_sentences(_base(pair[0])):
        return f"there are no {language(pair[0]).name} sentences to tell the new ones from"
    return ""


def tell_apart(tokenizer: Tokenizer, new: Sequence[str], everyday: Sequence[str]) -> Routing:
    """A classifier of the two kinds of sentences that takes few everyday ones for new."""
    sides = [[ids for ids in tokenizer.encode_batch(texts) if ids] for texts in (everyday, new)]
    counts = [_counts([ids for k, ids in enumerate(side) if k % _FIFTHS > 1], tokenizer.vocab_size) for side in sides]
    joint = counts[0] + counts[1] + 1 / tokenizer.vocab_size
    prior = _PRIOR * joint / joint.sum()
    logs = [np.log((count + prior) / (count.sum() + _PRIOR)) for count in counts]
    scores = np.clip(logs[1] - logs[0], -_MOST, _MOST).astype(np.float32)
    # Digits, signs and bytes are rare in the everyday sentences of the package, not in everyday sentences.
    scores[[not _has_letter(piece) for piece in tokenizer.pieces(range(tokenizer.vocab_size))]] = 0.0
    router = Router(scores, 0.0)
    setting = [router.score(ids) for ids in sides[0][::_FIFTHS]]
    router = Router(scores, max(_LEAST, float(np.float32(np.quantile(setting, 1 - MISTAKEN)))))
    mistaken, recognised = (
        float(np.mean([router.takes(ids) for ids in side[1::_FIFTHS]] or [False])) for side in sides
    )
    return Routing(router, recognised, mistaken)


def _has_letter(piece: str) -> bool:
    is_special = piece.startswith("<") and piece.endswith(">")  # bytes are such, too
    return not is_special and any(sign.isalpha() for sign in piece)


def _counts(sentences: Sequence[Sequence[int]], vocab_size: int) -> np.ndarray:
    pieces = np.array([piece for ids in sentences for piece in ids], dtype=np.int64)
    return np.bincount(pieces, minlength=vocab_size).astype(np.float64)


def lent_files(parent: Parent, target: Tokenizer, routing: Routing) -> dict[str, bytes]:
    """What the child's bundle takes from its parent, by name: the network for all other text, its
    tokenizer of the target where the child has more pieces, and the router.

    Of a parent that has two networks it is the one for all other text as well.

    Args:
        parent: of the child.
        target: the child's tokenizer: the parent's, or that with more pieces at its end, which the parent never writes.
        routing: what chooses between the two.
    """
    folder, config = parent.folder, parent.config
    own = (bundle.ENCODER, bundle.DECODER, bundle.WEIGHTS)
    lent = (bundle.PARENT_ENCODER, bundle.PARENT_DECODER, bundle.PARENT_WEIGHTS)
    had = dict(zip(lent, lent if config.is_routed else own, strict=True))
    files = {
        name: bundle.check_file(folder, config, file).read_bytes()
        for name, file in had.items()
        if file in config.sha256
    }
    is_extended = target.vocab_size > parent.tokenizers[1].vocab_size
    if is_extended or bundle.PARENT_DECODER not in files:
        weights = bundle.read_weights(folder, config, had[bundle.PARENT_WEIGHTS])
        weights = _extended(weights, parent, target) if is_extended else weights
        sizes = dataclasses.replace(config.model, target_vocab_size=target.vocab_size)
        made = graphs.build(sizes, weights, "int8" if _is_int8(files.get(bundle.PARENT_DECODER)) else "float32")
        half = {name: np.ascontiguousarray(values, dtype=np.float16) for name, values in weights.items()}
        files = {
            bundle.PARENT_ENCODER: files.get(bundle.PARENT_ENCODER, made[bundle.ENCODER]),
            bundle.PARENT_DECODER: made[bundle.DECODER],
            bundle.PARENT_WEIGHTS: safetensors.numpy.save(half),
        }
    if bundle.PARENT_TARGET_TOKENIZER in config.sha256:
        spelled = bundle.check_file(folder, config, bundle.PARENT_TARGET_TOKENIZER).read_bytes()
        files[bundle.PARENT_TARGET_TOKENIZER] = spelled
    elif is_extended:
        files[bundle.PARENT_TARGET_TOKENIZER] = parent.tokenizers[1].model
    return {**files, bundle.ROUTER: routing.router.dump()}


def _is_int8(graph: bytes | None) -> bool:
    """Whether a graph has weights in 8 bits; None: there is no graph."""
    if graph is None:
        return False
    kinds = {tensor.data_type for tensor in onnx.load_from_string(graph).graph.initializer}
    return onnx.TensorProto.INT8 in kinds


def _extended(weights: Mapping[str, np.ndarray], parent: Parent, target: Tokenizer) -> dict[str, np.ndarray]:
    """The weights of a network that knows further pieces and does not write them."""
    source = Vocabulary.of(parent.tokenizers[0])
    vocabularies = Vocabulary.of(parent.tokenizers[1]), Vocabulary.of(target)
    made = transfer(weights, (source, vocabularies[0]), (source, vocabularies[1]), seed=1).weights
    made[_BIAS][len(vocabularies[0]) :] = _NEVER
    return made


def _base(code: str) -> str:
    """A language without its region or script: "en" for "en-GB"."""
    return code.partition("-")[0]
