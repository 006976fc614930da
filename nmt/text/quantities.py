"""Numbers in text, however they are written: 1,000 and １０００, 12 and 十二 and twelve."""

import collections
import re
from collections.abc import Iterator

_RUN = re.compile(r"[0-9０-９]+(?:[.,'’\u00a0\u202f．，][0-9０-９]+)*")
_DIGIT = re.compile(r"[0-9０-９]")
_PLAIN = str.maketrans("０１２３４５６７８９", "0123456789")
_CHINESE = {**{sign: value for value, sign in enumerate("〇一二三四五六七八九")}, "零": 0, "两": 2, "兩": 2}
_SMALL = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "億": 10**8, "亿": 10**8, "兆": 10**12}
_MIXED = re.compile(f"[0-9０-９,，.．{''.join({**_CHINESE, **_SMALL, **_LARGE})}]+")
_SCALE = re.compile(
    r"[ \xa0]?(?:hundred|thousand|million|billion|trillion|dozen|k\b|mill?i|mrd|tausend|mil\b|mille|[百千万萬億亿兆])",
    re.IGNORECASE,
)
_AFTERNOON = re.compile(r"\s?[ap]\.?m\b", re.IGNORECASE)
# What words for 0 to 12 have in them, by language; where there are several they are joined by a stroke.
_WORDS = {
    "en": "zero|no one|once two|twice|both three four five six seven eight nine ten eleven twelve",
    "de": "null|kein ein zwei|beide drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "fr": "zéro|aucun un deux trois quatre cinq six sept huit neuf dix onze douze",
    "es": "cero un|primer dos|ambos tres cuatro cinco seis siete ocho nueve diez once doce",
    "it": "zero un due|entrambi tre quattro cinque sei sette otto nove dieci undici dodici",
    "pt": "zero um|primeir dois|duas|ambos três quatro cinco seis sete oito nove dez onze doze",
    "nl": "nul|geen één|een twee|beide drie vier vijf zes zeven acht negen tien elf twaalf",
    "ja": "ゼロ|零 一|ひと 二|ふた|両 三|みっ 四|よっ 五|いつ 六|むっ 七|なな 八|やっ 九|ここの 十|とお 十一 十二",
    "zh": "零|没 一 二|两|兩|双 三 四 五 六 七 八 九 十 十一 十二",
}
# Likewise for 13 to 19, for the tens from 20 on, for hundreds and for thousands.
_LARGER = {
    "en": "teen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand",
    "de": "zehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend",
    "fr": "ze|dix vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt cent mille",
    "es": "ce|dieci veint treinta cuarenta cincuenta sesenta setenta ochenta noventa cien|quinient mil",
    "it": "dici|dicia vent trent quarant cinquant sessant settant ottant novant cent mil",
    "pt": "ze|dez vinte trinta quarenta cinquenta sessenta setenta oitenta noventa cem|cent mil",
    "nl": "tien twintig dertig veertig vijftig zestig zeventig tachtig negentig honderd duizend",
}
_NUM_WORDS = 13
_ARTICLES = frozenset(["no", "once", "both", "ein", "un", "una", "um", "een", "kein", "aucun", "één"])
_PART = re.compile(r"[0-9０-９]+")
_UNITS = ("月", "年", "時", "时")
_LOOSE = re.compile(
    r"\b(?:half|quarter|dozen|couple|[ap]\.?m\b|january|february|march|april|may|june|july|august|september|october|november|"
    r"december|century|noon|midnight|halb|viertel|demi|quart|media|cuarto)",
    re.IGNORECASE,
)


def digit_runs(text: str) -> list[tuple[int, int]]:
    """Where the numbers that are written in digits start and end."""
    return [match.span() for match in _RUN.finditer(text)]


def plain_digits(text: str) -> str:
    """The digits of a text, without anything between them, in ASCII."""
    return "".join(_DIGIT.findall(text)).translate(_PLAIN)


def missing_numbers(source: str, text: str, source_language: str, target_language: str) -> tuple[str, ...]:
    """The numbers in digits of a sentence that its translation lacks, as they are written there.

    A number may be written in other digits, with other separators, in Chinese characters or as a word (in a language
    whose words are not known here, numbers that are often words are not missed). What cannot be told cheaply is not
    missed either: 1, which is often another word, and numbers before one such as "million".
    """
    runs = digit_runs(source)
    if not runs:
        return ()
    found = {_value(text[start:end]) for start, end in digit_runs(text)}
    found |= set(_chinese_values(text))
    missing = []
    for start, end in runs:
        value = _value(source[start:end])
        is_padding = value == "0" and end - start > 1  # of "10:00"
        if value == "1" or is_padding or _SCALE.match(source, end) or value in found:
            continue
        if len(value) <= 6 and _has_word(int(value), text, target_language):
            continue
        if _AFTERNOON.match(source, end) and value.isdecimal() and str(int(value) + 12) in found:
            continue
        missing.append(source[start:end])
    return tuple(dict.fromkeys(missing))


def invented_numbers(source: str, text: str, source_language: str) -> tuple[str, ...]:
    """The numbers of two digits and more that a translation has and its sentence has not, or not so often.

    Asked only of sentences with numbers in digits and none in words, since "3 p.m." may become 15, "half past 6" 6:30
    and "December 5" 12月5日.
    """
    runs = digit_runs(source)
    if not runs or _LOOSE.search(source) or _has_any_word(source, source_language):
        return ()
    given = collections.Counter(_value(source[start:end]) for start, end in runs)
    parts_given = {"0", *_parts(source)}
    found = []
    for start, end in digit_runs(text):
        run = text[start:end]
        value = _value(run)
        if value in given:
            is_known = given[value] > 0
            given[value] -= 1
        else:
            is_known = set(_parts(run)) <= parts_given  # 18.30 of 18:30, 10.00 of 10
        if len(value) > 1 and not is_known and text[end : end + 1] not in _UNITS:
            found.append(run)
    return tuple(dict.fromkeys(found))


def _parts(text: str) -> list[str]:
    return [_value(part) for part in _PART.findall(text)]


def _has_any_word(text: str, language: str) -> bool:
    language = language.partition("-")[0]
    if language not in _LARGER:
        return True  # nobody knows
    cells = [*_WORDS[language].split(), *_LARGER[language].split()]
    roots = tuple({root for cell in cells for root in cell.split("|")} - _ARTICLES)
    return any(word.startswith(roots) or word.endswith(roots) for word in re.findall(r"[^\W\d_]+", text.lower()))


def _value(run: str) -> str:
    return plain_digits(run).lstrip("0") or "0"


def _has_word(number: int, text: str, language: str) -> bool:
    """Whether a text may have a number below a million in words."""
    language = language.partition("-")[0]
    table = _WORDS if number < _NUM_WORDS else _LARGER
    if language not in table:  # Chinese characters have been looked at
        is_round = not str(number)[1:].strip("0")
        return language not in ("ja", "zh") and (number < _NUM_WORDS or is_round)
    lower = text.lower()
    return any(word in lower for word in words_for(number, language))


def words_for(number: int, language: str) -> tuple[str, ...]:
    """What the words for a number below a million have in them, in a language whose words are known here."""
    language = language.partition("-")[0]
    table = _WORDS if number < _NUM_WORDS else _LARGER
    if language not in table:
        return ()
    place = number if number < _NUM_WORDS else max(0, number // 10 - 1) if number < 100 else 9 if number < 1000 else 10
    return tuple(table[language].split()[place].split("|"))


def _chinese_values(text: str) -> Iterator[str]:
    """Numbers written with Chinese characters, alone or among digits: 一九八七, 十二, 1万5千."""
    for match in _MIXED.finditer(text):
        run = match.group().translate(_PLAIN)
        if not any(sign in run for sign in (*_CHINESE, *_SMALL, *_LARGE)):
            continue
        total = section = 0
        digits = ""
        for sign in run:
            if sign.isascii() or sign in _CHINESE:
                digits += str(_CHINESE[sign]) if sign in _CHINESE else sign if sign.isdigit() else ""
            elif sign in _SMALL:
                section += int(digits or "1") * _SMALL[sign]
                digits = ""
            elif sign in _LARGE:
                total += (section + int(digits or "0") or 1) * _LARGE[sign]
                section, digits = 0, ""
        yield str(total + section + int(digits or "0"))
