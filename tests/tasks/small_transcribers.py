"""Tiny transcribers, and sounds that they learn in a moment: every letter is a different tone."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from elman import Transcriber
from elman.data.transcripts.vocabulary import TranscriberVocabulary
from elman.data.vocabulary import learn_vocabulary
from elman.tasks.transcriber.network import TranscriberNetwork

RATE = 4000
OPTIONS: dict[str, Any] = {
    "sample_rate": RATE,
    "mels": 8,
    "layers": 1,
    "hidden_size": 8,
    "dropout": 0.0,
    "time_masks": 0,
    "frequency_masks": 0,
    "batch_size": 8,
    "max_steps": 4,
    "learning_rate": 0.01,
    "warmup_steps": 0,
    "ema_decay": 0.0,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
}
ONE_WAY: dict[str, Any] = {"bidirectional": False, "normalise": "global"}

Samples = npt.NDArray[np.float32]


def tones(text: str, *, seed: int = 0, rate: int = RATE) -> Samples:
    """A tone of 0.12 s for each letter, 0.04 s of near silence after it."""
    draw = np.random.default_rng(seed)
    long, short = round(0.12 * rate), round(0.04 * rate)
    parts = [np.zeros(0)]
    for sign in text:
        hertz = 200.0 + 150.0 * (ord(sign) - ord("a"))
        parts += [0.5 * np.sin(2 * np.pi * hertz * np.arange(long) / rate) * (sign != " "), np.zeros(short)]
    sound = np.concatenate(parts)
    return (sound + draw.normal(0.0, 0.003, len(sound))).astype(np.float32)


def spoken(count: int = 30, seed: int = 0) -> tuple[list[Samples], list[str]]:
    """Sounds, and their texts of one to four of the letters a, b and c."""
    draw = np.random.default_rng(seed)
    texts = ["".join(draw.choice(list("abc"), draw.integers(1, 5))) for _ in range(count)]
    return [tones(text, seed=number) for number, text in enumerate(texts)], texts


def write_wave(path: Path, samples: Samples, *, rate: int = RATE, channels: int = 1) -> Path:
    """A WAV file of 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").repeat(channels).tobytes())
    return path


def write_manifest(folder: Path, count: int = 12, seed: int = 0) -> Path:
    """WAV files, and the manifest of them."""
    folder.mkdir(parents=True, exist_ok=True)
    sounds, texts = spoken(count, seed)
    for number, sound in enumerate(sounds):
        write_wave(folder / f"{number}.wav", sound)
    path = folder / "manifest.csv"
    rows = [f"{number}.wav,{text}" for number, text in enumerate(texts)]
    path.write_text("\n".join(["path,text", *rows]) + "\n", encoding="utf-8")
    return path


def untrained(
    *,
    tokens: str = "characters",
    text: str = "abc",
    kind: str = "sound",
    seed: int = 0,
    loud: float = 4.0,
    **options: Any,
) -> Transcriber:
    """A transcriber whose weights are random, and large enough that it says many things."""
    model = Transcriber(**OPTIONS | options)
    features = 3 if kind == "strokes" else model.config.sound.mels
    vocabulary = TranscriberVocabulary(learn_vocabulary(tokens, [text]), kind, features)
    torch.manual_seed(seed)
    network = TranscriberNetwork(features, vocabulary.size, model.config.network)
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(loud)
        network.head.bias.zero_()
        if model.config.network.normalise == "global" and kind == "sound":
            network.mean_F.fill_(-12.0)
            network.deviation_F.fill_(4.0)
    model._network, model._vocabulary = network.eval(), vocabulary
    return model
