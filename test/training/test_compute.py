"""`compute` of a run: less precision, less memory, the same training."""

from __future__ import annotations

import pytest
import torch
from sharded_run import drawn, new_dial
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from vla_core.errors import ConfigError
from vla_core.policies.dial.losses import EndToEnd
from vla_core.training.compute import Compute, layers
from vla_core.training.trainer import Schedule, Trainer


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    return drawn(torch.Generator().manual_seed(2), 3)


def gradients(stage: nn.Module, batch: dict) -> tuple[dict[str, torch.Tensor], int]:
    """Of a batch; and how many numbers were kept for them."""
    kept = []
    with saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        loss = stage(batch, torch.Generator().manual_seed(3))["loss"]
    loss.backward()
    return {name: p.grad for name, p in stage.named_parameters() if p.grad is not None}, sum(kept)


def test_recomputed_activations_give_the_same_gradients_and_fewer_are_kept(batch):
    plain, recomputed = EndToEnd(new_dial()), EndToEnd(new_dial())
    Compute(checkpointing=True).recompute(recomputed)
    expected, all_kept = gradients(plain, batch)
    found, kept = gradients(recomputed, batch)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert kept < 0.5 * all_kept
    assert recomputed.state_dict().keys() == plain.state_dict().keys()


def test_layers_are_the_blocks_of_all_transformers():
    dial = new_dial()
    seeing, thinking = dial.vit.tower.blocks, dial.system2.llm.layers
    assert set(layers(dial)) == {*seeing, *thinking, *dial.fusion.blocks, *dial.velocity.blocks}


def test_in_lower_precision_weights_stay_in_single_and_end_nearly_where_they_would(
    batch, tmp_path
):
    ends = {}
    for precision in ("float32", "bfloat16"):
        stage = EndToEnd(new_dial())
        schedule = Schedule(steps=3, batch=3, learning_rate=1e-3, average=0.0)
        compute = Compute(precision=precision)
        Trainer(tmp_path, precision, stage, schedule, 4, compute).run(lambda rng, count: batch)
        ends[precision] = torch.cat([p.detach().flatten() for p in stage.parameters()])
    assert ends["bfloat16"].dtype == torch.float32
    apart = (ends["bfloat16"] - ends["float32"]).abs().max()
    assert 0 < apart <= 6.1e-3  # each of three steps moves a weight by at most the learning rate


def test_precisions_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="got 'float16', expected float32 or bfloat16"):
        Compute(precision="float16")
