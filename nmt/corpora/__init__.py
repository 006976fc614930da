"""Where parallel text comes from: one module per kind of place, and the catalogue of public corpora.

`read_corpus` in `nmt.corpora.corpus` chooses between them. Each gives chunks of pairs, so that a corpus need not fit
into memory.
"""
