"""Whole files: pieces of work, a journal of what is done, and workers."""
