"""How many sentences with numbers keep them: each number of the source once in the translation, and no other.

    python benchmarks/digits.py en-ja
    python benchmarks/digits.py models/mine OTHER.txt --show

Numbers are compared by their digits; a model may still say something else about them, so read what --show shows. The
sentences are of our own, and none has the pattern of a line of data/number-book.tsv, which the models learn from.
"""

import argparse
import re
import unicodedata
from collections import Counter
from pathlib import Path

from nmt import Translator

SENTENCES = Path(__file__).parents[1] / "data" / "everyday" / "numbers.txt"


def numbers(text: str) -> Counter[str]:
    """The numbers of a text, without what parts their digits: 1,200 and 1.200 are the same."""
    text = re.sub(r"(?<=\d)[.,](?=\d)", "", unicodedata.normalize("NFKC", text))
    return Counter(re.findall(r"\d+", text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("sentences", type=Path, nargs="?", default=SENTENCES, help="one per line")
    parser.add_argument("--show", action="store_true", help="print each translation")
    options = parser.parse_args()
    sources = options.sentences.read_text(encoding="utf-8").splitlines()
    found = [result.text for result in Translator.load(options.model).translate_batch(sources)]
    kept = [numbers(source) == numbers(text) for source, text in zip(sources, found, strict=True)]
    if options.show:
        for source, text, is_kept in zip(sources, found, kept, strict=True):
            print(f"{'  ' if is_kept else '! '}{source}\n      {text}")
    print(f"{options.model}: {sum(kept)} of {len(kept)} sentences have all their numbers, and no other")


if __name__ == "__main__":
    main()
