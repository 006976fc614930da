"""Which of the installed models is the best to start from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt import bundle, tokenizer
from nmt.bundle import BundleConfig, BundleInfo
from nmt.corpora.corpus import Corpus
from nmt.errors import BundleError
from nmt.finetuning.vocabulary import Vocabulary, shared
from nmt.languages import language, same_language
from nmt.tokenizer import Tokenizer


@dataclass(frozen=True)
class Candidate:
    """An installed model, looked at as a parent.

    Attributes:
        name, folder: of its bundle.
        pair: its languages.
        same_source, same_target, same_script: as the child's; the script is that of the target.
        shared_pieces: share of the tokens of the child's target text that are pieces of this model, 0 to 1.
        updates: how long it was trained.
        trial: dev chrF of a short trial; None without.
    """

    name: str
    folder: Path
    pair: tuple[str, str]
    same_source: bool
    same_target: bool
    same_script: bool
    shared_pieces: float
    updates: int
    trial: float | None = None

    def worth(self) -> tuple[float, ...]:
        """What is compared, the most important first.

        The encoder is most of what a child takes over, so the source language counts first; then whether the target is
        the same, is written alike, and has pieces in common; then how long the parent has learned.
        """
        trial = -1.0 if self.trial is None else self.trial
        tenths = round(self.shared_pieces, 1)
        return trial, self.same_source, self.same_target, self.same_script, tenths, self.updates, self.shared_pieces


def candidates(pair: tuple[str, str], corpus: Corpus, vocab_size: int) -> list[Candidate]:
    """The installed models that have training weights, the best first.

    Args:
        pair: languages of the child.
        corpus: its training text.
        vocab_size: of the tokenizer that its target text is looked at with.

    Raises:
        BundleError: there is none.
    """
    with_weights = [info for info in bundle.installed() if (info.folder / bundle.WEIGHTS).is_file()]
    if not with_weights:
        raise BundleError("no installed model has training weights; say which model to start from with --from")
    spaces = language(pair[1]).uses_spaces
    own = tokenizer.train(corpus.targets, vocab_size, side="target", uses_spaces=spaces)
    found = [_candidate(info, bundle.read_config(info.folder), pair, own, corpus.targets) for info in with_weights]
    return sorted(found, key=Candidate.worth, reverse=True)


def _candidate(
    info: BundleInfo, config: BundleConfig, pair: tuple[str, str], own: Tokenizer, targets: Sequence[str]
) -> Candidate:
    theirs = Tokenizer.load(bundle.check_file(info.folder, config, bundle.TARGET_TOKENIZER))
    scripts = [set(language(code).scripts) for code in (config.target_language, pair[1])]
    return Candidate(
        name=info.name,
        folder=info.folder,
        pair=(config.source_language, config.target_language),
        same_source=same_language(config.source_language, pair[0]),
        same_target=same_language(config.target_language, pair[1]),
        same_script=bool(scripts[0] & scripts[1]),
        shared_pieces=shared(Vocabulary.of(theirs), own, targets),
        updates=int(config.training.get("updates", 0)),
    )


def explain(ranked: Sequence[Candidate], pair: tuple[str, str]) -> str:
    """Why the first one, in one line."""
    first, *others = ranked
    said = f"{first.name}: {_said(first, pair)}"
    return (
        f"{said}; then {', '.join(_short(one) for one in others[:3])}" if others else f"{said}; no other is installed"
    )


def _said(one: Candidate, pair: tuple[str, str]) -> str:
    source, target = (language(code).name for code in pair)
    reasons = [f"tried out, chrF {one.trial:.1f} on dev"] if one.trial is not None else []
    if one.same_source and one.same_target:
        return ", ".join([*reasons, f"it translates {source} to {target} already"])
    reasons.append(f"reads {source} as the new one will" if one.same_source else f"does not read {source}")
    if one.same_target:
        reasons.append(f"writes {target}")
    elif language(pair[1]).scripts:  # else nothing is known of it
        reasons.append(
            f"writes {'the' if one.same_script else 'another'} script {'of ' if one.same_script else 'than '}{target}"
        )
    reasons.append(f"knows {one.shared_pieces:.0%} of its pieces")
    return ", ".join(reasons)


def _short(one: Candidate) -> str:
    trial = "" if one.trial is None else f", chrF {one.trial:.1f}"
    return f"{one.name} ({one.shared_pieces:.0%}{trial})"
