"""The models a server has, each loaded when first asked for and then kept for everybody."""

import threading
from collections.abc import Callable, Mapping

import nmt


class Models:
    """Models by name and by pair of languages. Safe to share between threads.

    Args:
        infos: what is known about each, by the name the page shows. Of two for the same pair the first answers.
        load: makes the translator of one of those names; may raise NmtError, and is then tried again the next time.
    """

    def __init__(self, infos: Mapping[str, nmt.BundleInfo], load: Callable[[str], nmt.Translator]):
        self.infos = dict(infos)
        self._load = load
        self._loaded: dict[str, nmt.Translator] = {}
        self._locks = {name: threading.Lock() for name in self.infos}
        self._adding = threading.Lock()

    def get(self, name: str) -> nmt.Translator:
        """The translator of that name, loaded once however many ask for it together."""
        with self._locks[name]:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def add(self, name: str, info: nmt.BundleInfo) -> None:
        """Offer another model from now on, or another one under a name that there is."""
        with self._adding:
            self._locks = {**self._locks, name: threading.Lock()}
            self._loaded.pop(name, None)
            self.infos = {**self.infos, name: info}  # anew, since others may be counting the old ones

    def preferring(self, name: str) -> "Models":
        """The same models, with this one the first, which answers for its pair."""
        return Models({name: self.infos[name], **self.infos}, self._load)

    def name_for(self, source: str, target: str) -> str | None:
        """The model from `source` to `target`."""
        for name, info in self.infos.items():
            if (info.source_language, info.target_language) == (source, target):
                return name
        return None

    def targets(self, source: str) -> list[str]:
        """What can be translated into from this language."""
        return sorted({info.target_language for info in self.infos.values() if info.source_language == source})

    def languages(self) -> list[str]:
        """Every code that some model reads or writes."""
        infos = self.infos.values()
        return sorted({info.source_language for info in infos} | {info.target_language for info in infos})

    def known(self, code: str) -> str | None:
        """The installed language that is meant by a code: "EN" and "en-US" are "en" where there is no closer one."""
        codes = {one.lower(): one for one in self.languages()}
        wanted = code.strip().lower().replace("_", "-")
        return codes.get(wanted) or codes.get(wanted.partition("-")[0])
