"""Whole files: pieces of work, a journal of what is done, and workers."""

RAY = "ray"  # in place of a number of processes: the machines of a Ray cluster
