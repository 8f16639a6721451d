"""Bugs planted into ensembles, each with the check that must notice it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from elman.data.rows import SequenceRows
from elman.decode import ensembles as decode_ensembles
from elman.nn import attribution, crf, ensemble
from elman.tasks.classifier.config import ClassifierNetworkConfig
from elman.tasks.classifier.network import ClassifierEnsemble, ClassifierNetwork
from elman.tasks.transcriber import network as transcriber_network
from elman.train import ensemble as training

from ..contract.test_every_ensemble import test_each_member_trains_as_if_alone as trains_alone
from ..tasks import test_ensembles as answers
from .bug import ELMAN, Bug
from .test_planted_bugs import plant


class Planted(NamedTuple):
    """What is changed, in which function of which module, and the check that must notice."""

    what: str
    module: ModuleType
    function: str
    old: str
    new: str
    check: Callable[[], None]


def check_training() -> None:
    with tempfile.TemporaryDirectory() as place:
        trains_alone("tagger", Path(place))


def check_probabilities() -> None:
    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = logits.softmax(dim=-1).mean(dim=0).log()
    found = decode_ensembles.log_mean_probabilities(list(logits))
    assert torch.allclose(found, expected)


def check_transitions() -> None:
    members = [crf.CRF(3), crf.CRF(3)]
    for member in members:
        nn.init.normal_(member.transitions)
    mean = crf.mean_crf(members)
    assert torch.allclose(mean.transitions, (members[0].transitions + members[1].transitions) / 2)


def check_contributions() -> None:
    config = ClassifierNetworkConfig(hidden_size=3, embedding=0)
    make = partial(ClassifierNetwork, config, outputs=2, channels=2)
    network, rows = ClassifierEnsemble([make(), make()], regression=False), SequenceRows([np.ones((4, 2), np.float32)])
    one, other = (attribution.step_weights(member, rows, np.zeros(1, np.int64))[0] for member in network.members)
    found = attribution.step_weights(network, rows, np.zeros(1, np.int64))[0]
    assert np.allclose(found, (one + other) / 2)


def check_members() -> None:
    """That one network is not taken for several."""
    config = type("Config", (), {"network": type("Network", (), {"members": 2})})
    try:
        ensemble.check_members(config, nn.Linear(1, 1), "toy")
    except ensemble.ConfigError as error:
        assert "members=1 for a toy" in str(error)  # noqa: PT017
    else:
        raise AssertionError("one network was taken for two")


BUGS = [
    Planted(
        "gradients are clipped over all members together",
        training,
        "EnsembleTraining._clip",
        "member.model.parameters()",
        "self._parameters",
        check_training,
    ),
    Planted(
        "the first member learns for all",
        training,
        "EnsembleTraining._propagate",
        "self._backward_of(objective, batch, each)",
        "self._backward_of(self.objective.members[0], batch, each)",
        check_training,
    ),
    Planted(
        "probabilities are added and not averaged",
        decode_ensembles,
        "log_mean_probabilities",
        "total - math.log(len(logits))",
        "total",
        check_probabilities,
    ),
    Planted(
        "the last member decides",
        decode_ensembles,
        "log_mean_probabilities",
        "torch.logaddexp(total, torch.log_softmax(as_scores(more), dim=-1))",
        "torch.log_softmax(as_scores(more), dim=-1) + math.log(len(logits))",
        check_probabilities,
    ),
    Planted(
        "the transitions are those of the first member",
        crf,
        "mean_crf",
        "for member in members])",
        "for member in members[:1]])",
        check_transitions,
    ),
    Planted(
        "the contributions are those of the first member",
        attribution,
        "step_weights",
        "if len(found) == 1",
        "if found",
        check_contributions,
    ),
    Planted(
        "the mean is that of logits that are not normalised",
        transcriber_network,
        "_mean",
        "torch.log_softmax(each.float(), dim=-1)",
        "each.float()",
        answers.test_a_transcriber_has_the_mean_log_probability_of_each_symbol,
    ),
    Planted(
        "the number of members is not looked at", ensemble, "check_members", "(None, made)", "(members,)", check_members
    ),
]


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.what)
def test_a_planted_bug_is_caught(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    bug = Bug(planted.what, planted.module, planted.function, ((planted.old, planted.new),), lambda *_: None, ELMAN)
    planted.check()
    with monkeypatch.context() as patch:
        plant(bug, patch)
        with pytest.raises(AssertionError):
            planted.check()
