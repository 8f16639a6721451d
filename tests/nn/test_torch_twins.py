"""elman.nn.RNN, GRU and LSTM against torch's own: same weights, same inputs, same everything."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import elman.nn

KINDS = ("RNN", "GRU", "LSTM")

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")


def pair(kind: str, *sizes: int, **options: Any) -> tuple[nn.Module, nn.Module]:
    """torch's layer and ours from the same seed, in float64 unless `options` say otherwise."""
    options.setdefault("dtype", torch.float64)
    made = []
    for module in (nn, elman.nn):
        torch.manual_seed(11)
        made.append(getattr(module, kind)(*sizes, **options))
    return made[0], made[1]


def hidden_for(layer: Any, batch: int | None) -> Any:
    """A random `hx` for a layer of ours."""
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    sizes = [layer.proj_size or layer.hidden_size] + ([layer.hidden_size] if isinstance(layer, elman.nn.LSTM) else [])
    middle = () if batch is None else (batch,)
    leaves = tuple(torch.randn(rows, *middle, size, dtype=torch.float64) for size in sizes)
    return leaves if len(leaves) > 1 else leaves[0]


def flat(*outputs: Any) -> list[Tensor]:
    """Every tensor of nested outputs."""
    found: list[Tensor] = []
    for output in outputs:
        if isinstance(output, PackedSequence):
            found.append(output.data)
        elif isinstance(output, Tensor):
            found.append(output)
        else:
            found += flat(*output)
    return found


def assert_equal_runs(theirs: nn.Module, ours: nn.Module, x: Any, hx: Any = None) -> None:
    """Outputs, last states and all gradients agree."""
    results = []
    for layer in (theirs, ours):
        layer.zero_grad()
        data = (x.data if isinstance(x, PackedSequence) else x).clone().requires_grad_()
        hidden = None if hx is None else [leaf.clone().requires_grad_() for leaf in flat(hx)]
        start = hidden[0] if hidden and len(hidden) == 1 else hidden and tuple(hidden)
        y, last = layer(x._replace(data=data) if isinstance(x, PackedSequence) else data, start)
        if isinstance(x, PackedSequence):
            assert type(y) is PackedSequence
            assert torch.equal(y.batch_sizes, x.batch_sizes)
            for name in ("sorted_indices", "unsorted_indices"):
                one, other = getattr(y, name), getattr(x, name)
                assert (one is None and other is None) or torch.equal(one, other)
        draw = torch.Generator().manual_seed(1)
        tensors = flat(y, last)
        sum((t * torch.randn(t.shape, generator=draw, dtype=t.dtype)).sum() for t in tensors).backward()
        results.append(
            [*tensors, data.grad, *(leaf.grad for leaf in hidden or []), *(p.grad for p in layer.parameters())]
        )
    assert len(results[0]) == len(results[1])
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-11)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, tuple[int, ...], dict[str, Any], int, int]:
    kind = draw(st.sampled_from(KINDS))
    options: dict[str, Any] = {name: draw(st.booleans()) for name in ("bias", "batch_first", "bidirectional")}
    hidden = draw(st.integers(1, 5))
    if kind == "RNN":
        options["nonlinearity"] = draw(st.sampled_from(("tanh", "relu")))
    if kind == "LSTM":
        options["proj_size"] = draw(st.integers(0, hidden - 1))
    sizes = (draw(st.integers(1, 4)), hidden, draw(st.integers(1, 3)))
    return kind, sizes, options, draw(st.integers(1, 4)), draw(st.integers(1, 5))


@settings(max_examples=120, deadline=None)
@given(layout=layouts(), data=st.data())
def test_any_layout_equals_torch(layout: Any, data: st.DataObject) -> None:
    kind, sizes, options, B, T = layout
    theirs, ours = pair(kind, *sizes, **options)
    torch.manual_seed(data.draw(st.integers(0, 99), label="seed"))
    form = data.draw(st.sampled_from(("tensor", "one sequence", "packed", "packed in order")), label="form")
    batch = None if form == "one sequence" else B
    hx = hidden_for(ours, batch) if data.draw(st.booleans(), label="hx") else None
    if form == "one sequence":
        x: Any = torch.randn(T, sizes[0], dtype=torch.float64)
    else:
        x = torch.randn(*((B, T) if options["batch_first"] else (T, B)), sizes[0], dtype=torch.float64)
    if form.startswith("packed"):
        lengths = data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B), label="lengths")
        in_order = form == "packed in order"
        lengths = sorted(lengths, reverse=True) if in_order else lengths
        x = pack_padded_sequence(x, torch.tensor(lengths), options["batch_first"], enforce_sorted=in_order)
    assert_equal_runs(theirs, ours, x, hx)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_weights_same_names_same_order(kind: str) -> None:
    for bias in (True, False):
        extra = {"proj_size": 2} if kind == "LSTM" else {}
        theirs, ours = pair(kind, 3, 4, 2, bidirectional=True, bias=bias, **extra)
        assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
        assert list(ours.state_dict()) == list(theirs.state_dict())
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other)
        assert [[w.shape for w in row] for row in ours.all_weights] == [
            [w.shape for w in row] for row in theirs.all_weights
        ]
        assert ours.flatten_parameters() is None
        assert list(ours.children()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_state_dict_goes_both_ways_strictly(kind: str) -> None:
    theirs, ours = pair(kind, 3, 4, 2, bidirectional=True)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    nn.init.normal_(ours.weight_hh_l1_reverse)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    assert_equal_runs(theirs, ours, x)
    nn.init.normal_(theirs.weight_ih_l0)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert_equal_runs(theirs, ours, x)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_and_conversions_compute_with_their_own_weights(kind: str) -> None:
    _, ours = pair(kind, 3, 4, 2)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    before = flat(ours(x))
    for twin in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        for one, other in zip(flat(twin(x)), before, strict=True):
            assert torch.equal(one, other)
        nn.init.zeros_(twin.weight_ih_l0)
        assert not torch.equal(flat(twin(x))[0], before[0])
        assert torch.equal(flat(ours(x))[0], before[0])
    single = copy.deepcopy(ours).float()
    assert {tensor.dtype for tensor in flat(single(x.float()))} == {torch.float32}
    torch.testing.assert_close(flat(single.double()(x))[0], before[0], rtol=0, atol=1e-6)
    on_meta = getattr(elman.nn, kind)(3, 4, device="meta")
    assert flat(on_meta(torch.empty(5, 2, 3, device="meta")))[0].shape == (5, 2, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_from_outside_are_used(kind: str) -> None:
    """torch.func and parametrisations put other tensors in the place of the parameters."""
    theirs, ours = pair(kind, 3, 4)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    other = {name: torch.randn_like(weight) for name, weight in ours.named_parameters()}
    got, expected = (flat(torch.func.functional_call(layer, other, (x,))) for layer in (ours, theirs))
    torch.testing.assert_close(got, expected)
    assert not torch.equal(got[0], flat(ours(x))[0])


def test_threads_may_share_a_layer() -> None:
    _, ours = pair("LSTM", 3, 4, 2)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        expected = ours(x)[0]
    wrong: list[Any] = []

    def work() -> None:
        with torch.no_grad():
            for _ in range(30):
                try:
                    y = ours(x)[0]
                except RuntimeError as error:
                    wrong.append(error)
                else:
                    if not torch.equal(y, expected):
                        wrong.append(y)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_lengths_give_what_packing_gives(kind: str, batch_first: bool) -> None:
    theirs, ours = pair(kind, 3, 4, 2, bidirectional=True, batch_first=batch_first)
    lengths = torch.tensor([2, 5, 1, 4])
    x = torch.randn(4, 5, 3, dtype=torch.float64)
    x = x if batch_first else x.transpose(0, 1)
    hx = hidden_for(ours, 4)
    y, last = ours(x, hx, lengths=lengths)
    packed, expected_last = theirs(pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False), hx)
    expected, _ = pad_packed_sequence(packed, batch_first)
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(flat(last), flat(expected_last), rtol=1e-10, atol=1e-11)
    none, kept = ours(x, hx, lengths=torch.zeros(4, dtype=torch.int64))
    assert bool((none == 0).all())
    assert all(map(torch.equal, flat(kept), flat(hx)))


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_acts_between_layers_in_training_only(kind: str) -> None:
    theirs, ours = pair(kind, 3, 64, 2, dropout=0.5)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    assert not torch.equal(ours(x)[0], ours(x)[0])
    # The first layer's state is before any dropout, its output is what is dropped.
    first = [flat(ours(x)[1])[0][0] for _ in range(2)]
    assert torch.equal(first[0], first[1])
    theirs.eval()
    ours.eval()
    assert_equal_runs(theirs, ours, x)


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_as_in_torch(kind: str) -> None:
    theirs, ours = pair(kind, 3, 4, 2)
    x = torch.zeros(5, 0, 3, dtype=torch.float64)
    got, expected = flat(ours(x)), flat(theirs(x))
    assert [t.shape for t in got] == [t.shape for t in expected]


@pytest.mark.parametrize("kind", KINDS)
def test_no_steps_give_no_output_and_leave_the_state(kind: str) -> None:
    _, ours = pair(kind, 3, 4, 2)
    hx = hidden_for(ours, 2)
    y, last = ours(torch.zeros(0, 2, 3, dtype=torch.float64), hx)
    assert y.shape == (0, 2, 4)
    assert all(map(torch.equal, flat(last), flat(hx)))
