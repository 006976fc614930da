"""Translations that begin as a user typed, and what else could stand at a place: real bundles, the real search."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmt import SearchConfig, Term, TranslationOptions, Translator
from nmt.tokenizer import EOS_ID
from nmt.translating.spelling import Spellings

SENTENCES = [
    "Where is the station?",
    "I have to go to sleep.",
    "Zebra 🎉 xyzzy",
    "See https://example.org/x and <b>my dog</b> at 5 pm.",
    "😀 Mail tom@example.org: it costs 40 km, {name}!",
]
TYPED = st.text(st.sampled_from("駅にに行くthe s.トム\u3000\n🎉é'<b>5"), max_size=12) | st.text(max_size=8)
SMALL = SearchConfig(beam_size=3, max_length_extra=4, max_length_factor=1)


@pytest.fixture(scope="module")
def japanese(tiny_bundle):
    return Translator.load(tiny_bundle, engine="onnx")


@pytest.fixture(scope="module")
def spaced(spaced_bundle):
    return Translator.load(spaced_bundle, engine="onnx")


@pytest.fixture(scope="module")
def real():
    return Translator.load("en-ja")


@pytest.fixture(scope="module")
def german():
    return Translator.load("en-de")


@pytest.fixture(params=["japanese", "spaced"])
def translator(request):
    return request.getfixturevalue(request.param)


def described(sentence):
    return [(a.text, a.score, a.words, a.tokens) for a in sentence.alternatives], sentence.problems, sentence.source


# ---------------------------------------------------------------- spelling what was typed


@pytest.mark.parametrize("side", ["sources", "targets"])
def test_every_way_to_go_on_is_open(side, sample, tokenizers):
    tokenizer = tokenizers[side == "targets"]
    spellings = Spellings(tokenizer)
    for text in getattr(sample, side)[:60]:
        text = tokenizer.normalise(text)
        ids = (*tokenizer.encode(text), EOS_ID)
        for cut in range(len(text) + 1):
            begun = text[:cut]
            if side == "targets" and begun.endswith(" "):
                continue  # a space is no end of a word there
            ways = spellings.ways(begun.strip(), space_follows=begun.endswith(" "))
            assert any(
                ids[: len(start)] == start and (followers is None or ids[len(start)] in followers)
                for start, followers in ways.items()
            ), (begun, text)


@given(st.text(st.sampled_from("the station is 駅に行く。"), max_size=10), st.booleans())
def test_every_way_spells_what_was_typed(sample, tokenizers, text, wide):
    tokenizer = tokenizers[wide]
    text = tokenizer.normalise(text)
    spellings = Spellings(tokenizer)
    for start, followers in spellings.ways(text, space_follows=False).items():
        for last in [()] if followers is None else [(token,) for token in followers[:5]]:
            assert tokenizer.decode([*start, *last]).startswith(text)


# ---------------------------------------------------------------- completing


@given(st.sampled_from(SENTENCES), TYPED)
@settings(max_examples=40)
@example(SENTENCES[3], "https://exam")
@example(SENTENCES[3], "\ud800")
@example(SENTENCES[4], "😀 ")
@example(SENTENCES[4], "  \n ")
@example("", "x")
@example("123 ...", "x")
@example("Two. Sentences!", "th")
def test_a_translation_begins_as_typed(japanese, spaced, sentence, before):
    for translator in (japanese, spaced):
        config = SearchConfig(beam_size=3, num_alternatives=3, max_length_extra=4, max_length_factor=1)
        found = translator.complete(sentence, before, config)
        texts = [a.text for a in found.alternatives]
        assert texts and len(set(texts)) == len(texts)
        for alternative in found.alternatives:
            assert alternative.text.startswith(before)
            check_words(alternative, found)


@given(
    st.sampled_from([*SENTENCES, "WHERE IS THE STATION?"]), TYPED | st.text(st.sampled_from("WO is駅。 "), max_size=6)
)
@settings(max_examples=15)
def test_a_good_translation_begins_as_typed_too(real, german, sentence, before):
    for translator in (real, german):
        found = translator.complete(sentence, before, SearchConfig(beam_size=2))
        assert found.alternatives[0].text.startswith(before)
        check_words(found.alternatives[0], found)


def test_real_spans_come_once_wherever_the_beginning_ends(german):
    sentence = "See https://example.org/x and <b>my dog</b> at 5 pm."
    whole = german.translate(sentence).text
    for cut in range(0, len(whole) + 1, 3):
        text = german.complete(sentence, whole[:cut], SearchConfig(beam_size=2)).alternatives[0].text
        assert text.startswith(whole[:cut])
        assert [text.count(span) for span in ("https://example.org/x", "<b>", "</b>")] == [1, 1, 1], whole[:cut]


@pytest.mark.parametrize("sentence", [*SENTENCES, " Where is the station? "])
def test_completing_nothing_is_translating(translator, sentence):
    config = SearchConfig(beam_size=4, num_alternatives=3)
    (plain,) = translator.translate(sentence, config).sentences
    assert described(translator.complete(sentence, "", config)) == described(plain)


@pytest.mark.parametrize("sentence", SENTENCES[3:])
def test_protected_spans_come_once_wherever_the_beginning_ends(translator, sentence):
    spans = ["https://example.org/x", "<b>", "</b>"] if "https" in sentence else ["😀", "tom@example.org", "{name}"]
    whole = translator.translate(sentence, SMALL).text
    for cut in range(len(whole) + 1):
        text = translator.complete(sentence, whole[:cut], SMALL).alternatives[0].text
        assert text.startswith(whole[:cut])
        assert [text.count(span) for span in spans] == [1] * len(spans), whole[:cut]


def test_a_good_model_goes_on_with_what_it_was_given(real):
    sentence = "I was thinking about going to the station with my friend."
    whole = real.translate(sentence).text
    assert [real.complete(sentence, whole[:cut]).alternatives[0].text for cut in range(len(whole) + 1)] == [whole] * (
        len(whole) + 1
    )
    other = real.complete(sentence, "私の友").alternatives[0].text
    assert other.startswith("私の友") and other != whole and other.endswith("。")
    assert real.complete(sentence, "☕は").alternatives[0].text.startswith("☕は")


def test_a_glossary_is_kept_behind_the_beginning(real):
    options = TranslationOptions(glossary=(Term("station", ("停車場",)),))
    found = real.complete("Where is the station?", "その", options=options)
    assert found.alternatives[0].text.startswith("その")
    assert "停車場" in found.alternatives[0].text and not found.missed_terms


def test_a_new_word_begins_behind_a_space(spaced):
    config = SearchConfig(beam_size=3, num_alternatives=3)
    for alternative in spaced.complete("Where is the station?", "The ", config).alternatives:
        assert alternative.text == "The" + " " or alternative.text[4:5].strip()
        spelled = "".join(alternative.tokens)
        assert spelled == "▁The" or spelled.startswith("▁The▁")
    glued = spaced.complete("Where is the station?", "The", SearchConfig(beam_size=30, num_alternatives=30))
    assert any(not a.text[3:4].isspace() for a in glued.alternatives), "without a space the word can go on"


# ---------------------------------------------------------------- words


def check_words(alternative, sentence):
    text, done = alternative.text, 0
    for word in alternative.words:
        assert word.text == text[word.start : word.end] and word.text and not any(map(str.isspace, word.text))
        assert word.start >= done and not text[done : word.start].strip(), "nothing but white space between words"
        assert word.probability is None or 0 <= word.probability <= 1
        assert all(0 <= place < len(sentence.source_tokens) for place in word.source)
        done = word.end
    assert not text[done:].strip()


def test_words_are_the_translation_and_their_probabilities_its_own(translator):
    config = SearchConfig(beam_size=5, num_alternatives=5)
    for translation in translator.translate_batch(["Where is the station?", "éß漢x", "I went home."], config):
        for found in translation.sentences[0].alternatives:
            check_words(found, translation.sentences[0])
            product = math.prod(word.probability for word in found.words)
            assert product == pytest.approx(math.exp(sum(found.log_probs)), rel=1e-3, abs=1e-30)


def test_words_are_divided_as_the_language_divides_them(japanese, spaced, real):
    text = spaced.translate(SENTENCES[1]).sentences[0].alternatives[0]
    assert [word.text for word in text.words] == text.text.split()
    found = real.translate("I like my dog.").sentences[0].alternatives[0]
    assert [word.text for word in found.words] == list(found.tokens)
    assert [word.probability for word in found.words] == pytest.approx([math.exp(p) for p in found.log_probs])


def test_a_protected_span_is_a_word_without_probability(real):
    sentence = real.translate("I read https://example.org/x with Tom.").sentences[0]
    words = {word.text: word for word in sentence.alternatives[0].words}
    span = words["https://example.org/x"]
    assert span.probability is None and [sentence.source_tokens[k] for k in span.source] != []
    assert all(word.probability is not None for text, word in words.items() if text != span.text)


def test_a_word_knows_what_it_was_read_from(real):
    sentence = real.translate("I like my dog.").sentences[0]
    dog = next(word for word in sentence.alternatives[0].words if "犬" in word.text)
    assert sentence.source_tokens[dog.source[0]] == "▁dog"


# ---------------------------------------------------------------- choices


@given(st.sampled_from(SENTENCES), TYPED | st.just(""))
@settings(max_examples=25)
def test_choices_are_different_words_best_first(japanese, spaced, sentence, before):
    for translator in (japanese, spaced):
        choices = translator.choices(sentence, before, 4, SMALL)
        words = [choice.word for choice in choices]
        assert len(choices) <= 4 and len(set(words)) == len(words) and all(words)
        chances = [choice.probability for choice in choices]
        assert chances == sorted(chances, reverse=True) and sum(chances) <= 1 + 1e-6 and all(p > 0 for p in chances)
        for choice in choices:
            assert choice.text.startswith(before)
            assert choice.text[len(before) :].lstrip().startswith(choice.word)
            assert not any(map(str.isspace, choice.word))


def test_the_first_choices_are_what_the_network_says(real):
    sentence = "I was thinking about going to the station with my friend."
    best = real.translate(sentence).sentences[0].alternatives[0]
    for word in best.words[:4]:
        choices = real.choices(sentence, best.text[: word.start])
        assert len(choices) > 3
        same = next(choice for choice in choices if choice.word == word.text)
        assert same.text == best.text
        if word.start == 0:  # behind that, other ways to spell what is before count as well
            assert same.probability == pytest.approx(word.probability, rel=1e-3)
    assert real.choices(sentence, "", num_choices=2) == real.choices(sentence, "")[:2]
    assert real.choices(sentence, "", num_choices=0) == ()


def test_no_choice_where_there_is_nothing_to_translate(translator):
    assert translator.choices("...", "") == ()
    assert translator.choices("", "x") == ()
