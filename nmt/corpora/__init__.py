"""Where parallel text comes from: one module per kind of place, and the catalogue of public corpora.

`nmt.corpus.read_corpus` chooses between them. Each gives chunks of pairs, so that a corpus need not fit into memory.
"""
