"""Writes number-book.tsv: sentences with numbers, times, dates, prices and measures, in six languages.

    python data/number_book.py > data/number-book.tsv

Of the sentences of a corpus such as Tatoeba's one in a hundred has digits, and a small network that has seen so few of
them does not learn to copy them. Each line of number-book-lines.tsv is filled in a number of times, always with the
same draws: what stands there in braces says what is drawn (`DRAWN`), and a figure at its end tells two of a kind apart.
A measure, a price and a time of the day stand in every language as they do in English, since that is how `nmt` hands
them on (nmt/text/protect.py); dates and large numbers are written as each language writes them.
"""

import random
import re
import sys
from collections.abc import Callable
from pathlib import Path

LINES = Path(__file__).parent / "number-book-lines.tsv"
LANGUAGES = ("en", "de", "es", "fr", "it", "ja")
FILLED = 26  # times that each line is filled in, at most

MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "ja": "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
}
WEEKDAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "ja": "月曜日 火曜日 水曜日 木曜日 金曜日 土曜日 日曜日",
}
# Before what is said with a vowel first: otto, ottanta, undici, aprile, agosto, ottobre.
ITALIAN = {"il": "l'", "del": "dell'", "al": "all'", "dal": "dall'", "nel": "nell'"}

Filling = dict[str, str]  # by language


def same(text: str) -> Filling:
    return dict.fromkeys(LANGUAGES, text)


def clock(draw: random.Random, first: int, last: int) -> Filling:
    return same(f"{draw.randint(first, last)}:{draw.choice((0, 15, 30, 45, draw.randint(0, 59))):02}")


def price(draw: random.Random) -> Filling:
    whole = draw.choice((draw.randint(2, 99), draw.randint(100, 999), 5 * draw.randint(1, 40)))
    amount = draw.choice((str(whole), f"{whole}.{draw.choice((50, 99, 95, 20, draw.randint(10, 99)))}"))
    return same(draw.choice(("${}", "€{}", "£{}", "{} €", "{}€", "US${}")).format(amount))


def measure(unit: str, *numbers: range) -> Callable[[random.Random], Filling]:
    def fill(draw: random.Random) -> Filling:
        numbered = draw.choice(numbers)
        amount = str(draw.choice(numbered))
        if numbered.stop <= 20 and draw.random() < 0.4:
            amount += f".{draw.randint(1, 9)}"
        return same(amount + unit)

    return fill


def thousands(draw: random.Random) -> Filling:
    value = draw.choice((draw.randint(10, 99) * 100, draw.randint(1000, 9999), draw.randint(10, 250) * 1000))
    english = f"{value:,}"
    dotted = english.replace(",", ".")
    spanish = str(value) if value < 10_000 else dotted
    return {**same(english), "de": dotted, "it": dotted, "es": spanish, "fr": english.replace(",", " ")}


def date(draw: random.Random, year: int | None) -> Filling:
    day, month = draw.randint(1, 28), draw.randrange(12)
    names = {code: words.split()[month] for code, words in MONTHS.items()}
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day if day < 20 else day % 10, "th")
    english = names["en"]
    if year is None:
        written = draw.choice((f"{english} {day}", f"{day} {english}", f"{english} {day}{ending}"))
    else:
        written = draw.choice(
            (f"{english} {day}, {year}", f"{day} {english} {year}", f"{english} {day}{ending}, {year}")
        )
    behind = "" if year is None else f" {year}"
    return {
        "en": written,
        "de": f"{day}. {names['de']}{behind}",
        "es": f"{day} de {names['es']}" + ("" if year is None else f" de {year}"),
        "fr": f"{day if day > 1 else '1er'} {names['fr']}{behind}",
        "it": f"{day if day > 1 else '1º'} {names['it']}{behind}",
        "ja": ("" if year is None else f"{year}年") + f"{names['ja']}{day}日",
    }


def named(words: dict[str, str]) -> Callable[[random.Random], Filling]:
    def fill(draw: random.Random) -> Filling:
        number = draw.randrange(len(words["en"].split()))
        return {code: listed.split()[number] for code, listed in words.items()}

    return fill


DRAWN: dict[str, Callable[[random.Random], Filling]] = {
    "t": lambda draw: clock(draw, 2, 23),
    "am": lambda draw: clock(draw, 6, 11),
    "pm": lambda draw: clock(draw, 8, 10),
    "s": lambda draw: same(str(draw.randint(2, 9))),
    "w": lambda draw: same(str(draw.randint(4, 9))),
    "v": lambda draw: same(str(draw.randint(0, 3))),
    "n": lambda draw: same(str(draw.randint(2, 60))),
    "hu": lambda draw: same(str(draw.randint(61, 999))),
    "th": thousands,
    "age": lambda draw: same(str(draw.randint(12, 69))),
    "old": lambda draw: same(str(draw.randint(65, 99))),
    "y": lambda draw: same(str(draw.choice((draw.randint(1700, 1989), draw.randint(1990, 2030))))),
    "date": lambda draw: date(draw, draw.choice((draw.randint(1900, 2019), draw.randint(2020, 2030)))),
    "day": lambda draw: date(draw, None),
    "month": named(MONTHS),
    "wd": named(WEEKDAYS),
    "p": price,
    "kg": measure(" kg", range(2, 20), range(20, 100)),
    "g": measure(" g", range(10, 60), range(100, 800, 50)),
    "ml": measure(" ml", range(50, 800, 50)),
    "l": measure(" l", range(2, 9)),
    "km": measure(" km", range(2, 20), range(20, 500)),
    "m": measure(" m", range(20, 100, 10), range(100, 900, 50)),
    "high": measure(" m", range(20, 100), range(100, 900)),
    "tall": lambda draw: same(draw.choice((f"1.{draw.randint(50, 99)} m", f"{draw.randint(150, 199)} cm"))),
    "kmh": measure(" km/h", range(20, 140, 10)),
    "area": measure(" m²", range(8, 20), range(20, 150)),
    "deg": lambda draw: same(f"{draw.choice(('', '', '-'))}{draw.randint(2, 38)}{draw.choice((' °C', '°C', '°'))}"),
    "oven": lambda draw: same(f"{draw.randrange(150, 240, 10)} °C"),
    "min": measure(" min", range(20, 60), range(5, 60, 5)),
    "h": lambda draw: same(f"{draw.randint(1, 3)} h"),
    "pc": lambda draw: same(draw.choice((f"{draw.randint(2, 99)}%", f"{draw.randint(2, 99)}.{draw.randint(1, 9)}%"))),
    "mb": measure(" MB", range(2, 20), range(20, 900)),
    "gb": lambda draw: same(f"{draw.choice((4, 6, 8, 12, 16, 32, 64, 128, 256, 512))} GB"),
    "tel": lambda draw: same(f"{draw.randint(200, 999)}-{draw.randint(0, 9999):04}"),
    "pin": lambda draw: same(str(draw.randint(1000, 999_999))),
}


def fill(draw: random.Random, line: str) -> list[str]:
    """One line with what is drawn for it, in each language."""
    cells = dict(zip(LANGUAGES, line.split("\t"), strict=True))
    slots = dict.fromkeys(re.findall(r"\{(\w+)\}", line))
    values: dict[str, Filling] = {}
    for slot in slots:
        if slot == "sum":
            first, second = values.get("n") or values["s"], values.get("n2")
            values[slot] = same(str(int(first["en"]) + (int(second["en"]) if second else draw.randint(1, 9))))
        elif slot == "wds":  # on Mondays, in Spanish
            singular = values["wd"]["es"]
            values[slot] = same(singular if singular.endswith("s") else singular + "s")
        else:
            values[slot] = DRAWN[slot.rstrip("0123456789")](draw)
    found = {
        code: cell.format_map({slot: value[code] for slot, value in values.items()}) for code, cell in cells.items()
    }
    found["it"] = re.sub(r"\b(il|del|al|dal|nel) (?=8|11(?!\d)|[ao])", lambda match: ITALIAN[match[1]], found["it"])
    return [found[code] for code in LANGUAGES]


def main() -> None:
    draw = random.Random(1)
    rows: dict[str, list[str]] = {}
    for line in LINES.read_text(encoding="utf-8").splitlines()[1:]:
        for _ in range(FILLED):
            row = fill(draw, line)
            rows.setdefault(row[0], row)
    sys.stdout.write("\n".join("\t".join(row) for row in ([*LANGUAGES], *rows.values())) + "\n")


if __name__ == "__main__":
    main()
