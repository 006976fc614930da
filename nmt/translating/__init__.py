"""The parts of `Translator`: from text to translations.

In the order of a text's way through them:

- `loading` opens a bundle: its tokenizers and the engine that runs its network;
- `planning` takes a text apart into sentences and puts their translations together;
- `sentences` translates sentences: the search, and a second one where the first answer will not do;
- `queries` asks the network for many callers at once: each query can have a guide (see `nmt.search.steering`), which
  keeps it to some ways to go on, and a watch, which is shown each step;
- `drafts` makes text of what was found, with `words` for where each word stands and what it was read from.

On top of these, for readers who want more than the whole at once: `streaming` shows a translation as it grows;
`opening` turns what a reader has typed into what the model must begin with, in every `spelling` that it may have;
`choosing` finds what else could stand there; `nmt.live` translates a text while it is typed.
"""
