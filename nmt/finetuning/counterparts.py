"""Which pieces of the parent say what the pieces of a new target language say, found by what the parent itself makes of
the child's sentences: its translation and the child's are of the same sentence, so the pieces of both can be aligned.
"""

import dataclasses
import itertools

import numpy as np

from nmt.corpora.alignment import align
from nmt.corpora.corpus import Corpus
from nmt.corpora.rows import Rows
from nmt.finetuning.transfer import Counterparts
from nmt.finetuning.vocabulary import Vocabulary
from nmt.tokenizer import Tokenizer
from nmt.translator import Translator

_MOST = 20_000  # pairs that are looked at; a parent translates so many in a minute
_LONGEST = 60  # pieces of a sentence
_SURE = 0.01  # that two pieces of a sentence translate each other; less is noise


def find_counterparts(translator: Translator, parent: Tokenizer, child: Tokenizer, corpus: Corpus) -> Counterparts:
    """Of the pieces of a child's target language, those of the parent's that say the same.

    Args:
        translator: the parent, which translates the sources by greedy search.
        parent, child: their target tokenizers.
        corpus: in the parent's source language and the child's target language. Of more than 20,000 pairs some are
            passed over, evenly.
    """
    chosen = np.linspace(0, len(corpus), min(len(corpus), _MOST), endpoint=False, dtype=np.int64)
    greedy = dataclasses.replace(translator.search, beam_size=1)
    said = translator.translate_batch([corpus.sources[n] for n in chosen], greedy)
    theirs = Rows.of(parent.encode_batch([one.text for one in said]))
    ours = Rows.of(child.encode_batch([corpus.targets[n] for n in chosen]))
    found = align(theirs, ours, _LONGEST)

    is_link = found.agreement > _SURE
    width = parent.vocab_size
    cells = ours.values[found.targets[is_link]].astype(np.int64) * width + theirs.values[found.sources[is_link]]
    links, numbers = np.unique(cells, return_inverse=True)
    counts = np.bincount(numbers, found.agreement[is_link], len(links))
    pieces, others = np.divmod(links, width)
    is_text = Vocabulary.of(child).is_text
    bounds = np.searchsorted(pieces, np.arange(child.vocab_size + 1))
    return {
        k: (others[start:end], counts[start:end])
        for k, (start, end) in enumerate(itertools.pairwise(bounds))
        if end > start and is_text[k]
    }
