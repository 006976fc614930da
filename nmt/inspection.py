"""What goes on inside a model while it translates one sentence: states, gates, attention, candidates.

Computed from a bundle's training weights, so that every number can be looked at. Serving runs the same network rounded
to 8 bits, so probabilities differ a little from a translation's.

Axis letters: S source tokens, T target tokens, N either, H units.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt.bundle import (
    CONFIG,
    WEIGHTS,
    BundleConfig,
    BundleInfo,
    find,
    read_config,
    read_weights,
)
from nmt.config import ModelConfig
from nmt.errors import BundleError, ConfigError, MissingExtraError
from nmt.network.forward import Layer, forward, shapes, softmax
from nmt.search.beam import max_lengths
from nmt.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNKNOWN_ID
from nmt.translating.loading import Network, networks_of, read_router
from nmt.translation import Translation

NUM_CANDIDATES = 8
NUM_OPEN = 2  # models that stay in memory


@dataclass(frozen=True, eq=False)
class Inspection:
    """The network on one sentence and one translation of it.

    Attributes:
        network: its kind and sizes.
        source_language, target_language: their codes.
        source_tokens: what the network has read, `</s>` last.
        target_tokens: what it was made to write, `</s>` last.
        attention: (T, S), where it read while writing each token; rows sum to 1. With several heads, their mean;
            without attention, the same everywhere.
        layers: of the encoder, then of the decoder, from the first one up.
        probabilities: of each target token after those before it, 0 to 1.
        candidates: for each target token the most probable ones at that place with their probabilities, best first.
    """

    network: ModelConfig
    source_language: str
    target_language: str
    source_tokens: tuple[str, ...]
    target_tokens: tuple[str, ...]
    attention: np.ndarray
    layers: tuple[Layer, ...]
    probabilities: tuple[float, ...]
    candidates: tuple[tuple[tuple[str, float], ...], ...]

    def layer(self, name: str) -> Layer:
        """The layer of that name.

        Raises:
            ConfigError: there is none; the message lists them.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ConfigError(f'no layer "{name}": there are {", ".join(layer.name for layer in self.layers)}')

    def tokens(self, layer: str) -> tuple[str, ...]:
        """What stands at the rows of a layer: the source tokens or the target tokens."""
        return self.source_tokens if self.layer(layer).side == "source" else self.target_tokens

    def most_active(self, layer: str, n: int) -> tuple[int, ...]:
        """The n units (all where the layer has fewer) whose hidden state varies most over the sentence, first most.

        What counts is the standard deviation over the tokens.
        """
        activity = self.layer(layer).hidden.std(axis=0)
        return tuple(np.argsort(-activity, kind="stable")[:n].tolist())

    def distances(self, other: "Inspection", layer: str) -> np.ndarray:
        """How far a layer's hidden states are from those on another sentence: 1 - cosine, from 0 to 2.

        Entry (n, m) compares this sentence's token n with the other's token m, so the diagonal follows two sentences
        word by word. Both must come from the same model. -> (N, N of the other)
        """
        one, two = (inspection.layer(layer).hidden for inspection in (self, other))
        if one.shape[1] != two.shape[1]:
            raise ConfigError(f"{layer} has {one.shape[1]} units in one model and {two.shape[1]} in the other")
        lengths = [np.maximum(np.linalg.norm(rows, axis=1), 1e-12) for rows in (one, two)]
        return np.clip(1 - (one @ two.T) / np.outer(*lengths), 0, 2)


def inspect_pair(bundle: str | Path | BundleInfo, sentence: str, translation: str) -> Inspection:
    """Run the network on one sentence and one translation of it, as `nmt.inspect` says.

    Both texts are taken whole, in the one spelling that the tokenizers give them.
    """
    networks = _networks(bundle)
    if not sentence.strip():
        raise ConfigError("there is nothing to inspect: the sentence is empty")
    network = networks.of(sentence)
    return network.inspect(network.source.encode(sentence), network.target.encode(translation))


def inspect_found(bundle: str | Path | BundleInfo, found: Translation, text: str | None = None) -> Inspection:
    """`inspect_pair` for what a translator has found for one sentence, in the very tokens that it read and wrote.

    Args:
        bundle: see `nmt.inspect`.
        found: the translation.
        text: one of the alternatives, the best where None. One that is not among them is spelled by the tokenizer.
    """
    if len(found.sentences) == 1:
        sentence = found.sentences[0]
        for alternative in sentence.alternatives:
            if text in (None, alternative.text):
                network = _networks(bundle).of_tokens(sentence.source_tokens[:-1])
                source = [network.source_ids[token] for token in sentence.source_tokens[:-1]]
                return network.inspect(source, [network.target_ids[token] for token in alternative.tokens])
    if text is None and not found.sentences:
        raise ConfigError("there is nothing to inspect: the text has nothing to translate")
    if text is None:
        raise ConfigError(f"inspect one sentence at a time: this text is translated as {len(found.sentences)}")
    return inspect_pair(bundle, found.source, text)


class _Networks:
    """The networks of a bundle, ready to inspect sentences."""

    def __init__(self, folder: Path):
        config = read_config(folder)
        found = networks_of(folder, config)
        self._all = [_Network(folder, config, one) for one in found]
        self._router = read_router(folder, config, found[0]) if len(found) > 1 else None

    def of(self, sentence: str) -> "_Network":
        """The one that translates a sentence."""
        is_taken = self._router is None or self._router.takes(self._all[0].source.encode(sentence))
        return self._all[-1 if is_taken else 0]

    def of_tokens(self, tokens: Sequence[str]) -> "_Network":
        """The one that has read these tokens."""
        for network in self._all:
            if all(token in network.source_ids for token in tokens):
                sentence = network.source.decode([network.source_ids[token] for token in tokens])
                if self.of(sentence) is network:
                    return network
        return self._all[-1]


class _Network:
    """A network with its tokenizers."""

    def __init__(self, folder: Path, config: BundleConfig, network: Network):
        self._config, self._model = config, network.model
        self.source, self.target = network.tokenizers
        self._target_pieces = self.target.pieces(range(self.target.vocab_size))
        self.source_ids = {piece: k for k, piece in enumerate(self.source.pieces(range(self.source.vocab_size)))}
        self.target_ids = {piece: k for k, piece in enumerate(self._target_pieces)}
        self._weights = _weights(folder, config, network)

    def inspect(self, source: Sequence[int], target: Sequence[int]) -> Inspection:
        """Ids without BOS and EOS."""
        source, labels = [*source, EOS_ID], [*target, EOS_ID]
        longest = self._config.max_source_tokens
        for what, ids, limit in (
            ("sentence", source, longest),
            ("translation", labels, int(max_lengths([longest], self._config.search)[0])),
        ):
            if len(ids) > limit:
                raise ConfigError(
                    f"the {what} has {len(ids):,} tokens, at most {limit:,} can be inspected: take a part"
                )
        layers, attention, logits = forward(self._model, self._weights, source, [BOS_ID, *target])
        logits[:, [PAD_ID, UNKNOWN_ID, BOS_ID]] = -1e9  # as in the engines: never written, their share goes to others
        shares = softmax(logits)
        return Inspection(
            network=self._model,
            source_language=self._config.source_language,
            target_language=self._config.target_language,
            source_tokens=tuple(self.source.pieces(source)),
            target_tokens=tuple(self._target_pieces[k] for k in labels),
            attention=attention,
            layers=layers,
            probabilities=tuple(shares[np.arange(len(labels)), labels].tolist()),
            candidates=tuple(self._best(row) for row in shares),
        )

    def _best(self, shares: np.ndarray) -> tuple[tuple[str, float], ...]:
        count = min(NUM_CANDIDATES, len(shares))
        places = np.argpartition(-shares, count - 1)[:count]
        places = places[np.argsort(-shares[places], kind="stable")]
        return tuple((self._target_pieces[k], float(shares[k])) for k in places)


def _weights(folder: Path, config: BundleConfig, network: Network) -> dict[str, np.ndarray]:
    file = network.files[WEIGHTS]
    try:
        weights = read_weights(folder, config, file)
    except MissingExtraError:
        raise MissingExtraError("Looking inside the network", "ui") from None
    for name, shape in shapes(network.model):
        found = weights[name].shape if name in weights else "missing"
        if found != shape:
            raise BundleError(f"{folder / file}: {name} is {found}, {CONFIG} describes {shape}")
    return weights


def folder_of(bundle: str | Path | BundleInfo) -> Path:
    """Where the bundle lies."""
    if isinstance(bundle, BundleInfo):
        if bundle.folder == Path():
            raise BundleError(
                f'the model "{bundle.name}" is in no folder yet, and inspecting reads its weights from one'
            )
        return find(bundle.folder).resolve()
    return find(bundle).resolve()


def _networks(bundle: str | Path | BundleInfo) -> _Networks:
    folder = folder_of(bundle)
    return _open(folder, stamp_of(folder))


def stamp_of(folder: Path) -> int:
    """Another number when the bundle has been written again."""
    return (folder / CONFIG).stat().st_mtime_ns


@functools.lru_cache(maxsize=NUM_OPEN)
def _open(folder: Path, stamp: int) -> _Networks:
    return _Networks(folder)
