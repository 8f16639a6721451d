"""GloVe and LSA: vectors from how often words are near each other in the whole text."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.word_text.cooccurrences import Cooccurrences, PassStream, ShuffledCells, count_cooccurrences
from elman.errors import DataError
from elman.tasks.embeddings.in_place import InPlaceObjective
from elman.tasks.embeddings.network import EmbeddingsNetwork

if TYPE_CHECKING:
    from elman.tasks.embeddings.setup import EmbeddingsSetup

__all__ = ["GloVeObjective", "LSAObjective", "ppmi"]

# Cells of a step of GloVe unless an option says otherwise.
_CELLS = 8192
# Further columns of the basis of the randomised decomposition (Halko et al. 2011).
OVERSAMPLED = 10


class CountObjective(InPlaceObjective):
    """An objective on the table of co-occurrences of the training text."""

    def __init__(self, setup: EmbeddingsSetup) -> None:
        self.setup = setup
        self.config = setup.config.network
        self.model: EmbeddingsNetwork = setup.network
        self.held_out = setup.pairs_of(setup.held_out)
        self.cells = count_cooccurrences(setup.parts.train, setup.words, self.config.window, self.weight)
        if not len(self.cells.weights_N):
            raise DataError(
                f"expected words within {self.config.window} words of each other in a document. Received: none"
            )

    @abstractmethod
    def weight(self, distance: int) -> float:
        """Return the weight of two words this far from each other."""

    @abstractmethod
    def stream(self) -> Any:
        """Return the stream of batches."""

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Return the share of noise with a lower score than the true word on the held-out text."""
        found = {} if self.held_out is None else self.held_out.metrics(self.model.tables(), limit)
        if not found:
            return {}
        return {"above_noise": found["above_noise"], "pairs": found["pairs"], "selection": -found["above_noise"]}


class GloVeObjective(CountObjective):
    """Weighted squared error of the logarithms of counts, by AdaGrad (Pennington et al. 2014)."""

    def __init__(self, setup: EmbeddingsSetup) -> None:
        super().__init__(setup)
        counts = self.cells.weights_N
        self._logs = np.log(counts).astype(np.float32)
        self._weights = np.minimum(1.0, (counts / self.config.x_max) ** self.config.x_exponent).astype(np.float32)
        self.seed = setup.training_config.seed

    def weight(self, distance: int) -> float:
        return 1.0 / distance

    def stream(self) -> ShuffledCells:
        size = self.config.batch_size or _CELLS
        return ShuffledCells(len(self._logs), batch_size=size, seed=self.seed)

    def update(self, batch: npt.NDArray[np.int64], rate: float) -> tuple[float, int]:
        """Make a step of AdaGrad on these cells."""
        first, second = (torch.from_numpy(each[batch]) for each in self.cells[:2])
        model = self.model
        with torch.no_grad():
            w_BE, c_BE = model.input_vectors[first], model.output_vectors[second]
            weights_B, logs_B = torch.from_numpy(self._weights[batch]), torch.from_numpy(self._logs[batch])
            away_B = (w_BE * c_BE).sum(1) + _bias(model.input_bias)[first] + _bias(model.output_bias)[second] - logs_B
            slope_B = weights_B * away_B
            _adagrad(model.input_vectors, model.state_input, first, slope_B[:, None] * c_BE, rate)
            _adagrad(model.output_vectors, model.state_output, second, slope_B[:, None] * w_BE, rate)
            _adagrad(_bias(model.input_bias), model.state_input_bias, first, slope_B, rate)
            _adagrad(_bias(model.output_bias), model.state_output_bias, second, slope_B, rate)
        return float((weights_B * away_B**2).sum()), len(batch)


def _bias(parameter: Tensor | None) -> Tensor:
    return torch.zeros(0) if parameter is None else parameter


def _adagrad(table: Tensor, squares: Tensor, rows_B: Tensor, gradients: Tensor, rate: float) -> None:
    """Move the rows that a batch has by their summed gradients over the root of all squares so far."""
    different, where = rows_B.unique(return_inverse=True)
    summed = torch.zeros(len(different), *gradients.shape[1:]).index_add_(0, where, gradients)
    now = squares[different] + summed**2
    squares[different] = now
    table[different] -= rate * summed / now.sqrt()


class LSAObjective(CountObjective):
    """The best approximation of the table of positive pointwise mutual information, by randomised iteration.

    A step is a pass over the table: the product with the basis, made orthonormal again. Vectors are the singular
    vectors times the roots of the singular values (Levy et al. 2015).
    """

    def __init__(self, setup: EmbeddingsSetup) -> None:
        super().__init__(setup)
        values_N = ppmi(self.cells, len(setup.words), self.config.noise_exponent)
        kept = values_N > 0.0
        if not kept.any():
            raise DataError("expected words that are nearer each other than by chance. Received: none")
        size = len(setup.words)
        self._table_VV = torch.sparse_coo_tensor(
            torch.from_numpy(np.stack([self.cells.first_N[kept], self.cells.second_N[kept]])),
            torch.from_numpy(values_N[kept].astype(np.float32)),
            (size, size),
            is_coalesced=True,
            check_invariants=True,
        )
        self._turned_VV = self._table_VV.t().coalesce()
        self._square = float((values_N[kept] ** 2).sum())

    def weight(self, distance: int) -> float:
        return 1.0 - (distance - 1.0) / self.config.window

    def stream(self) -> PassStream:
        return PassStream(len(self.cells.weights_N))

    def update(self, batch: int, rate: float) -> tuple[float, int]:
        """Make a pass; returns the squared error of the approximation."""
        del batch, rate
        model = self.model
        with torch.no_grad():
            basis_VK, _ = torch.linalg.qr(self._table_VV @ (self._turned_VV @ model.state_basis))
            model.state_basis.copy_(basis_VK)
            right_VK, values_K, turns_KK = torch.linalg.svd(self._turned_VV @ basis_VK, full_matrices=False)
            values_E = values_K[: model.input_vectors.shape[1]]
            size, roots_E = len(values_E), values_E.sqrt()
            model.input_vectors.zero_()
            model.output_vectors.zero_()
            model.input_vectors[:, :size] = basis_VK @ turns_KK[:size].T * roots_E
            model.output_vectors[:, :size] = right_VK[:, :size] * roots_E
            error = max(0.0, self._square - float((values_E.double() ** 2).sum()))
        return error, len(self.cells.weights_N)


def ppmi(cells: Cooccurrences, size: int, exponent: float) -> npt.NDArray[np.float64]:
    """Return the positive pointwise mutual information of each cell, with contexts' counts to the power `exponent`."""
    totals_V = np.bincount(cells.first_N, weights=cells.weights_N, minlength=size)
    smoothed_V = totals_V**exponent
    with np.errstate(divide="ignore"):
        chance_N = totals_V[cells.first_N] * smoothed_V[cells.second_N] / smoothed_V[totals_V > 0].sum()
    return np.maximum(0.0, np.log(cells.weights_N / chance_N))
