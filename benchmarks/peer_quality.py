"""What OpenNMT-py's recurrent model reaches in a given time on the same files, subwords and machine as ours.

    python benchmarks/peer_quality.py CORPUS --pair en-de --tokenizers RUN --peer peer/bin --hours 1 --out WORK

CORPUS holds train, dev and test files such as test.en and test.de; RUN is the folder of one of our runs, whose
source.model and target.model both sides use. The peer (OpenNMT-py 3.0.4, installed as benchmarks/training.py says):
encoder 2 layers bidirectional, decoder 2 layers, 512 units, embeddings of 512, "general" attention without input
feeding, dropout 0.3, label smoothing 0.1, Adam 1e-3 halved every 2,000 steps from step 6,000 (`--decay-from`; every
third of it), 96 sentences a batch, two processor threads (`--threads`), the checkpoint of the last 500 steps, beam 5.
Writes WORK/peer.txt, one translation of the test part per line; compare with

    nmt evaluate CORPUS/test.en CORPUS/test.de --model en-de --translations WORK/peer.txt
"""

import argparse
import os
import signal
import subprocess
import time
from pathlib import Path

from nmt.evaluation.metrics import corpus_scores
from nmt.tokenizer import Tokenizer

EVERY = 100


def as_pieces(text: Path, tokenizer: Tokenizer, out: Path) -> None:
    """A tokenized copy, pieces divided by spaces."""
    lines = text.read_text(encoding="utf-8").splitlines()
    pieces = (" ".join(tokenizer.pieces(ids)) for ids in tokenizer.encode_batch(lines))
    out.write_text("".join(f"{line}\n" for line in pieces), encoding="utf-8")


def as_text(pieces: str) -> str:
    """Pieces put together, those in bytes too."""
    data = b""
    for piece in pieces.split():
        is_byte = piece.startswith("<0x") and piece.endswith(">")
        data += bytes([int(piece[3:5], 16)]) if is_byte else piece.replace("\u2581", " ").encode()
    return " ".join(data.decode("utf-8", "replace").split())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--pair", required=True)
    parser.add_argument("--tokenizers", type=Path, required=True)
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--decay-from", type=int, default=6000, metavar="STEP", help="fewer where fewer steps are made")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    work, codes = options.out, options.pair.split("-")
    work.mkdir(parents=True, exist_ok=True)
    for side, code in zip(("source", "target"), codes, strict=True):
        tokenizer = Tokenizer.load(options.tokenizers / f"{side}.model")
        for part in ("train", "dev", "test"):
            as_pieces(options.corpus / f"{part}.{code}", tokenizer, work / f"{part}.{side}")
    config = work / "peer.yaml"
    config.write_text(
        f"save_data: {work}/peer\nsrc_vocab: {work}/vocab.source\ntgt_vocab: {work}/vocab.target\noverwrite: true\n"
        f"data: {{c: {{path_src: {work}/train.source, path_tgt: {work}/train.target}}}}\n",
        encoding="utf-8",
    )
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(options.threads),
        "PYTHONWARNINGS": "ignore",
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",  # its checkpoints, which it wrote itself, hold more than weights
    }
    log = (work / "log.txt").open("w", encoding="utf-8")

    def begin(program: str, *arguments: object) -> "subprocess.Popen[bytes]":
        command = [str(options.peer / program), *map(str, arguments)]
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    if begin("onmt_build_vocab", "-config", config, "-n_sample", -1).wait():
        raise SystemExit(f"onmt_build_vocab failed; see {work}/log.txt")
    for old in work.glob("model_step_*.pt"):  # of a run before
        old.unlink()
    start = time.monotonic()
    training = begin(
        "onmt_train", "-config", config,
        "-encoder_type", "brnn", "-decoder_type", "rnn", "-rnn_type", "LSTM", "-enc_layers", 2, "-dec_layers", 2,
        "-hidden_size", 512, "-word_vec_size", 512, "-global_attention", "general", "-input_feed", 0,
        "-batch_size", 96, "-batch_type", "sents", "-dropout", 0.3, "-label_smoothing", 0.1,
        "-optim", "adam", "-learning_rate", 0.001, "-max_grad_norm", 1.0, "-learning_rate_decay", 0.5,
        "-start_decay_steps", options.decay_from, "-decay_steps", options.decay_from // 3,
        "-train_steps", 10**6, "-report_every", 100,
        "-save_model", work / "model", "-save_checkpoint_steps", EVERY, "-keep_checkpoint", 1,
        "-num_workers", 0, "-bucket_size", 30000,
    )  # fmt: skip
    while training.poll() is None and time.monotonic() - start < options.hours * 3600:
        time.sleep(1)
    if training.poll() is not None:
        raise SystemExit(f"onmt_train ended early; see {work}/log.txt")
    training.send_signal(signal.SIGKILL)
    training.wait()
    checkpoints = sorted(work.glob("model_step_*.pt"), key=lambda path: int(path.stem.rpartition("_")[2]))
    if not checkpoints:
        raise SystemExit(f"no checkpoint after {options.hours} hours; see {work}/log.txt")
    output = work / "peer.pieces"
    arguments = ("-model", checkpoints[-1], "-src", work / "test.source", "-output", output, "-beam_size", 5)
    if begin("onmt_translate", *arguments, "-batch_size", 32).wait():
        raise SystemExit(f"onmt_translate failed; see {work}/log.txt")
    texts = [as_text(line) for line in output.read_text(encoding="utf-8").splitlines()]
    (work / "peer.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    references = (options.corpus / f"test.{codes[1]}").read_text(encoding="utf-8").splitlines()
    print(f"{checkpoints[-1].stem} after {options.hours} hours")
    for score in corpus_scores(texts, references, codes[1]):
        print(f"{score.name} {score.value:.2f}  {score.signature}")


if __name__ == "__main__":
    main()
