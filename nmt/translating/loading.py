"""Opening a bundle: its tokenizers and the engine that runs its network, each checked."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt import bundle
from nmt.bundle import BundleConfig, BundleInfo
from nmt.engines import Engine
from nmt.engines.ensemble import EnsembleEngine
from nmt.engines.routed import RoutedEngine, Router
from nmt.errors import BundleError, ConfigError, MissingExtraError
from nmt.processors import num_processors
from nmt.tokenizer import Tokenizer

ENGINES = ("auto", "onnx", "keras")


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A bundle, ready to run.

    Attributes:
        config, info: what it says about itself.
        source, target: its tokenizers.
        engine: its network.
        num_workers: batches that the engine can run at the same time.
    """

    config: BundleConfig
    info: BundleInfo
    source: Tokenizer
    target: Tokenizer
    engine: Engine
    num_workers: int


def load(name_or_folder: str | Path, engine: str = "auto", num_threads: int = 0) -> LoadedModel:
    """Open a bundle.

    Args:
        name_or_folder: an installed model such as "en-ja", or a bundle's folder.
        engine: "onnx" is fast and light; "keras" is the reference that training uses; "auto" takes the first where
            the bundle has its graphs.
        num_threads: processor threads, 0: all. With ONNX Runtime each has its own batch. Keras can be told before its
            first use in a process only.

    Raises:
        BundleError: there is no such model, or it is damaged.
        MissingExtraError: its engine is not installed.
        ConfigError: an engine that does not exist, or fewer than 0 threads.
    """
    if engine not in ENGINES:
        raise ConfigError(f'engine must be one of {", ".join(ENGINES)}, not "{engine}"')
    if num_threads < 0:
        raise ConfigError(f"num_threads must be 0 (all) or more, not {num_threads}")
    folder = bundle.find(name_or_folder)
    config = bundle.read_config(folder)
    source, target = (
        Tokenizer.load(bundle.check_file(folder, config, name))
        for name in (bundle.SOURCE_TOKENIZER, bundle.TARGET_TOKENIZER)
    )
    for side, tokenizer, expected in (
        ("source", source, config.model.source_vocab_size),
        ("target", target, config.model.target_vocab_size),
    ):
        if tokenizer.vocab_size != expected:
            raise BundleError(
                f"{folder}: the {side} tokenizer has {tokenizer.vocab_size} tokens, config.json says {expected}"
            )
    info = bundle.read_info(folder)
    if engine == "keras" or (engine == "auto" and bundle.DECODER not in config.sha256):
        network, num_workers = _keras_engine(folder, config, num_threads), 1
    else:
        network, num_workers = _onnx_engine(folder, config), num_threads or num_processors()
    return LoadedModel(config, info, source, target, network, num_workers)


def load_ensemble(names_or_folders: Sequence[str | Path], engine: str = "auto", num_threads: int = 0) -> LoadedModel:
    """Open several bundles with the same vocabularies as one model; arguments and errors are those of `load`.

    Raises:
        ConfigError: there are none, or their languages or vocabularies differ.
    """
    models = [load(one, engine, num_threads) for one in names_or_folders]
    if not models:
        raise ConfigError("an ensemble needs at least one model")
    first = models[0]
    pair = _languages(first)
    for other in models[1:]:
        for side in ("source", "target"):
            if getattr(other, side).model != getattr(first, side).model:
                raise ConfigError(
                    f"{other.info.folder} and {first.info.folder} have different {side} vocabularies; the models of an "
                    "ensemble must be trained with the same ones"
                )
        if _languages(other) != pair:  # two directions can have one joint vocabulary
            raise ConfigError(
                f"{other.info.folder} translates {'-'.join(_languages(other))} and {first.info.folder} "
                f"{'-'.join(pair)}; the models of an ensemble must translate the same languages"
            )
    if len(models) == 1:
        return first
    return LoadedModel(
        dataclasses.replace(first.config, max_source_tokens=min(model.config.max_source_tokens for model in models)),
        BundleInfo(
            name=" + ".join(model.info.name for model in models),
            folder=Path(),  # it is in none
            source_language=first.info.source_language,
            target_language=first.info.target_language,
            size_bytes=sum(model.info.size_bytes for model in models),
            num_parameters=sum(model.info.num_parameters for model in models),
            licence=", ".join(dict.fromkeys(model.info.licence for model in models if model.info.licence)),
            data_credit=", ".join(dict.fromkeys(model.info.data_credit for model in models if model.info.data_credit)),
        ),
        first.source,
        first.target,
        EnsembleEngine([model.engine for model in models]),
        min(model.num_workers for model in models),
    )


def _languages(model: LoadedModel) -> tuple[str, str]:
    return model.info.source_language, model.info.target_language


def read_router(folder: Path, config: BundleConfig) -> Router:
    """What chooses the network in a bundle that has two."""
    return Router.load(bundle.check_file(folder, config, bundle.ROUTER), config.model.source_vocab_size)


def read_others_target(folder: Path, config: BundleConfig) -> Tokenizer | None:
    """How the parent's network in a bundle that has two spells the target, where that is not how the new one does."""
    if bundle.PARENT_TARGET_TOKENIZER not in config.sha256:
        return None
    return Tokenizer.load(bundle.check_file(folder, config, bundle.PARENT_TARGET_TOKENIZER))


def _onnx_engine(folder: Path, config: BundleConfig) -> Engine:
    own = _graphs(folder, config, bundle.ENCODER, bundle.DECODER)
    if not config.is_routed:
        return own
    parent = _graphs(folder, config, bundle.PARENT_ENCODER, bundle.PARENT_DECODER)
    return RoutedEngine(parent, own, read_router(folder, config), read_others_target(folder, config))


def _graphs(folder: Path, config: BundleConfig, encoder_name: str, decoder_name: str) -> Engine:
    from nmt.engines.onnx import OnnxEngine

    encoder, decoder = (bundle.check_file(folder, config, name) for name in (encoder_name, decoder_name))
    engine = OnnxEngine(encoder, decoder)
    sizes = (engine.vocab_size, engine.decoder_units)
    if sizes != (config.model.target_vocab_size, config.model.decoder_units):
        raise BundleError(f"{decoder} is of another network than {folder / bundle.CONFIG} describes")
    return engine


def _keras_engine(folder: Path, config: BundleConfig, num_threads: int) -> Engine:
    own = _keras_network(folder, config, num_threads, bundle.WEIGHTS)
    if not config.is_routed:
        return own
    parent = _keras_network(folder, config, num_threads, bundle.PARENT_WEIGHTS)
    return RoutedEngine(parent, own, read_router(folder, config), read_others_target(folder, config))


def _keras_network(folder: Path, config: BundleConfig, num_threads: int, name: str) -> Engine:
    try:
        from nmt import backend
        from nmt.engines.keras import KerasEngine
        from nmt.network.model import TranslationModel
    except ImportError:
        raise MissingExtraError("The Keras engine", "train") from None
    weights = bundle.read_weights(folder, config, name)
    backend.limit_threads(num_threads)
    model = TranslationModel(config.model)
    try:
        model.set_named_weights(weights)
    except ValueError as error:
        raise BundleError(f"{folder / name}: {error}") from None
    return KerasEngine(model)
