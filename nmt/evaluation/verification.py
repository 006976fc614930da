"""Whether a bundle is what it says: its files, its graphs, its card, and the scores stated there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nmt import bundle
from nmt.bundle import BundleConfig
from nmt.corpora.corpus import Corpus
from nmt.errors import BundleError, MissingExtraError
from nmt.evaluation.metrics import corpus_scores
from nmt.evaluation.scoring import Scorer
from nmt.translator import Translator

TOLERANCE = 0.01  # points: scores are stated with two digits behind the point
GRAPH_TOLERANCE = 0.1  # nats per token; 8 bits cost less than 0.01 in a trained network, another one differs by nats
_NUM_COMPARED = 20  # sentences for the comparison of graphs and weights


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: of the thing, such as "files".
        holds: whether it is as it should be; None where it could not be looked at.
        said: what was found.
    """

    name: str
    holds: bool | None
    said: str


def verify(folder: str | Path, test: Corpus | None = None, tolerance: float = TOLERANCE) -> Iterator[Check]:
    """Look at one thing after the other; what needs undamaged files is left out where there are damaged ones.

    Args:
        folder: the bundle, or the name of an installed model.
        test: the test part of its corpus; without it neither scores nor graphs can be checked.
        tolerance: points that a score may differ from the one stated.

    Raises:
        BundleError: no such bundle, or its `config.json` cannot be read.
    """
    folder = bundle.find(folder)
    config = bundle.read_config(folder)
    files = _files(folder, config)
    yield files
    yield _card(folder, config)
    if not files.holds:
        yield Check("graphs", None, "not compared: files are damaged")
        yield Check("scores", None, "not computed: files are damaged")
    elif test is None or not len(test):
        yield Check("graphs", None, "not compared with the weights: that needs test sentences")
        yield Check("scores", None, "not computed: that needs the test part of the corpus")
    else:
        yield _graphs(folder, config, test)
        yield from _scores(folder, config, test, tolerance)


def _files(folder: Path, config: BundleConfig) -> Check:
    """Nothing missing and nothing altered; what else lies there is said, though nothing reads it."""
    faults = []
    for name in config.sha256:
        try:
            bundle.check_file(folder, config, name)
        except BundleError as error:
            faults.append(str(error))
    graphs = {bundle.ENCODER, bundle.DECODER}
    needed = {bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER}
    needed |= graphs if graphs & config.sha256.keys() else {bundle.WEIGHTS}
    needed |= {*bundle.KEPT.values()} if config.is_routed else set()
    faults += [f"{bundle.CONFIG} does not list {name}" for name in sorted(needed - config.sha256.keys())]
    known = {*config.sha256, bundle.CONFIG, bundle.CARD}
    others = [path.name for path in sorted(folder.iterdir()) if path.name not in known]
    said = "; ".join(faults) or f"{len(config.sha256)} files have their checksums"
    return Check("files", not faults, said + (f"; not part of the model: {', '.join(others)}" if others else ""))


def _card(folder: Path, config: BundleConfig) -> Check:
    """The card for people says the same as the file for programs."""
    try:
        text = (folder / bundle.CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return Check("card", False, f"{bundle.CARD} cannot be read")
    if not config.scores:
        return Check("card", None, "states no scores")
    absent = [f"{name} {value:.2f}" for name, value in config.scores.items() if f"| {name} | {value:.2f} |" not in text]
    if absent:
        return Check("card", False, f"{bundle.CARD} does not state what {bundle.CONFIG} does: {', '.join(absent)}")
    return Check("card", True, f"states the {len(config.scores)} scores of {bundle.CONFIG}")


def _graphs(folder: Path, config: BundleConfig, test: Corpus) -> Check:
    """The serving graphs and the training weights find the same translations equally probable."""
    absent = [name for name in (bundle.ENCODER, bundle.DECODER, bundle.WEIGHTS) if name not in config.sha256]
    if absent:
        return Check("graphs", None, f"not compared with the weights: there is no {absent[0]}")
    found = []
    sources, targets = test.sources[:_NUM_COMPARED], test.targets[:_NUM_COMPARED]
    for engine in ("onnx", "keras"):
        try:
            likelihoods = Scorer.load(folder, engine=engine).score(sources, targets)
        except MissingExtraError as error:
            return Check("graphs", None, f"not compared with the weights: {error}")
        except BundleError as error:
            return Check("graphs", False, str(error))
        found.append(np.array([one.per_token for one in likelihoods]))
    difference = float(np.abs(found[0] - found[1]).mean())
    said = f"graphs and weights differ by {difference:.4f} nats per token, on {len(sources)} sentences"
    if difference <= GRAPH_TOLERANCE:  # not NaN either
        return Check("graphs", True, said)
    return Check("graphs", False, f"{said}; more than {GRAPH_TOLERANCE} is another network: export the graphs again")


def _scores(folder: Path, config: BundleConfig, test: Corpus, tolerance: float) -> Iterator[Check]:
    """What is stated comes out again: the bundle's own search, by the engine that serves it."""
    if not config.scores:
        yield Check("scores", None, "none are stated")
        return
    try:
        texts = [one.text for one in Translator.load(folder).translate_batch(test.sources)]
    except BundleError as error:
        yield Check("scores", False, f"cannot be computed: {error}")
        return
    found = {score.name: score for score in corpus_scores(texts, test.targets, config.target_language)}
    for name, stated in config.scores.items():
        if name not in found:
            yield Check(name, False, f"stated {stated:.2f}; known are only {', '.join(found)}")
            continue
        value = found[name].value
        said = f"stated {stated:.2f}, found {value:.2f} ({value - stated:+.2f})  {found[name].signature}"
        yield Check(name, abs(value - stated) <= tolerance + 1e-9, said)


def holds(checks: Sequence[Check]) -> bool:
    """Whether nothing that was looked at is wrong."""
    return all(check.holds is not False for check in checks)
