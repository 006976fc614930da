"""Cost against sentence length, beside CTranslate2's tiny Transformer: a table and a plot.

    pip install ctranslate2 matplotlib
    python benchmarks/length.py [--model en-ja] [--plot docs/images/cost-by-length.png]

Sources of 5 to 200 tokens, and as many target tokens forced on both sides; beam 5, one thread, sentences in batches of
8. The attention costs source × target, so no encoder–decoder with attention is linear for ever; the table shows how
far its share reaches.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from engine import PEERS, make_peer, measure, our_runner, peer_runner

LENGTHS = (5, 10, 20, 40, 60, 80, 120, 160, 200)
BATCH = 8


def draw(costs: dict[str, list[float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, values in costs.items():
        axes.plot(LENGTHS, values, marker="o", label=name)
    axes.set(xlabel="tokens in and out", ylabel="ms per sentence", xlim=(0, None), ylim=(0, None))
    axes.set_title("Cost of a sentence by its length (beam 5, one thread, batch 8)", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="en-ja")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a turn")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()

    costs: dict[str, list[float]] = {"ours": [], "tiny": []}
    print("| tokens | ours, ms a sentence | per token | tiny, ms a sentence | per token |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        peer = Path(temporary) / "tiny"
        make_peer(peer, *PEERS["tiny"])
        for length in LENGTHS:
            runners = {
                "ours": our_runner(options.model, 1, BATCH, 5, length),
                "tiny": peer_runner(peer, 1, BATCH, 5, length),
            }
            times = measure(runners, options.rounds, options.seconds)
            for name in costs:
                costs[name].append(statistics.median(times[name]) / BATCH * 1e3)
            cells = [f"{costs[name][-1]:.2f} | {costs[name][-1] / length:.3f}" for name in costs]
            print(f"| {length} | {' | '.join(cells)} |", flush=True)
    if options.plot:
        draw(costs, options.plot)


if __name__ == "__main__":
    main()
