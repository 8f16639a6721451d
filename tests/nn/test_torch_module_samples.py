"""torch's own samples for its RNN, GRU and LSTM (its private test tables), with ours in their place."""

from __future__ import annotations

import warnings
from functools import cache
from types import ModuleType
from typing import Any

import pytest
import torch

import elman.nn


@cache
def torchs_tables() -> ModuleType:
    """torch's private module with its tables, imported where it is used: that takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from torch.testing._internal import common_modules
        except ImportError as error:  # it asks for packages of torch's own test suite
            pytest.skip(f"torch's private test tables cannot be imported: {error}")
    return common_modules


pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")


def tables(name: str, dtype: torch.dtype) -> tuple[Any, list[Any], list[Any]]:
    """Our layer, torch's samples, and its samples of errors."""
    info = next(info for info in torchs_tables().module_db if info.name == name)
    kind = {"device": "cpu", "dtype": dtype, "requires_grad": True, "training": True}
    extra = {} if name == "nn.LSTM" else {"with_packed_sequence": True}
    samples = info.module_inputs_func(info, **kind, **extra)
    errors = info.module_error_inputs_func(info, **kind)
    return getattr(elman.nn, name.removeprefix("nn.")), samples, errors


def tensors(nested: Any) -> list[torch.Tensor]:
    """Every tensor of nested tuples (a PackedSequence is one); None is left out."""
    if nested is None:
        return []
    return [nested] if isinstance(nested, torch.Tensor) else [t for item in nested for t in tensors(item)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", ["nn.RNN", "nn.GRU", "nn.LSTM"])
def test_torchs_samples(name: str, dtype: torch.dtype) -> None:
    layer, samples, _ = tables(name, dtype)
    assert len(samples) >= 16
    for sample in samples:
        made, called = sample.constructor_input, sample.forward_input
        results = []
        for kind in (getattr(torch.nn, name.removeprefix("nn.")), layer):
            torch.manual_seed(0)
            module = kind(*made.args, **made.kwargs, dtype=dtype)
            outputs = tensors(module(*called.args, **called.kwargs))
            sum(t.sum() for t in outputs if t.is_floating_point()).backward()
            results.append(outputs + [parameter.grad for parameter in module.parameters()])
        torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-5)
        packed = not isinstance(called.args[0], torch.Tensor)
        if sample.reference_fn is not None and not packed:
            with torch.no_grad():
                expected = sample.reference_fn(module, *called.args, **called.kwargs)
                torch.testing.assert_close(tensors(module(*called.args)), tensors(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["nn.RNN", "nn.GRU", "nn.LSTM"])
def test_torchs_samples_of_errors(name: str) -> None:
    layer, _, errors = tables(name, torch.float32)
    assert len(errors) >= 10
    for error in errors:
        made, called = error.module_error_input.constructor_input, error.module_error_input.forward_input
        if error.error_on is torchs_tables().ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(error.error_type, match=error.error_regex):
                layer(*made.args, **made.kwargs)
        else:
            module = layer(*made.args, **made.kwargs)
            with pytest.raises(error.error_type, match=error.error_regex):
                module(*called.args, **called.kwargs)
