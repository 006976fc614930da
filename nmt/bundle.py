"""A model is a folder of named files, a bundle:

    config.json          what it is: languages, sizes, search defaults, scores, licence
    source.model         SentencePiece model of the source side
    target.model         of the target side
    encoder.onnx         the network as ONNX graphs, in 8 bits: what serving uses
    decoder.onnx
    weights.safetensors  the training weights, in half precision, for fine-tuning and the Keras engine
    README.md            the model card

and, where the network of the model that it was made from is kept for all but one kind of text,

    parent-encoder.onnx, parent-decoder.onnx, parent-weights.safetensors
    router.npy           which sentences are of that kind: see `nmt.engines.routed`

Nothing in it is executable, and reading it runs no code from it.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from nmt.config import ModelConfig, SearchConfig
from nmt.errors import BundleError, ConfigError, MissingExtraError
from nmt.option import from_dict

FORMAT_VERSION = 2
PRETRAINED = Path(__file__).parent / "pretrained"
CONFIG, WEIGHTS, CARD = "config.json", "weights.safetensors", "README.md"
SOURCE_TOKENIZER, TARGET_TOKENIZER = "source.model", "target.model"
ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
ROUTER = "router.npy"
# The network that is kept beside the new one: the name of each of its files in a bundle of two, by that in its own.
KEPT = {name: f"parent-{name}" for name in (SOURCE_TOKENIZER, TARGET_TOKENIZER, ENCODER, DECODER, WEIGHTS)}
RUN_BUNDLE = "bundle"  # what the folder of a training run calls the bundle in it


@dataclass(frozen=True)
class BundleInfo:
    """What a bundle says about itself."""

    name: str
    folder: Path
    source_language: str
    target_language: str
    size_bytes: int  # of all its files
    num_parameters: int
    licence: str
    data_credit: str
    scores: dict[str, float] = field(default_factory=dict)  # by name, on the test part, with the default search


@dataclass(frozen=True)
class BundleConfig:
    """What `config.json` holds."""

    name: str
    source_language: str
    target_language: str
    model: ModelConfig
    search: SearchConfig = field(default_factory=SearchConfig)
    num_parameters: int = 0
    licence: str = ""
    data_credit: str = ""
    max_source_tokens: int = 100  # longer sentences are split before translation: training has not seen such
    scores: dict[str, float] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)  # updates, hours: for the reader
    sha256: dict[str, str] = field(default_factory=dict)  # of the other files, by name

    @property
    def is_routed(self) -> bool:
        """Whether the parent's network is kept beside the new one, and a router chooses for each sentence."""
        return ROUTER in self.sha256


def unsaved_info(config: BundleConfig) -> BundleInfo:
    """Summary of a model that is in no folder yet."""
    return BundleInfo(
        name=config.name,
        folder=Path(),
        source_language=config.source_language,
        target_language=config.target_language,
        size_bytes=0,
        num_parameters=config.num_parameters,
        licence=config.licence,
        data_credit=config.data_credit,
        scores=dict(config.scores),
    )


def find(name_or_folder: str | Path) -> Path:
    """The folder of a bundle: a path as it is, that in the folder of a training run, or the name of a shipped one.

    Raises:
        BundleError: there is none; the message lists what is installed.
    """
    folder = Path(name_or_folder)
    if (folder / CONFIG).is_file():
        return folder
    if (folder / RUN_BUNDLE / CONFIG).is_file():  # the folder of a training run
        return folder / RUN_BUNDLE
    if str(name_or_folder) and (PRETRAINED / name_or_folder / CONFIG).is_file():
        return PRETRAINED / name_or_folder
    if folder.is_dir():
        within = ", ".join(path.parent.name for path in sorted(folder.glob(f"{RUN_BUNDLE}-*/{CONFIG}")))
        raise BundleError(
            f"{folder} has several models: give one of {within} in it"
            if within
            else f"{folder} is not a model: it has no {CONFIG}"
        )
    names = ", ".join(info.name for info in installed()) or "none"
    raise BundleError(f'no model "{name_or_folder}": give the folder of one, or the name of an installed one ({names})')


def installed(folder: str | Path | None = None) -> list[BundleInfo]:
    """The shipped bundles, or those that stand in a folder, by name.

    Raises:
        BundleError: one of them cannot be read.
    """
    place = PRETRAINED if folder is None else Path(folder)
    return [read_info(path.parent) for path in sorted(place.glob(f"*/{CONFIG}"))]


def read_info(folder: str | Path) -> BundleInfo:
    """Summary of the bundle in `folder`.

    Raises:
        BundleError: it cannot be read.
    """
    folder = Path(folder)
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) if folder.is_dir() else 0
    return dataclasses.replace(unsaved_info(read_config(folder)), folder=folder, size_bytes=size)


def read_config(folder: str | Path) -> BundleConfig:
    """The checked content of `config.json`.

    Raises:
        BundleError: missing, not JSON, of another format version, or with keys or values that do not belong there.
    """
    path = Path(folder) / CONFIG
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise BundleError(f"{path} is damaged: {error}") from None
    version = values.pop("format_version", None) if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{path} has format version {version!r}, this package reads {FORMAT_VERSION}; "
            "update the package or the model"
        )
    tables = {key: values.pop(key, {}) for key in ("scores", "training", "sha256")}
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise BundleError(f'{path}: "{key}" must be a table')
    try:
        config = cast(BundleConfig, from_dict(BundleConfig, values, str(path)))
    except ConfigError as error:
        raise BundleError(str(error)) from None
    return dataclasses.replace(config, **tables)


def check_file(folder: str | Path, config: BundleConfig, name: str) -> Path:
    """The path of a file of the bundle, after comparing it with the checksum in `config.json`.

    Raises:
        BundleError: it is missing, truncated or altered.
    """
    path = Path(folder) / name
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}") from None
    if found != config.sha256.get(name):
        raise BundleError(f"{path} is damaged: it is not the file that {CONFIG} describes; install the model again")
    return path


def read_weights(folder: str | Path, config: BundleConfig | None = None, name: str = WEIGHTS) -> dict[str, np.ndarray]:
    """The training weights by name, as float32, compared with the checksum in `config` where it is given.

    Args:
        folder: of the bundle.
        config: its own.
        name: of the file.

    Raises:
        BundleError: missing or damaged.
        MissingExtraError: the package that reads them is not installed.
    """
    path = Path(folder) / name
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise MissingExtraError("Reading training weights", "train") from None
    if not path.exists():
        raise BundleError(f"{path.parent} has no training weights ({name})")
    if config is not None:
        check_file(folder, config, name)
    try:
        weights = safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise BundleError(f"{path} is damaged: {error}") from None
    return {name: values.astype(np.float32) for name, values in weights.items()}


def write(
    folder: str | Path,
    config: BundleConfig,
    files: Mapping[str, bytes],
    weights: Mapping[str, np.ndarray],
    card: str,
) -> Path:
    """Write a bundle; it appears under its name only when complete, replacing an older one.

    Args:
        folder: where.
        config: its `num_parameters` and `sha256` are found out here.
        files: name to content: the tokenizers and, for serving, the graphs; also what a parent lends.
        weights: name to array; stored in half precision.
        card: the README.md.

    Raises:
        BundleError: the disk is full, or the folder cannot be written, or holds something else; what was there is as
            it was.
    """
    import safetensors.numpy

    folder = Path(folder)
    if folder.is_dir() and not (folder / CONFIG).is_file() and any(folder.iterdir()):
        raise BundleError(f"{folder} holds something that is no model; choose another folder, or empty it")
    with _saying_what_cannot_be_written(folder), _replacing(folder) as temporary:
        half = {name: np.ascontiguousarray(values, dtype=np.float16) for name, values in weights.items()}
        safetensors.numpy.save_file(half, temporary / WEIGHTS)
        (temporary / WEIGHTS).chmod(0o644)  # safetensors lets the owner alone read it
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        (temporary / CARD).write_text(card, encoding="utf-8")
        _write_config(temporary, dataclasses.replace(config, num_parameters=sum(v.size for v in weights.values())))
    return folder


def replace_files(folder: str | Path, files: Mapping[str, bytes], card: str | None = None) -> None:
    """Give a bundle other files, all or none: a copy of it takes its place when complete.

    Raises:
        BundleError: one of its own files is missing or damaged.
    """
    folder = Path(folder).resolve()
    config = read_config(folder)
    for name in config.sha256.keys() - files.keys():
        check_file(folder, config, name)  # else what is there would pass for what belongs there
    with _replacing(folder) as temporary:
        shutil.copytree(folder, temporary, dirs_exist_ok=True)
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        if card is not None:
            (temporary / CARD).write_text(card, encoding="utf-8")
        _write_config(temporary, config)


@contextlib.contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """An empty folder beside `folder` that takes its place when all went well."""
    folder = folder.resolve()  # "." has no name, and a link cannot be replaced by a folder
    temporary = folder.with_name(folder.name + ".writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _saying_what_cannot_be_written(folder: Path) -> Iterator[None]:
    import safetensors

    try:
        yield
    except (OSError, safetensors.SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise BundleError(
            f"cannot write {folder}: {reason or error}; mend that and run the same command again"
        ) from None


def _write_config(folder: Path, config: BundleConfig) -> None:
    """Write `config.json` with the checksums of the files beside it."""
    written = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name not in (CARD, CONFIG)]
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in written}
    values = {"format_version": FORMAT_VERSION, **dataclasses.asdict(dataclasses.replace(config, sha256=sums))}
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")
