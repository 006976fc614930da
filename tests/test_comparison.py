"""Test sets taken apart, and the page that shows it."""

import json
import math
import re
from xml.etree import ElementTree

import pytest
import sacrebleu

from nmt.errors import ConfigError, CorpusError
from nmt.evaluation.breakdown import Words, by_length, by_rarest_word
from nmt.evaluation.comparison import System, TestSet, compare
from nmt.evaluation.metrics import metrics
from nmt.evaluation.pictures import Series, bars
from nmt.evaluation.report import report

SOURCES = ["Yes.", "The cat sat on the mat.", "The dog sat on the mat yesterday!", "One two three four five six."]
REFERENCES = ["Oui.", "Le chat était assis sur le tapis.", "Le chien était assis hier.", "Un deux trois quatre <b>&."]
FIRST = ["Oui.", "Le chat est assis sur un tapis.", "Le chien.", "Un deux trois."]
SECOND = ["Non.", "Le chat est assis sur un tapis.", "Le chien était assis sur le tapis hier.", "<script>x</script>"]


def counts(*systems):
    return [(metric, [metric.count(system, REFERENCES) for system in systems]) for metric in metrics("fr")]


@pytest.fixture
def comparison():
    test = TestSet("a <test>", SOURCES, REFERENCES, "en", "fr")
    return compare(test, [System("one & only", FIRST, 1.5), System("<two>", SECOND)], num_samples=20)


def test_words_are_counted_without_case_and_punctuation():
    assert Words("en").split("The cat -- THE cat's!") == ["the", "cat", "the", "cat's"]
    assert Words("ja").split("私は学生です。") == ["私", "は", "学生", "です"]
    assert Words("zh").split("我喜欢。") == ["我", "喜", "欢"]
    assert (Words("ja").unit, Words("th").unit) == ("words", "characters")


def test_groups_by_length_hold_every_sentence_once():
    found = by_length(SOURCES, Words("en"), counts(FIRST), num_samples=20)
    assert [(group.label, group.num_sentences) for group in found.groups] == [("up to 5", 1), ("6–10", 3)]
    bleu, chrf = found.groups[1].estimates[0]
    assert bleu.value == pytest.approx(sacrebleu.corpus_bleu(FIRST[1:], [REFERENCES[1:]]).score)
    assert chrf.value == pytest.approx(sacrebleu.corpus_chrf(FIRST[1:], [REFERENCES[1:]]).score)
    assert math.isnan(chrf.margin), "three sentences are too few for an interval"


def test_ten_sentences_have_an_interval():
    many = [text for text in REFERENCES for _ in range(3)]
    metric = metrics("fr")[-1]
    rows = metric.count([text for text in FIRST for _ in range(3)], many)
    (group,) = by_length(["Hi."] * 12, Words("en"), [(metric, [rows])], num_samples=50).groups
    assert group.num_sentences == 12 and group.estimates[0][0].margin > 0


def test_groups_by_the_rarest_word_say_where_it_was_counted():
    words = Words("en")
    own = by_rarest_word([*SOURCES, "..."], words, [], num_samples=0)
    assert own.title.endswith("in the test set itself")
    assert [(group.label, group.num_sentences) for group in own.groups] == [("once", 4)], "a text without words is out"
    training = ["The cat sat on the mat."] * 12 + ["yes"]
    found = by_rarest_word(SOURCES, words, [], training, num_samples=0)
    assert found.title.endswith("in the training text")
    assert [(group.label, group.num_sentences) for group in found.groups] == [("never", 2), ("once", 1), ("10–99", 1)]


def test_sentence_scores_are_those_of_sacrebleu(comparison):
    for result, texts in zip(comparison.results, (FIRST, SECOND), strict=True):
        for value, text, reference in zip(result.sentence_chrf, texts, REFERENCES, strict=True):
            assert value == pytest.approx(sacrebleu.sentence_chrf(text, [reference]).score)
        assert result.ter.value == pytest.approx(sacrebleu.corpus_ter(texts, [REFERENCES]).score)


def test_everything_but_the_texts_is_json(comparison):
    values = json.loads(json.dumps(comparison.as_json(), allow_nan=False))
    assert (values["sentences"], values["source_language"]) == (4, "en")
    first, second = values["systems"]
    assert [score["name"] for score in first["scores"]] == ["BLEU", "chrF", "TER"]
    assert first["scores"][1]["difference"] is None
    assert second["scores"][1]["difference"]["p_value"] > 0
    assert len(second["sentence_chrf"]) == 4
    assert sum(group["num_sentences"] for group in values["breakdowns"][0]["groups"]) == 4


def test_what_cannot_be_compared_is_refused():
    test = TestSet("t", SOURCES, REFERENCES, "en", "fr")
    with pytest.raises(ConfigError, match="one or more systems"):
        compare(test, [])
    with pytest.raises(ConfigError, match="different names, not: a, a"):
        compare(test, [System("a", FIRST), System("a", SECOND)])
    with pytest.raises(CorpusError, match="3 translations but 4"):
        compare(test, [System("a", FIRST[:3])])


def test_the_page_needs_nothing_else_and_runs_nothing(comparison):
    page = report(comparison)
    assert not re.search(r"<script|\bsrc=|\bhref=|url\(|@import|://|\bon\w+=", page)
    assert "default-src 'none'" in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page and "quatre &lt;b&gt;&amp;." in page
    assert "a &lt;test&gt;: English to French" in page and "one &amp; only" in page
    assert "<two>" not in page
    body = page[page.index("<body>") : page.index("</html>")].replace("&nbsp;", " ")
    ElementTree.fromstring(body)  # every element is closed, so no text has escaped from its own


def test_the_page_shows_scores_sentences_and_differences(comparison):
    page = report(comparison)
    for result in comparison.results:
        for one in result.estimates:
            assert f"{one.value:.2f} ± {one.margin:.2f}" in page
            assert one.signature in page
    assert "Against one &amp; only" in page
    assert "agree on 1 sentences" in page
    better = page[page.index("&lt;two&gt; is better than one &amp; only") :]
    assert better.index("Le chien était assis sur le tapis hier.") < better.index("one &amp; only is better than")
    assert page.count("<svg") == 3


def test_one_system_is_compared_with_nobody():
    test = TestSet("t", ["שלום"], ["سلام"], "he", "ar")
    page = report(compare(test, [System("a", ["سلام"])], num_samples=0))
    assert "Against" not in page and "is better than" not in page and "±" not in page.replace("± is half", "")
    assert page.count('lang="ar" dir="rtl"') == 4, "reference and translation, among the best and among the worst"


def test_bars_are_as_high_as_their_values():
    picture = ElementTree.fromstring(
        bars("t", ["a\n1", "b"], [Series("s", [10, 5], [0, 2]), Series("z", [None, 0])], "points")
    )
    rectangles = picture.findall(".//rect")
    heights = [float(one.get("height")) for one in rectangles]
    assert len(rectangles) == 3
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2) and heights[2] == 0
    assert [one.get("class") for one in rectangles] == ["series0", "series0", "series1"]
    assert len(picture.findall(".//line[@class='whisker']")) == 1
    assert picture.find(".//title").text == "s, a, 1: 10 points"
    assert bars("nothing", [], [], "points").startswith("<svg")
