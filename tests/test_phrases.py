"""Words and phrases found in parallel sentences: the right ones, each time the same."""

import collections

import numpy as np
import pytest

from nmt import ConfigError, CorpusError, cli
from nmt.corpora import phrases
from nmt.corpora.corpus import Corpus, read_corpus, write_pair_files
from nmt.corpora.phrases import PhraseRules, find_phrases

NOUNS = {"house": "Haus", "dog": "Hund", "book": "Buch", "tree": "Baum", "price": "Preis", "door": "Tür"}
ADJECTIVES = {"old": "alte", "new": "neue", "red": "rote", "big": "große"}
VERBS = {"sees": "sieht", "sells": "verkauft", "loves": "liebt", "draws": "malt"}
NAMES = ("Tom", "Mary")


def sentences(count: int, seed: int = 1) -> Corpus:
    """Sentences of a language in which every word has one translation, and adjectives stand behind."""
    rng = np.random.default_rng(seed)
    sources, targets = [], []
    for _ in range(count):
        name, verb = rng.choice(NAMES), rng.choice(list(VERBS))
        noun, adjective = rng.choice(list(NOUNS)), rng.choice(list(ADJECTIVES))
        if rng.random() < 0.5:
            sources.append(f"{name} {verb} the {adjective} {noun}.")
            targets.append(f"{name} {VERBS[verb]} {NOUNS[noun]} {ADJECTIVES[adjective]}.")
        else:
            sources.append(f"{adjective.title()} {noun}, {name}!")
            targets.append(f"{NOUNS[noun]} {ADJECTIVES[adjective]}, {name}!")
    return Corpus(sources, targets)


def as_table(found: Corpus) -> dict[str, str]:
    table = {source.lower(): target.lower() for source, target in zip(found.sources, found.targets, strict=True)}
    assert len(table) == len(found), "each phrase once"
    return table


def test_words_and_phrases_get_their_translations() -> None:
    found = as_table(find_phrases(sentences(600), "en", "de"))
    for word, other in {**NOUNS, **ADJECTIVES, **VERBS}.items():
        assert found[word] == other.lower()
    assert found["old house"] == "haus alte" and found["tom"] == "tom"
    assert {len(phrase.split()) for phrase in found} == {1, 2, 4}
    assert not [text for pair in found.items() for text in pair if set(text) & set(".,!")]


def test_the_first_word_is_written_as_it_is_elsewhere() -> None:
    corpus = sentences(600)
    first = [k for k, source in enumerate(corpus.sources) if source[0] not in "TM"]  # they begin with an adjective
    other = [k for k in range(len(corpus)) if k not in set(first)][:30]
    chosen = [*first, *other]
    found = find_phrases(Corpus([corpus.sources[k] for k in chosen], [corpus.targets[k] for k in chosen]), "en", "de")
    written = dict(zip(found.sources, found.targets, strict=True))
    assert {source.split()[0] for source in found.sources if source[0].isupper()} <= set(NAMES)
    assert written["old"] == "alte" and written["house"] == "Haus" and written["Tom"] == "Tom"


def test_a_word_may_have_two_for_it() -> None:
    corpus = sentences(900)
    sources, targets = list(corpus.sources), list(corpus.targets)
    for k in range(0, 900, 2):
        for adjective, other in ADJECTIVES.items():
            if f"the {adjective} " in sources[k]:
                sources[k] = sources[k].replace(f"the {adjective} ", f"the {adjective}er ")
                targets[k] = targets[k].replace(other, f"mehr {other} als")
    found = as_table(find_phrases(Corpus(sources, targets), "en", "de"))
    assert found["older"] == "mehr alte als" and found["old"] == "alte"


def test_a_single_word_need_not_be_as_frequent() -> None:
    corpus = sentences(300)
    more = ("The old castle loves Mary.", "Mary sees the old castle.")
    others = ("Burg alte liebt Mary.", "Mary sieht Burg alte.")
    found = as_table(find_phrases(Corpus([*corpus.sources, *more], [*corpus.targets, *others]), "en", "de"))
    assert found["castle"] == "burg" and "old castle" not in found


def test_the_same_text_gives_the_same_phrases() -> None:
    one, other = (find_phrases(sentences(300), "en", "de") for _ in range(2))
    assert one == other


@pytest.mark.parametrize("max_words", [1, 2])
def test_rules_hold(max_words: int) -> None:
    found = find_phrases(sentences(600), "en", "de", PhraseRules(max_words=max_words))
    assert max(len(source.split()) for source in found.sources) == max_words
    frequent = find_phrases(sentences(600), "en", "de", PhraseRules(max_words=max_words, max_phrases=9))
    assert list(as_table(frequent).items()) == list(as_table(found).items())[:9]
    rare = find_phrases(sentences(600), "en", "de", PhraseRules(least_count=1))
    assert len(rare) > len(find_phrases(sentences(600), "en", "de", PhraseRules(least_count=30)))


def test_a_language_without_spaces(sample: Corpus) -> None:
    found = find_phrases(sample, "en", "ja")
    assert len(found) > 20
    assert not [target for target in found.targets if "\u2581" in target or " " in target or "。" in target]


def test_of_much_text_a_part_is_read_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = sentences(300)
    rare = Corpus([*corpus.sources, *["Tom swims."] * 100], [*corpus.targets, *["Tom schwimmt."] * 100])
    monkeypatch.setattr(phrases, "_MOST", 300)
    found = as_table(find_phrases(rare, "en", "de"))
    assert found["swims"] == "schwimmt" and found["price"] == "preis"
    monkeypatch.setattr(phrases, "_MOST", 10)
    assert len(find_phrases(rare, "en", "de", PhraseRules(least_count=2))) < len(found)


def test_where_there_is_nothing() -> None:
    with pytest.raises(CorpusError, match="2 pairs hold no phrase that is translated alike 3 times, and no word"):
        find_phrases(sentences(2), "en", "de")
    with pytest.raises(CorpusError, match="0 pairs hold no phrase"):
        find_phrases(Corpus([], []), "en", "de")
    signs = Corpus(["...", "", "!?"] * 9, ["...", "", "!?"] * 9)
    with pytest.raises(CorpusError, match="no phrase"):
        find_phrases(signs, "en", "de")
    for options in ({"max_words": 0}, {"least_count": 0}, {"max_phrases": 0}, {"least_share": 1.1}):
        with pytest.raises(ConfigError, match="must be"):
            PhraseRules(**options)  # type: ignore[arg-type]


def test_long_sentences_and_empty_ones_are_passed_over() -> None:
    corpus = sentences(300)
    more = Corpus([*corpus.sources, "", "word " * 500], [*corpus.targets, "nichts", ""])
    assert as_table(find_phrases(more, "en", "de")) == as_table(find_phrases(corpus, "en", "de"))


def test_the_command(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    corpus = sentences(300)
    write_pair_files(corpus, tmp_path / "all.en", tmp_path / "all.de")
    place = ["--source", str(tmp_path / "all.en"), "--target", str(tmp_path / "all.de")]
    out = tmp_path / "new" / "phrases"
    assert cli.main(["data", "phrases", *place, "--out", str(out), "--max-words", "2"]) == 0
    said = capsys.readouterr().out.splitlines()
    found = read_corpus(out, "en", "de")
    assert len(said) == 11 and said[-1].endswith(f"{len(found)} phrases, such as those above")
    assert as_table(found)["price"] == "preis" and "  →  " in said[0]
    write_pair_files(Corpus(["Price!", "No"], ["Egal", "Hund."]), tmp_path / "dev.en", tmp_path / "dev.de")
    apart = ["--out", str(tmp_path / "less"), "--apart-from", str(tmp_path / "dev")]
    assert cli.main(["data", "phrases", *place, *apart, "--max-words", "2"]) == 0
    capsys.readouterr()
    less = as_table(read_corpus(tmp_path / "less", "en", "de"))
    assert as_table(found).keys() - less.keys() >= {"price", "dog"} and {"house", "tom"} <= less.keys()
    assert cli.main(["data", "phrases", *place, "--out", str(out), "--least-count", "0"]) == 1
    assert capsys.readouterr().err == "nmt: error: least-count must be at least 1\n"
    assert read_corpus(out, "en", "de") == found, "what was there stays"


def test_more_is_asked_of_phrases_than_of_words_however_they_are_written() -> None:
    """Japanese has no spaces between words."""
    counts = collections.Counter({("駅の前", "in front of the station"): 2, ("駅", "station"): 2})
    kept = phrases._best(counts, PhraseRules(), {"駅の前"})
    assert [(phrase, other) for _, phrase, other in kept] == [("駅", "station")]


def test_mistakes_are_named_before_the_work(tmp_path, capsys, monkeypatch) -> None:
    write_pair_files(sentences(50), tmp_path / "a.en", tmp_path / "a.de")
    monkeypatch.setattr(phrases, "find_phrases", lambda *_: pytest.fail("that takes minutes"))
    words = ["data", "phrases", str(tmp_path / "a"), "--source-language", "en", "--target-language", "de", "--out"]
    assert cli.main([*words, "."]) == 1
    assert "--out takes the beginning of two names" in capsys.readouterr().err
    assert cli.main([*words, str(tmp_path / "b"), "--apart-from", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err


def test_nothing_is_written_where_no_phrase_is_left(tmp_path, capsys) -> None:
    corpus = sentences(600)
    found = find_phrases(corpus, "en", "de")
    write_pair_files(corpus, tmp_path / "a.en", tmp_path / "a.de")
    write_pair_files(found, tmp_path / "known.en", tmp_path / "known.de")
    words = ["data", "phrases", str(tmp_path / "a"), "--source-language", "en", "--target-language", "de"]
    assert cli.main([*words, "--out", str(tmp_path / "b"), "--apart-from", str(tmp_path / "known")]) == 1
    assert "all phrases that were found stand in what --apart-from names" in capsys.readouterr().err
    assert not list(tmp_path.glob("b.*"))
