"""What a recurrent layer holds, in plain words and numbers."""

from dataclasses import dataclass

from .labels import Label


@dataclass(frozen=True)
class Quantity:
    """Something a recurrent layer holds at each token.

    Attributes:
        name: what people call it.
        what: it is, in a few words.
        explanation: one sentence.
        says: a sentence about one unit, with {value} where the number goes.
        share: whether values are shares from 0 to 1; otherwise they have a sign.
    """

    name: str
    what: str
    explanation: str
    says: str
    share: bool = False


QUANTITIES = {
    "hidden": Quantity(
        "State h",
        "what it says",
        "The state is what a unit tells the rest of the network at this point, from −1 to +1.",
        "holds {value}",
    ),
    "cell": Quantity(
        "Memory c",
        "what it remembers",
        "The memory is what a unit carries along the sentence; it can grow, and only the gates change it.",
        "remembers {value}",
    ),
    "input": Quantity(
        "Input gate",
        "how much it takes in",
        "The input gate decides how much of the new content a unit writes into its memory.",
        "takes in {value} of what is new",
        share=True,
    ),
    "forget": Quantity(
        "Forget gate",
        "how much it keeps",
        "The forget gate decides how much of its old memory a unit keeps: 100 % keeps all, 0 % forgets everything.",
        "keeps {value} of what it remembered",
        share=True,
    ),
    "candidate": Quantity(
        "Candidate",
        "what would be new",
        "The candidate is the new content that a unit is offered at this point, from −1 to +1.",
        "is offered {value}",
    ),
    "output": Quantity(
        "Output gate",
        "how much it shows",
        "The output gate decides how much of its memory a unit shows to the rest of the network.",
        "shows {value} of its memory",
        share=True,
    ),
    "update": Quantity(
        "Update gate",
        "how much it keeps",
        "The update gate decides how much of its old state a unit keeps: 100 % keeps all, 0 % takes the candidate.",
        "keeps {value} of its state",
        share=True,
    ),
    "reset": Quantity(
        "Reset gate",
        "how much the past counts",
        "The reset gate decides how much of what it held before counts for a unit's new candidate.",
        "lets {value} of the past count",
        share=True,
    ),
}
CELLS = {  # of each kind its name, and the quantities it has
    "lstm": ("LSTM", ("hidden", "cell", "input", "forget", "candidate", "output")),
    "gru": ("GRU", ("hidden", "update", "reset", "candidate")),
    "simple_rnn": ("simple RNN", ("hidden",)),
}


def percent(share: float) -> str:
    """A share for people: never 0 % or 100 % of what is a little more or less."""
    if 0.0995 <= share < 0.995 or share >= 1:
        return f"{share:.0%}".replace("%", " %")
    if share < 0.0005:
        return "< 0.1 %" if share > 0 else "0 %"
    return f"{min(share, 0.999):.1%}".replace("%", " %")


def number(value: float) -> str:
    """Two decimals with a real sign; plain 0 where they are 0."""
    text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0" if float(f"{value:.2f}") == 0 else text.removesuffix(".00")


def spoken(value: float, top: float, share: bool) -> str:
    """A share, or a number and how much it is beside the largest one."""
    if share:
        return percent(value)
    size = abs(value) / max(top, 1e-9)
    strength = "strongly" if size >= 0.6 else "clearly" if size >= 0.25 else "faintly" if size >= 0.05 else ""
    meaning = f"{strength} {'positive' if value > 0 else 'negative'}" if strength else "next to nothing"
    return f"{number(value)}: {meaning}"


def when(side: str, backwards: bool, token: Label) -> str:
    """The moment that a row of a layer is of; see `nmt.Inspection`."""
    if side == "target":
        return f"While writing {token.said}"
    return f"After reading {'back from the end to ' if backwards else ''}{token.said}"


def layer_name(name: str) -> str:
    """A layer's name for people."""
    part, place, *way = name.split()
    does = f"reading {way[0]}" if way else "reading" if part == "encoder" else "writing"
    return f"{part.capitalize()} layer {place}, {does}"
