"""The parts of networks: every parameter is in one, and depths rise from the input on."""

from __future__ import annotations

import torch
from torch import nn

from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.nn import Stack
from elman.nn.parts import parts_of_network
from elman.tasks.classifier.config import ClassifierNetworkConfig
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.language_model.config import LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.tagger.config import TaggerNetworkConfig
from elman.tasks.tagger.network import TaggerNetwork
from elman.tasks.translator.config import TranslatorNetworkConfig
from elman.tasks.translator.network import TranslatorNetwork


def parts(network: nn.Module) -> dict[str, set[str]]:
    """The first words of the names of each part's parameters, and the number of a layer."""
    found: dict[str, set[str]] = {}
    for name, part in parts_of_network(network).items():
        found.setdefault(part.name, set()).add(name)
    assert set().union(*found.values()) == {name for name, _ in network.named_parameters()}
    return found


def test_layers_are_numbered_from_the_input() -> None:
    network = LanguageModelNetwork(5, LanguageModelNetworkConfig(layers=2, hidden_size=3, embedding=2))
    found = parts_of_network(network)
    assert found["embed.weight"] == ("embedding", 0)
    assert found["stack.layers.0.0.cell.weight_ih"] == ("1", 1)
    assert found["stack.layers.1.0.cell.bias_hh"] == ("2", 2)
    assert found["head.weight"] == found["head.bias"] == ("head", 3)
    assert set(parts(network)) == {"embedding", "1", "2", "head"}


def test_a_tied_weight_belongs_to_the_embedding() -> None:
    network = LanguageModelNetwork(5, LanguageModelNetworkConfig(hidden_size=3, embedding=3, tied=True))
    assert parts(network)["embedding"] == {"embed.weight"}
    assert parts(network)["head"] == {"head.bias"}


def test_directions_are_one_layer_and_pooling_is_the_head() -> None:
    config = ClassifierNetworkConfig(hidden_size=3, embedding=2, pool="attention", bag=1)
    found = parts(ClassifierNetwork(config, outputs=2, tokens=5, grams=3))
    assert {name.split(".")[3] for name in found["1"]} == {"0", "1"} or len(found["1"]) == 8
    assert {name.partition(".")[0] for name in found["head"]} == {"pool", "head", "bag"}


def test_characters_of_words_are_read_before_the_first_layer() -> None:
    network = TaggerNetwork(TaggerVocabulary.smallest(intent=False), TaggerNetworkConfig(layers=1, hidden_size=3))
    found = parts(network)
    assert {name.partition(".")[0] for name in found["embedding"]} == {"embed", "letters"}
    assert {name.partition(".")[0] for name in found["1"]} == {"stack"}


def test_the_layers_of_a_decoder_follow_those_of_its_encoder() -> None:
    config = TranslatorNetworkConfig(layers=2, hidden_size=4, embedding=3, attention="between")
    found = parts(TranslatorNetwork(5, 6, config))
    assert {name.partition(".")[0] for name in found["1"] | found["2"]} == {"encoder"}
    assert all(name.startswith("decoder.lower.") for name in found["3"])
    assert all(name.startswith("decoder.upper.") for name in found["4"])
    assert {"start.linear.weight", "head_bias_V"} <= found["head"]
    assert found["embedding"] == {"source_embed.weight", "target_embed.weight"}


def test_copies_of_the_same_layers_have_the_same_numbers() -> None:
    class Ensemble(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.members = nn.ModuleList(nn.ModuleDict({"stack": Stack("gru", 2, 3, layers=2)}) for _ in range(2))
            self.weight = nn.Parameter(torch.zeros(1))

    found = parts_of_network(Ensemble())
    assert found["members.0.stack.layers.1.0.cell.weight_hh"] == found["members.1.stack.layers.1.0.cell.weight_hh"]
    assert found["weight"] == ("head", 3)
