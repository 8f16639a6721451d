"""The convolutional encoder against torch's own functions, and the frozen models of a torchvision that is a stub."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from elman.errors import ConfigError, DataError, ShapeError
from elman.nn.images import ImageEncoder
from elman.nn.pretrained_images import PretrainedImageEncoder


def test_blocks_against_torchs_functions() -> None:
    torch.manual_seed(0)
    encoder = ImageEncoder(3, (4, 6)).double()
    x_BHWC = torch.randn(2, 9, 14, 3, dtype=torch.float64)
    y = x_BHWC.permute(0, 3, 1, 2)
    weights = list(encoder.parameters())
    for (kernel, scale, shift), groups in zip((weights[:3], weights[3:]), (2, 3), strict=True):
        y = F.max_pool2d(F.conv2d(y, kernel, padding=1), 2, ceil_mode=True)
        y = torch.relu(F.group_norm(y, groups, scale, shift))
    found = encoder(x_BHWC)
    assert found.shape == (2, *encoder.map_size(9, 14), 6) == (2, 3, 4, 6)
    torch.testing.assert_close(found, y.permute(0, 2, 3, 1))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 8), (28, 84)])
def test_the_size_of_a_map_and_images_by_themselves(size: tuple[int, int]) -> None:
    encoder = ImageEncoder(1, (2, 3, 16))
    x_BHWC = torch.randn(3, *size, 1)
    found = encoder(x_BHWC)
    assert found.shape == (3, *encoder.map_size(*size), 16)
    torch.testing.assert_close(found[1:2], encoder(x_BHWC[1:2]))


def test_what_an_encoder_refuses() -> None:
    for channels in ((), (4, 1), (0,)):
        with pytest.raises(ConfigError, match="channels to have at least one number"):
            ImageEncoder(1, channels)
    with pytest.raises(ShapeError, match=r"\(batch, height, width, 3\).*Received: \(2, 4, 4, 1\)"):
        ImageEncoder(3, (4,))(torch.zeros(2, 4, 4, 1))


class Small(nn.Module):
    """What a model of torchvision looks like."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.fc: nn.Module = nn.Linear(5, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(self.conv(x)).mean(dim=(2, 3)))


def small(weights: object = None) -> nn.Module:
    assert weights is None
    return Small()


def headless(weights: object = None) -> nn.Module:
    return nn.Flatten()


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    package, models = ModuleType("torchvision"), ModuleType("torchvision.models")
    models.small, models.headless, models.Big = small, headless, Small  # type: ignore[attr-defined]
    models.broken = lambda: None  # type: ignore[attr-defined]
    package.models = models  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)


@pytest.mark.usefixtures("torchvision")
def test_a_pretrained_model_is_frozen_and_gives_what_its_last_layer_reads(tmp_path: Path) -> None:
    whole = Small().eval()
    whole.norm.running_mean.uniform_()  # type: ignore[union-attr, operator]
    save_file(whole.state_dict(), tmp_path / "w.safetensors")
    features = PretrainedImageEncoder("small", 8, 9)
    assert features.output_size == 5
    features.read_weights(tmp_path / "w.safetensors")
    features.train()
    x_BHWC = torch.rand(2, 8, 9, 3)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((x_BHWC - mean) / deviation).permute(0, 3, 1, 2)
    expected = whole.norm(whole.conv(x)).mean(dim=(2, 3))
    torch.testing.assert_close(features(x_BHWC), expected.detach())
    assert not any(parameter.requires_grad for parameter in features.parameters())
    assert not features.body.training
    with pytest.raises(ShapeError, match="3 channels"):
        features(torch.zeros(1, 8, 9, 1))


@pytest.mark.usefixtures("torchvision")
def test_weights_and_names_that_do_not_fit(tmp_path: Path) -> None:
    features = PretrainedImageEncoder("small", 8, 9)
    state = Small().state_dict()
    missing = {name: tensor for name, tensor in state.items() if name != "conv.bias"}
    save_file(missing, tmp_path / "missing.safetensors")
    save_file({**state, "conv.bias": torch.zeros(7)}, tmp_path / "shape.safetensors")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    for name, message in (
        ("missing", "expected a tensor conv.bias of shape .*Received: none"),
        ("shape", r"Received: one of \(7,\)"),
        ("junk", "expected weights in a .safetensors file"),
        ("absent", "expected weights in a .safetensors file"),
    ):
        with pytest.raises(DataError, match=message):
            features.read_weights(tmp_path / f"{name}.safetensors")
    for name in ("big", "Big", "__class__", "headless", "broken", "a.b"):
        with pytest.raises(ConfigError, match="expected "):
            PretrainedImageEncoder(name, 8, 9)


def test_without_torchvision_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ConfigError, match=r"expected torchvision .*compute the features beforehand"):
        PretrainedImageEncoder("resnet18", 8, 8)
