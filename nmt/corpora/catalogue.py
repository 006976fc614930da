"""Public corpora by pair of languages: `catalogue.toml`, beside this file."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from nmt.errors import ConfigError
from nmt.languages import language
from nmt.option import from_dict

_FILE = Path(__file__).with_name("catalogue.toml")
WEIGHTS = ("yes", "no", "check")


@dataclass(frozen=True)
class Entry:
    """A public corpus.

    Attributes:
        name: what the catalogue calls it.
        about: what it is, in a line.
        home: its page.
        where: how to get it; `place` fills in the languages.
        size: number of pairs.
        licence: as stated by its page.
        weights: whether weights trained on it may be shared: "yes", "no", or "check".
        languages: codes, of the languages that the package knows.
        only_with: a language that is in all its pairs; empty: any two go together.
        more: whether it has other languages too.
    """

    name: str
    about: str
    home: str
    where: str
    size: str
    licence: str
    weights: str
    languages: tuple[str, ...]
    only_with: str = ""
    more: bool = False

    def has(self, first: str, second: str) -> bool:
        """Whether it is known to have pairs in these two languages, in either direction."""
        both = {first, second}
        return len(both) == 2 and both <= set(self.languages) and (not self.only_with or self.only_with in both)

    def place(self, first: str, second: str) -> str:
        """Where its pairs of these languages are: with `hf:`, what `nmt data prepare` takes; else an address."""
        other = second if first == "en" else first
        return self.where.format(pair="-".join(sorted((first, second))), other=other)


def catalogue() -> tuple[Entry, ...]:
    """All entries."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(from_dict(Entry, {"name": name, **table}, f"{_FILE} [{name}]") for name, table in tables.items())


def entries_for(pair: str) -> tuple[Entry, ...]:
    """The corpora for a pair such as "en-ja", in either direction.

    Raises:
        ConfigError: it is no pair of two languages, or no entry has it.
    """
    codes = pair.split("-")
    if len(codes) != 2 or codes[0] == codes[1]:
        raise ConfigError(f'"{pair}" is not a pair of languages; expected two codes such as en-ja')
    first, second = (language(code).code for code in codes)
    entries = catalogue()
    found = tuple(entry for entry in entries if entry.has(first, second))
    if not found:
        broad = ", ".join(entry.name for entry in entries if entry.more and not entry.only_with)
        unlisted = [code for code in (first, second) if not any(code in entry.languages for entry in entries)]
        aside = f" ({' and '.join(unlisted)} is in none of them)" if unlisted else ""
        raise ConfigError(
            f"no corpus of the catalogue lists {pair}{aside}; these have more languages than they list, "
            f"see their pages: {broad}"
        )
    return found
