"""The commands of `nmt`, one module each.

A command module has `HELP` (one line), `EXTRA` (the optional dependencies it needs, or None),
`add_arguments(parser)` and `run(arguments) -> exit status`. All of them are imported to build the parser,
so anything that takes time to import is imported inside `run`.
"""
