"""Every error this package raises on purpose.

    NmtError                 something the user can mend; the command line prints it as one line
    ├── CorpusError          parallel text that cannot be read, paired or used
    ├── ConfigError          a recipe or an option with an unknown key or an impossible value
    ├── BundleError          a model folder that is missing, incomplete or not what it says
    ├── TrainingError        training that cannot start or go on
    ├── DocumentError        a file that cannot be read as its format, or a column that is not in it
    └── MissingExtraError    a part of the package whose optional dependencies are not installed

The message says what happened, what was expected, and how to mend it.
"""


class NmtError(Exception):
    """Base of all errors raised on purpose."""


class CorpusError(NmtError):
    """Parallel text that cannot be read, paired or used."""


class ConfigError(NmtError):
    """A recipe or an option with an unknown key or an impossible value."""


class BundleError(NmtError):
    """A model folder that is missing, incomplete or not what it says."""


class TrainingError(NmtError):
    """Training that cannot start or go on."""


class DocumentError(NmtError):
    """A file that cannot be read as its format, or a column or field that is not in it."""


class MissingExtraError(NmtError):
    """A part of the package whose optional dependencies are not installed."""

    def __init__(self, what: str, extra: str):
        super().__init__(
            f"{what} needs packages that are not installed; install them in the project's folder with: "
            f"pip install '.[{extra}]'"
        )
