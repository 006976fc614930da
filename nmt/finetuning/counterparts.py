"""Which pieces of the parent say what the pieces of a new target language say, found by what the parent itself makes of
the child's sentences: its translation and the child's are of the same sentence, so the pieces of both can be aligned.
"""

import dataclasses
import itertools

import numpy as np

from nmt.config import TranslationOptions
from nmt.corpora.alignment import align
from nmt.corpora.corpus import Corpus
from nmt.corpora.rows import Rows
from nmt.finetuning.transfer import Counterparts
from nmt.finetuning.vocabulary import Vocabulary
from nmt.tokenizer import Tokenizer
from nmt.translator import Translator

_MOST = 20_000  # pairs that are looked at
_LONGEST = 60  # pieces of a sentence; longer ones tell little for what they cost
_CELLS = 8_000_000  # of an alignment, at 58 bytes each: so many pairs of long sentences that memory is enough
_LEAST = 0.01  # probability of a link; less is noise


def find_counterparts(translator: Translator, parent: Tokenizer, child: Tokenizer, corpus: Corpus) -> Counterparts:
    """Of the pieces of a child's target language, those of the parent's that say the same.

    Args:
        translator: the parent, which translates the sources by greedy search.
        parent, child: their target tokenizers.
        corpus: in the parent's source language and the child's target language. Targets of more than 60 pieces are
            passed over, and of more than 20,000 pairs some, evenly; of more than 2,000 if they are long.
    """
    targets = Rows.of(child.encode_batch(corpus.targets))
    chosen = _chosen(targets.lengths)
    greedy = dataclasses.replace(translator.search, beam_size=1, num_alternatives=1, temperature=0.0)
    said = translator.translate_batch([corpus.sources[n] for n in chosen], greedy, TranslationOptions(check=False))
    theirs = Rows.of(parent.encode_batch([one.text for one in said]))
    ours = Rows.of([targets[n] for n in chosen])
    found = align(theirs, ours, _LONGEST)

    is_text = np.array(Vocabulary.of(child).is_text), np.array(Vocabulary.of(parent).is_text)
    pieces, others = ours.values[found.targets], theirs.values[found.sources]
    is_link = (found.agreement > _LEAST) & is_text[0][pieces] & is_text[1][others]
    cells = pieces[is_link].astype(np.int64) * parent.vocab_size + others[is_link]
    links, numbers = np.unique(cells, return_inverse=True)
    counts = np.bincount(numbers, found.agreement[is_link], len(links))
    pieces, others = np.divmod(links, parent.vocab_size)
    bounds = np.searchsorted(pieces, np.arange(child.vocab_size + 1))
    return {
        k: (others[start:end], counts[start:end])
        for k, (start, end) in enumerate(itertools.pairwise(bounds))
        if end > start
    }


def _chosen(lengths: np.ndarray) -> np.ndarray:
    """Numbers of the sentences that are looked at, given how many pieces each has."""
    usable = np.flatnonzero(lengths <= _LONGEST)
    if not len(usable):
        return usable
    count = min(len(usable), _MOST, int(_CELLS / max(1.0, np.square(lengths[usable], dtype=np.float64).mean())))
    return usable[np.linspace(0, len(usable), count, endpoint=False, dtype=np.int64)]
