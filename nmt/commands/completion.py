"""`nmt completion`: what makes the Tab key complete commands, options and file names."""

import argparse

HELP = "print the completion script of a shell"
EXTRA = None

_FILES = ("FILE", "FILE_OR_DIR", "SOURCE", "REFERENCE", "RECIPE", "CORPUS", "MODEL", "TARGET")
_FOLDERS = ("DIR",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = """Print the completion script of a shell. To use it:

  bash   eval "$(nmt completion bash)"                                in ~/.bashrc
  zsh    eval "$(nmt completion zsh)"                                 in ~/.zshrc, after compinit
  fish   nmt completion fish > ~/.config/fish/completions/nmt.fish"""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


def run(arguments: argparse.Namespace) -> int:
    import shtab

    _mark_files(arguments.root)
    print(shtab.complete(arguments.root, arguments.shell))
    return 0


def _mark_files(parser: argparse.ArgumentParser) -> None:
    """Tell shtab, which reads the attribute `complete`, where file names go."""
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _mark_files(command)
        elif action.metavar in (*_FILES, *_FOLDERS):
            vars(action)["complete"] = shtab.DIRECTORY if action.metavar in _FOLDERS else shtab.FILE
