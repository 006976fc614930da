"""What a training run keeps in its folder, and how it knows that what it finds there is its own.

Every file is at every moment the old one or the new one, so a run may be killed anywhere.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from nmt import bundle, tokenizer
from nmt.config import Recipe
from nmt.corpora.corpus import Corpus
from nmt.corpora.files import CHUNK
from nmt.corpora.texts import sample
from nmt.errors import BundleError, ConfigError, TrainingError
from nmt.languages import language
from nmt.option import from_dict
from nmt.tokenizer import Tokenizer
from nmt.training.checkpoint import Progress, unwritable
from nmt.training.targets import language_tokens

RECIPE, DATA, BUNDLE = "recipe.json", "data.sha256", bundle.RUN_BUNDLE
LOG = "log.csv"
MOST_SENTENCES = 1_000_000  # of a side, that a tokenizer learns from; SentencePiece takes no more either


def write_whole(path: Path, text: str) -> None:
    """Write a text file that is at every moment the old one or the new one.

    Raises:
        TrainingError: the disk is full, or the folder cannot be written.
    """
    temporary = path.with_suffix(".writing")
    try:
        temporary.write_text(text, encoding="utf-8", newline="")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from None


@contextlib.contextmanager
def saying_what_is_saved(run: Path) -> Iterator[None]:
    """Where training is interrupted, add to the interruption from where the same command goes on."""
    try:
        yield
    except KeyboardInterrupt:
        try:
            last = int((run / LOG).read_text(encoding="utf-8").splitlines()[-1].partition(",")[0])
        except (OSError, ValueError, IndexError):
            raise KeyboardInterrupt(" before the end of the first round, with which saving begins") from None
        raise KeyboardInterrupt(f"; the same command goes on after update {last:,}") from None


def check_recipe(run: Path, recipe: Recipe) -> None:
    """Refuse a folder that holds a run of another recipe; one that ended before it had a tokenizer is begun anew."""
    path = run / RECIPE
    if not path.exists() or read_recipe(path) == _claimed(recipe):
        return
    if any((run / name).exists() for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)):
        raise TrainingError(
            f"{run} holds a run of another recipe (see its {RECIPE}); choose another folder with --out, or delete it"
        )
    for name in (DATA, RECIPE):
        (run / name).unlink(missing_ok=True)


def write_recipe(run: Path, recipe: Recipe) -> None:
    """Make the run's folder and note in it what is trained there, unless that has been done."""
    run.mkdir(parents=True, exist_ok=True)
    if not (run / RECIPE).exists():
        values = dataclasses.asdict(_claimed(recipe))
        write_whole(run / RECIPE, json.dumps(values, indent=2, ensure_ascii=False))


def read_recipe(path: Path) -> Recipe | None:
    """What `write_recipe` wrote; None where it is something else.

    An option that the package did not have when the run began has its default.
    """
    try:
        recipe: Recipe = from_dict(Recipe, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError, AttributeError, ConfigError):
        return None
    return recipe


def _claimed(recipe: Recipe) -> Recipe:
    """The recipe without how long to train, which may change between two starts of a run; what is trained may not."""
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, patience=1, hours=0.0), output="")


def check_data(run: Path, *corpora: Corpus) -> None:
    """Refuse to go on with a run whose data has changed: its batches and tokenizers are of the old data."""
    digest = hashlib.sha256()
    for corpus in corpora:
        for side in (corpus.sources, corpus.targets):
            for start in range(0, len(side), CHUNK):
                piece = "\n".join(side[start : start + CHUNK])
                digest.update(b"\n" * (start > 0) + piece.encode("utf-8", "replace"))
            digest.update(b"\0")
    path = run / DATA
    known = path.read_text(encoding="utf-8") if path.exists() else None
    if known == digest.hexdigest():
        return
    if known is not None:
        raise TrainingError(
            f"the text has changed since the run in {run} began; choose another folder with --out, or delete it"
        )
    run.mkdir(parents=True, exist_ok=True)
    write_whole(path, digest.hexdigest())


def kept_tokenizers(run: Path, make: Callable[[], tuple[Tokenizer, Tokenizer]]) -> tuple[Tokenizer, Tokenizer]:
    """The run's tokenizers, source and target; made where it has none yet."""
    paths = run / bundle.SOURCE_TOKENIZER, run / bundle.TARGET_TOKENIZER
    if not all(path.exists() for path in paths):
        for path, one in zip(paths, make(), strict=True):
            temporary = path.with_suffix(".writing")
            try:
                one.save(temporary)
                os.replace(temporary, path)
            except OSError as error:
                temporary.unlink(missing_ok=True)
                raise unwritable(path, error) from None
    return Tokenizer.load(paths[0]), Tokenizer.load(paths[1])


def train_tokenizers(recipe: Recipe, corpus: Corpus) -> tuple[Tokenizer, Tokenizer]:
    """Source and target tokenizer as the recipe wants them."""
    data, seed = recipe.data, recipe.training.seed
    spaces = [
        any(language(code).uses_spaces for code in codes)
        for codes in ((recipe.source_language,), recipe.target_languages)
    ]
    tokens = language_tokens(recipe)
    sources, targets = (sample(side, MOST_SENTENCES, seed) for side in (corpus.sources, corpus.targets))
    if data.joint_vocab:
        text = [*sources, *targets]
        joint = tokenizer.train(
            text, data.target_vocab_size, side="target", uses_spaces=any(spaces), seed=seed, tokens=tokens
        )
        return joint, joint
    return (
        tokenizer.train(sources, data.source_vocab_size, side="source", uses_spaces=spaces[0], seed=seed),
        tokenizer.train(
            targets, data.target_vocab_size, side="target", uses_spaces=spaces[1], seed=seed, tokens=tokens
        ),
    )


def bundle_name(recipe: Recipe, language: str) -> str:
    """What the run's folder calls the bundle that translates into one of the recipe's languages."""
    return f"{BUNDLE}-{language}" if recipe.other_targets else BUNDLE


def is_written(folder: Path, progress: Progress) -> bool:
    """Whether the bundle of this state of a run is there, its card included."""
    try:
        updates = bundle.read_config(folder).training.get("updates")
        return updates == progress.update and (folder / bundle.CARD).stat().st_size > 0
    except (BundleError, OSError):
        return False
