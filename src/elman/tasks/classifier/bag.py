"""The start of a classifier's bag of n-grams: the n-grams of the training texts, and their weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from elman.data.examples.vocabulary import ClassifierVocabulary, EncodedExamples
from elman.nn.bag import LeaveOneOut, count_grams, learn_bag
from elman.nn.bag_fit import fit_bag
from elman.tasks.classifier.config import ClassifierNetworkConfig
from elman.tasks.classifier.network import ClassifierNetwork

__all__ = ["BagStart", "start_of_bag"]


class BagStart(NamedTuple):
    """What a bag begins with.

    keys_K      keys of the n-grams
    weights_KC  their weights
    bias_C      bias of the output layer; None for that of the network
    left_out    how a text changes the weights, with `bag_leave_one_out`
    """

    keys_K: npt.NDArray[np.int64]
    weights_KC: npt.NDArray[np.float64]
    bias_C: npt.NDArray[np.float64] | None = None
    left_out: LeaveOneOut | None = None

    def put_into(self, network: ClassifierNetwork) -> None:
        """Set the weights of a network."""
        if network.bag is None:
            return
        network.bag.start(self.keys_K, self.weights_KC)
        if self.left_out is not None:
            network.bag.leave_out(self.left_out)
        if self.bias_C is not None:
            with torch.no_grad():
                network.head.bias.copy_(torch.from_numpy(self.bias_C))


def start_of_bag(
    network: ClassifierNetworkConfig, train: EncodedExamples, vocabulary: ClassifierVocabulary
) -> BagStart:
    """Return the n-grams of the training texts and their weights, as the options say."""
    grams, outputs = count_grams(train.rows, network.bag), vocabulary.targets.outputs
    truth_N = train.truth_N.astype(np.int64) if vocabulary.names else None
    if network.bag_leave_one_out and truth_N is not None:
        fitted = fit_bag(grams, truth_N, outputs)
        return BagStart(grams.keys_K, fitted.weights_KC, fitted.bias_C, fitted.left_out)
    weights_KC = learn_bag(grams, truth_N if network.bag_start > 0.0 else None, outputs)
    return BagStart(grams.keys_K, network.bag_start * weights_KC)
