"""Scores: sacreBLEU's own, with signatures that say how they were counted."""

import pytest
import sacrebleu

from nmt.errors import ConfigError, CorpusError
from nmt.evaluation.metrics import corpus_scores

HYPOTHESES = ["The cat sat on a mat.", "It is raining hard today.", "Where is my umbrella?"]
REFERENCES = ["The cat sat on the mat.", "It rains a lot today.", "Where did I leave my umbrella?"]
JAPANESE = ["猫がマットの上に座った。", "今日は雨がひどく降っています。", "傘はどこですか。"]


def by_name(hypotheses, references, language):
    scores = corpus_scores(hypotheses, references, language)
    assert corpus_scores(hypotheses, references, language, with_ter=False) == scores[:-1]
    names = [score.name for score in scores]
    assert len(set(names)) == len(names)
    return {score.name: score for score in scores}


@pytest.mark.parametrize(
    ("texts", "language"), [(REFERENCES, "en"), (JAPANESE, "ja"), (JAPANESE, "zh"), (["예."], "ko")]
)
def test_identical_text_has_the_best_scores(texts, language):
    longer = [" ".join([text] * 3) for text in texts]  # a corpus without any four-word run has no BLEU
    for name, score in by_name(longer, longer, language).items():
        assert score.value == pytest.approx(0 if name == "TER" else 100), name


@pytest.mark.parametrize(
    ("language", "tokenizers"),
    [
        ("en", {"BLEU": "tok:13a"}),
        ("de", {"BLEU": "tok:13a"}),
        ("xx", {"BLEU": "tok:13a"}),
        ("ja", {"BLEU ja-mecab": "tok:ja-mecab", "BLEU char": "tok:char"}),
        ("zh", {"BLEU zh": "tok:zh", "BLEU char": "tok:char"}),
        ("zh-TW", {"BLEU zh": "tok:zh", "BLEU char": "tok:char"}),
        ("ko", {"BLEU": "tok:13a", "BLEU char": "tok:char"}),
        ("th", {"BLEU char": "tok:char"}),
    ],
)
def test_signatures_name_how_words_were_counted(language, tokenizers):
    scores = by_name(JAPANESE, JAPANESE, language)
    assert list(scores) == [*tokenizers, "chrF", "TER"]
    for name, tokenizer in tokenizers.items():
        assert tokenizer in scores[name].signature.replace("ja-mecab-", "ja-mecab|").split("|")
    for score in scores.values():
        assert f"version:{sacrebleu.__version__}" in score.signature


def test_english_scores_are_those_of_sacrebleu():
    scores = by_name(HYPOTHESES, REFERENCES, "en")
    assert scores["BLEU"].value == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score)
    assert scores["chrF"].value == pytest.approx(sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score)
    assert scores["TER"].value == pytest.approx(sacrebleu.corpus_ter(HYPOTHESES, [REFERENCES]).score)
    # By hand: one word replaced; two replaced and one inserted; "is" replaced, two inserted. 7 edits in 17 words.
    assert scores["TER"].value == pytest.approx(100 * 7 / 17)
    assert 0 < scores["BLEU"].value < scores["chrF"].value < 100


def test_japanese_scores_are_those_of_sacrebleu():
    hypotheses = ["猫はマットの上に座った。", "今日は雨が降っています。", "傘はどこにありますか。"]
    scores = by_name(hypotheses, JAPANESE, "ja")
    for name, tokenize in (("BLEU ja-mecab", "ja-mecab"), ("BLEU char", "char")):
        expected = sacrebleu.corpus_bleu(hypotheses, [JAPANESE], tokenize=tokenize).score
        assert scores[name].value == pytest.approx(expected)
        assert 0 < expected < 100
    # Words without spaces: each sentence would be one word, and each word wrong.
    assert sacrebleu.corpus_ter(hypotheses, [JAPANESE]).score == pytest.approx(100)
    assert scores["TER"].value < 60


def test_different_numbers_of_lines_are_refused():
    with pytest.raises(CorpusError, match="2 translations but 3 references"):
        corpus_scores(HYPOTHESES[:2], REFERENCES, "en")


def test_nothing_to_score_is_refused():
    with pytest.raises(CorpusError, match="nothing to score"):
        corpus_scores([], [], "en")


def test_a_malformed_language_is_refused():
    with pytest.raises(ConfigError):
        corpus_scores(HYPOTHESES, REFERENCES, "not a language")
