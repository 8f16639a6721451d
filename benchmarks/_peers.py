"""The same model or layer in torch, elman and Keras on JAX, with the same weights in torch and elman."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import elman.nn
from elman.tasks.language_model.config import LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork

LAYERS = 2
TORCH_LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
ELMAN_LAYERS = {"lstm": elman.nn.LSTM, "gru": elman.nn.GRU, "rnn": elman.nn.RNN}
# elman's names of the cells.
ELMAN_CELLS = {"lstm": "lstm", "gru": "gru", "rnn": "elman"}


class Case(NamedTuple):
    """Cell and sizes of a model, and the shape of a batch."""

    cell: str
    hidden: int
    batch: int = 50
    time: int = 50
    vocabulary: int = 65


class CharacterModel(nn.Module):
    """Embedding, recurrent layers with torch's interface, output product: int64 B x T to logits B x T x V."""

    def __init__(self, case: Case, layers: dict[str, type[nn.Module]]) -> None:
        super().__init__()
        self.embed = nn.Embedding(case.vocabulary, case.hidden)
        self.recurrent = layers[case.cell](case.hidden, case.hidden, LAYERS, batch_first=True)
        self.head = nn.Linear(case.hidden, case.vocabulary)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        y_BTH, _ = self.recurrent(self.embed(tokens_BT))
        return self.head(y_BTH)


class TokenModel(nn.Module):
    """elman's language model. Its first layer receives tokens, so a table can replace the input projection."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        config = LanguageModelNetworkConfig(
            ELMAN_CELLS[case.cell], layers=LAYERS, hidden=case.hidden, embedding=case.hidden
        )
        self.network = LanguageModelNetwork(case.vocabulary, config)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        return self.network(tokens_BT, None, self.network.initial_state(tokens_BT.shape[0]))[0]


class TorchStep:
    """Training steps of `model`: forward, loss, backward and fused Adam, with bfloat16 autocast if requested."""

    def __init__(self, model: nn.Module, case: Case, bfloat16: bool = False) -> None:
        self.model = model
        self.bfloat16 = bfloat16
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        generator = torch.Generator().manual_seed(0)
        self.tokens = torch.randint(case.vocabulary, (case.batch, case.time + 1), generator=generator)

    def loss(self) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            logits_BTV = self.model(self.tokens[:, :-1])
        return F.cross_entropy(logits_BTV.float().flatten(0, 1), self.tokens[:, 1:].flatten())

    def steps(self, count: int) -> None:
        for _ in range(count):
            loss = self.loss()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        loss.item()


class KerasStep:
    """The same steps in Keras on JAX, in a separate process that sleeps between requests."""

    def __init__(self, case: Case, threads: int, tuned: bool) -> None:
        options = [f"--{name}={value}" for name, value in case._asdict().items()] + ["--tuned"] * tuned
        environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "NPROC": str(threads)}
        command = [sys.executable, str(Path(__file__).with_name("_keras_step.py")), *options]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)
        usual = math.log(case.vocabulary)
        first = self.steps(1)
        if not abs(first - usual) < 0.2:
            sys.exit(f"expected Keras to start from a loss near {usual:.3f}. Received: {first:.3f}")

    def steps(self, count: int) -> float:
        """Make `count` steps; return the loss of the last."""
        if self._process.stdin is None or self._process.stdout is None:
            sys.exit("expected pipes to the Keras process. Received: none")
        print(count, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"the Keras process ended with {self._process.wait()}")
        return float(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()


class LayerPass:
    """Forward and backward pass of one call, with gradients of the input and of every weight."""

    def __init__(self, call: Callable[[Tensor], Tensor], layer: nn.Module, x_BTI: Tensor, dy_BTH: Tensor) -> None:
        self.call = call
        self.weights = list(layer.parameters())
        self.x_BTI = x_BTI.detach().requires_grad_()
        self.dy_BTH = dy_BTH

    def run(self) -> None:
        for tensor in (*self.weights, self.x_BTI):
            tensor.grad = None
        self.call(self.x_BTI).backward(self.dy_BTH)

    def check_against(self, other: LayerPass, tolerance: float = 1e-4) -> None:
        """Exit unless both give the same outputs and gradients, up to rounding."""
        results = []
        for one in (self, other):
            one.run()
            results.append([one.call(one.x_BTI).detach(), one.x_BTI.grad, *(weight.grad for weight in one.weights)])
        for mine, theirs in zip(*results, strict=True):
            error = float((mine - theirs).abs().max() / theirs.abs().max())
            if not error < tolerance:
                sys.exit(f"expected equal outputs and gradients. Received: a relative error of {error:.1e}")


def layer_pair(cell: str, inputs: int, hidden: int) -> tuple[nn.Module, nn.Module]:
    """Make a torch layer and elman's equivalent with the same weights, batch first."""
    torch.manual_seed(0)
    theirs = TORCH_LAYERS[cell](inputs, hidden, batch_first=True)
    ours = ELMAN_LAYERS[cell](inputs, hidden, batch_first=True)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def torch_model(case: Case) -> CharacterModel:
    """Make the model with torch's layers."""
    torch.manual_seed(0)
    return CharacterModel(case, TORCH_LAYERS)


def elman_model(case: Case) -> CharacterModel:
    """Make the model with elman's equivalents of torch's layers, and the weights of `torch_model`."""
    model = CharacterModel(case, ELMAN_LAYERS)
    model.load_state_dict(torch_model(case).state_dict())
    return model


def elman_token_model(case: Case) -> TokenModel:
    """Make elman's language model with the weights of `torch_model`."""
    weights = torch_model(case).state_dict()
    model = TokenModel(case)
    for name, tensor in model.network.state_dict(keep_vars=True).items():
        if name.startswith("stack."):
            _, _, layer, _, _, weight = name.split(".")
            name = f"recurrent.{weight}_l{layer}"
        with torch.no_grad():
            tensor.copy_(weights[name])
    return model
