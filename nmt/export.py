"""Putting serving graphs into a bundle, and checking that 8 bits cost no quality."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt import bundle, graphs
from nmt.bundle import BundleConfig
from nmt.config import ModelConfig
from nmt.corpora.corpus import Corpus
from nmt.engines.onnx import OnnxEngine
from nmt.engines.routed import RoutedSource, Router
from nmt.errors import BundleError, ConfigError
from nmt.evaluation.metrics import check_lines, metrics
from nmt.evaluation.significance import estimate
from nmt.processors import num_processors
from nmt.translating.loading import Network, joined, networks_of, read_router
from nmt.translator import Translator

TOLERANCE = 0.2  # points of BLEU and of chrF that 8 bits may lose
CHANCE = 0.05  # a loss that chance would bring oftener is none: on 300 sentences two equals differ by 0.3 points


@dataclass(frozen=True)
class PrecisionCost:
    """One metric on the same sentences with both kinds of graphs.

    Attributes:
        metric: its name.
        float32, int8: the scores.
        p_value: how often chance would bring such a difference, see `nmt.evaluation.significance`.
    """

    metric: str
    float32: float
    int8: float
    p_value: float

    @property
    def loss(self) -> float:
        """Points lost by 8 bits; negative where they gained."""
        return self.float32 - self.int8

    def __str__(self) -> str:
        return f"{self.metric} {self.float32:.2f} in float32, {self.int8:.2f} in 8 bits (p = {self.p_value:.2g})"


def export(folder: str | Path, precision: str = "int8", dev: Corpus | None = None, *, force: bool = False) -> str:
    """Build the graphs of a bundle from its training weights and put them into it.

    Args:
        folder: the bundle.
        precision: "int8" or "float32".
        dev: sentences and references on which 8 bits are compared with float32; None skips the comparison.
        force: write 8-bit graphs even where they are `too_costly`.

    Returns:
        What was compared and written, for the reader.

    Raises:
        BundleError: no such bundle, no training weights, or 8 bits lose too much; the bundle is then unchanged.
        ConfigError: a precision that does not exist.
    """
    if precision not in graphs.PRECISIONS:
        raise ConfigError(f'precision must be one of {", ".join(graphs.PRECISIONS)}, not "{precision}"')
    folder = bundle.find(folder)
    config = bundle.read_config(folder)
    networks = networks_of(folder, config)
    all_weights = [bundle.read_weights(folder, config, one.files[bundle.WEIGHTS]) for one in networks]
    said = []
    if precision == "int8" and dev is not None:
        router = read_router(folder, config, networks[0]) if len(networks) > 1 else None
        costs = precision_costs(config, networks, all_weights, dev, router)
        said = [str(cost) for cost in costs]
        if too_costly(costs) and not force:
            raise BundleError(
                f"8 bits lose more than {TOLERANCE} points, and not by chance, on these {len(dev):,} sentences "
                f"({'; '.join(said)}); nothing was written. Use --precision float32, or --force to accept the loss"
            )
    files: dict[str, bytes] = {}
    for network, weights in zip(networks, all_weights, strict=True):
        made = graphs.build(network.model, weights, precision)
        files |= {network.files[name]: content for name, content in made.items()}
    bundle.replace_files(folder, files, _card_of_other_graphs(folder, precision))
    said.append(f"wrote {', '.join(files)} to {folder} ({sum(map(len, files.values())) / 1e6:.1f} MB, {precision})")
    return "\n".join(said)


def _card_of_other_graphs(folder: Path, precision: str) -> str:
    """The bundle's card, saying that the graphs are not those that were scored."""
    card = (folder / bundle.CARD).read_text(encoding="utf-8")
    line = f"- Serving graphs: {precision}, exported after the scores below were measured"
    return re.sub(r"^- Serving graphs: .*$", line, card, flags=re.MULTILINE)


def precision_costs(
    config: BundleConfig,
    networks: Sequence[Network],
    weights: Sequence[Mapping[str, np.ndarray]],
    dev: Corpus,
    router: Router | None = None,
) -> list[PrecisionCost]:
    """Score both kinds of graphs on `dev` with the bundle's own search.

    Args:
        config: of the bundle.
        networks: its network; of two, the one that is kept beside it first.
        weights: of each, by name.
        dev: what is translated, with references.
        router: what chooses between two networks.
    """
    check_lines(dev.sources, dev.targets)
    source, target = networks[-1].tokenizers
    if router is not None:
        source = RoutedSource(networks[0].tokenizers[0], source, router)
    texts = []
    for precision in ("float32", "int8"):
        engines = [engine_of(one.model, own, precision) for one, own in zip(networks, weights, strict=True)]
        translator = Translator(joined(engines, networks), source, target, config, num_workers=num_processors())
        texts.append([translation.text for translation in translator.translate_batch(dev.sources)])
    costs = []
    for metric in metrics(config.target_language):
        before, after = estimate(metric, [metric.count(one, dev.targets) for one in texts])
        p_value = after.difference.p_value if after.difference else 1.0
        costs.append(PrecisionCost(metric.name, before.value, after.value, p_value))
    return costs


def engine_of(config: ModelConfig, weights: Mapping[str, np.ndarray], precision: str) -> OnnxEngine:
    """The engine that serves, on graphs made of the weights."""
    with tempfile.TemporaryDirectory() as temporary:
        for name, content in graphs.build(config, weights, precision).items():
            (Path(temporary) / name).write_bytes(content)
        return OnnxEngine(Path(temporary) / bundle.ENCODER, Path(temporary) / bundle.DECODER)


def too_costly(costs: list[PrecisionCost]) -> bool:
    """Whether 8 bits lose more than they may on any metric, and not by chance."""
    return any(cost.loss > TOLERANCE and cost.p_value < CHANCE for cost in costs)
