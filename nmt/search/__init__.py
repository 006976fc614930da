"""The search: it knows no network, only a step function."""
