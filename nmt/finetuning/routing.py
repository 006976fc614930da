"""Two networks in one bundle: the child's for the new kind of text, the parent's for all other.

What a network learns displaces what it knew. A child that keeps its parent beside it forgets nothing and can learn the
new text as well as that allows, where the two kinds of text can be told apart by their words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmt import bundle, graphs
from nmt.engines.routed import Router
from nmt.errors import ConfigError
from nmt.finetuning.config import FinetuningConfig
from nmt.finetuning.data import FinetuningData
from nmt.finetuning.rehearsal import everyday_sentences
from nmt.finetuning.start import Parent
from nmt.languages import language
from nmt.tokenizer import Tokenizer
from nmt.translating.loading import networks_of

MISTAKEN = 0.01  # of everyday sentences may be taken for the new kind of text, or what least evidence allows
RECOGNISED = 0.8  # of the new text must be, or the two are too much alike
_FEW = 200  # pairs: fewer do not show what kind of text it is
_FIFTHS = 5  # one of either kind sets the threshold, one says how well they can be told apart, the others are counted
_MOST = 2.0  # nats that one piece can say: none of them alone decides
_LEAST = 3.0  # nats that it takes: a few words in any other way than at home are no reason
_PRIOR = 100.0  # pieces, as frequent as in both together, that each kind is taken to have had before
_NEAR = 3.0  # strength of the pull of the weights towards those of naive Bayes
_MANY = 50_000  # sentences of either kind tell enough: of more, every second or third is read
_STEPS, _STEP = 300, 0.1  # of gradient descent, and the length of the first ones in nats


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
    reader = networks_of(parent.folder, parent.config)[0].tokenizers[0]
    found = tell_apart(reader, data.train.sources[: data.num_pairs], everyday_sentences(_base(pair[0])))
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
    if not everyday_sentences(_base(pair[0])):
        return f"there are no {language(pair[0]).name} sentences to tell the new ones from"
    return ""


def tell_apart(tokenizer: Tokenizer, new: Sequence[str], everyday: Sequence[str]) -> Routing:
    """A classifier of the two kinds of sentences that takes few everyday ones for new."""
    sides = [[ids for ids in tokenizer.encode_batch(texts) if ids] for texts in (everyday, new)]
    learned = [[ids for k, ids in enumerate(side) if k % _FIFTHS > 1][:: len(side) // _MANY + 1] for side in sides]
    counts = [_counts(side, tokenizer.vocab_size) for side in learned]
    joint = counts[0] + counts[1] + 1 / tokenizer.vocab_size
    prior = _PRIOR * joint / joint.sum()
    logs = [np.log((count + prior) / (count.sum() + _PRIOR)) for count in counts]
    # Digits, signs and bytes are rare in the everyday sentences of the package, not in everyday sentences.
    says = np.array([_has_letter(piece) for piece in tokenizer.pieces(range(tokenizer.vocab_size))])
    bayes = np.where(says, np.clip(logs[1] - logs[0], -_MOST, _MOST), 0.0)
    scores = np.clip(_discriminating(bayes, learned[0], learned[1], says), -_MOST, _MOST).astype(np.float32)
    router = Router(scores, 0.0)
    setting = [router.score(ids) for ids in sides[0][::_FIFTHS]]
    router = Router(scores, max(_LEAST, float(np.float32(np.quantile(setting, 1 - MISTAKEN)))))
    mistaken, recognised = (
        float(np.mean([router.takes(ids) for ids in side[1::_FIFTHS]] or [False])) for side in sides
    )
    return Routing(router, recognised, mistaken)


def _discriminating(
    bayes: np.ndarray, everyday: Sequence[Sequence[int]], new: Sequence[Sequence[int]], says: np.ndarray
) -> np.ndarray:
    """Weights of a logistic regression that stay near those of naive Bayes.

    Naive Bayes counts twice what two pieces say that come together; regression does not, and makes fewer mistakes
    where there is much text (Ng & Jordan 2001, "On discriminative vs. generative classifiers"). The bias is fitted and
    then left out; the threshold takes its place.

    Args:
        bayes: (V,), the mean of that prior.
        everyday, new: pieces of sentences; both kinds weigh the same.
        says: (V,), which pieces count.
    """
    pieces = [np.array(ids, dtype=np.int64) for ids in (*everyday, *new)]
    rows = np.repeat(np.arange(len(pieces)), [len(ids) for ids in pieces])
    columns = np.concatenate([*pieces, np.empty(0, dtype=np.int64)])
    rows, columns = rows[says[columns]], columns[says[columns]]
    is_new = np.arange(len(pieces)) >= len(everyday)
    share = np.where(is_new, len(pieces) / 2 / max(1, len(new)), len(pieces) / 2 / max(1, len(everyday)))
    weights, mean, square = np.append(bayes, 0.0), np.zeros(len(bayes) + 1), np.zeros(len(bayes) + 1)  # bias last
    for k in range(1, _STEPS + 1):  # Adam, with steps that become shorter to the end
        odds = np.clip(np.bincount(rows, weights[columns], len(pieces)) + weights[-1], -50, 50)
        error = (1 / (1 + np.exp(-odds)) - is_new) * share
        slope = np.bincount(columns, error[rows], len(bayes)) + _NEAR * (weights[:-1] - bayes)
        slope = np.append(slope, error.sum())
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        step = _STEP * min(1.0, 3 * (1 - k / _STEPS)) * (mean / (1 - 0.9**k))
        weights -= step / (np.sqrt(square / (1 - 0.99**k)) + 1e-8)
    return weights[:-1]


def _has_letter(piece: str) -> bool:
    is_special = piece.startswith("<") and piece.endswith(">")  # bytes are such, too
    return not is_special and any(sign.isalpha() for sign in piece)


def _counts(sentences: Sequence[Sequence[int]], vocab_size: int) -> np.ndarray:
    pieces = np.array([piece for ids in sentences for piece in ids], dtype=np.int64)
    return np.bincount(pieces, minlength=vocab_size).astype(np.float64)


def lent_files(parent: Parent, routing: Routing) -> dict[str, bytes]:
    """What the child's bundle takes from its parent, by name: its network with its tokenizers, and the router.

    Of a parent that has two networks it is the one for all other text as well.
    """
    folder, config = parent.folder, parent.config
    kept = networks_of(folder, config)[0]
    files = {
        bundle.KEPT[name]: bundle.check_file(folder, config, file).read_bytes()
        for name, file in kept.files.items()
        if file in config.sha256
    }
    if bundle.KEPT[bundle.DECODER] not in files:
        weights = bundle.read_weights(folder, config, kept.files[bundle.WEIGHTS])
        files |= {bundle.KEPT[name]: made for name, made in graphs.build(kept.model, weights, "float32").items()}
    return {**files, bundle.ROUTER: routing.router.dump()}


def _base(code: str) -> str:
    """A language without its region or script: "en" for "en-GB"."""
    return code.partition("-")[0]
