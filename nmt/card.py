"""The model card: what a bundle's README.md says."""

from collections.abc import Mapping, Sequence

from nmt.bundle import BundleConfig
from nmt.config import ModelConfig
from nmt.evaluation.metrics import Score
from nmt.languages import language


def model_card(
    config: BundleConfig, num_parameters: int, results: Mapping[str, Sequence[Score]], facts: Mapping[str, str]
) -> str:
    """Markdown text of a card.

    Args:
        config: of the bundle.
        num_parameters: trained numbers.
        results: test scores by the name of the search, such as "greedy".
        facts: what else is known, by label: corpus sizes, training time, how to reproduce.
    """
    source, target = language(config.source_language).name, language(config.target_language).name
    model = config.model
    direction = "bidirectional " if model.bidirectional else ""
    lines = [
        f"# {config.name}: {source} to {target}",
        "",
        f"An encoder–decoder {_kind(model)}, {num_parameters / 1e6:.1f} million parameters: "
        f"{model.encoder_layers} {direction}encoder layers of {model.encoder_units} units, "
        f"{model.decoder_layers} decoder layers of {model.decoder_units}, embeddings of {model.embedding_dim}, "
        f"vocabularies of {model.source_vocab_size:,} and {model.target_vocab_size:,} SentencePiece tokens.",
        "",
        "## Use",
        "",
        "```python",
        "from nmt import Translator",
        "",
        f'Translator.load("{config.name}").translate("Good morning!").text  # or the path of this folder',
        "```",
        "",
        "It is meant for sentences like those it was trained on. It makes mistakes, most of all with long "
        "sentences, names, numbers and technical text; do not rely on it where an error would hurt someone.",
        "",
        "## Data and licence",
        "",
        f"- Trained on: {config.data_credit or 'not stated'}",
        f"- Licence: {config.licence or 'not stated'}",
        "",
        "## Training",
        "",
        *(f"- {label}: {value}" for label, value in facts.items()),
    ]
    if results:
        lines += [
            "",
            "## Scores on the test part",
            "",
            "| search | metric | score | sacreBLEU signature |",
            "|---|---|---|---|",
        ]
        for search, scores in results.items():
            lines += [
                f"| {search} | {score.name} | {score.value:.2f} | `{_in_table(score.signature)}` |" for score in scores
            ]
    return "\n".join(lines) + "\n"


def _kind(model: ModelConfig) -> str:
    """Such as "LSTM with attention", which is the default, or "GRU with additive attention"."""
    cell = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "simple RNN"}[model.cell]
    kinds = {"general": "with attention", "multi_head": f"with attention of {model.attention_heads} heads"}
    kinds["none"] = "without attention"
    return f"{cell} {kinds.get(model.attention, f'with {model.attention} attention')}"


def _in_table(text: str) -> str:
    return text.replace("|", "\\|")  # else a signature would be many cells
