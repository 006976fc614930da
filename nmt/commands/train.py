"""`nmt train`: from a recipe to a model."""

import argparse
from pathlib import Path

HELP = "train the model that a recipe describes; a stopped run continues"
EXTRA = "train"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Train the model that a recipe describes. The same command continues a run that was stopped."
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a TOML file, such as data/recipes/en-ja.toml")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default: the recipe's)")
    together = parser.add_argument_group(
        "several processes, on one machine or several, training one model (needs KERAS_BACKEND=jax)"
    )
    together.add_argument("--processes", type=int, metavar="N", default=1, help="how many there are (default: 1)")
    together.add_argument("--process", type=int, metavar="K", default=0, help="which one this is, 0 to N-1")
    together.add_argument("--coordinator", metavar="HOST:PORT", default="", help="where the others reach process 0")


def run(arguments: argparse.Namespace) -> int:
    from nmt.bundle import RUN_BUNDLE, read_info
    from nmt.training.parallel import Processes
    from nmt.training.trainer import train

    processes = Processes(arguments.processes, arguments.process, arguments.coordinator)
    folder = train(arguments.recipe, output=arguments.out, processes=processes)
    if processes.number == 0:
        models = sorted(folder.glob(f"{RUN_BUNDLE}-*"))
        for model in models or [folder]:
            scores = ", ".join(f"{name} {value:.2f}" for name, value in read_info(model).scores.items())
            about = f"on the test part, {scores}" if scores else "there is no test part to score it on"
            print(f"{model.name}: {about}" if models else about)
        print(f"The models are in {', '.join(map(str, models))}" if models else f"The model is in {folder}")
    return 0
