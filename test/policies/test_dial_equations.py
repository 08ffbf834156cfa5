"""DIAL's equations hold as in section 3 of the paper, checked by hand on small numbers."""

from __future__ import annotations

import inspect
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_dial import SIZES, random_dial
from torch import nn

from vla_core.policies.blocks.flow_matching import DRAWS
from vla_core.policies.blocks.velocity_field import VelocityField
from vla_core.policies.dial.losses import (
    ActionWarmup,
    EndToEnd,
    ForesightWarmup,
    PrefixConditioning,
    flow_matching_loss,
)
from vla_core.policies.dial.model import Dial
from vla_core.policies.dial.system1 import Fusion

BATCH = 3


@pytest.fixture
def dial():
    return random_dial(seed=1)


@pytest.fixture
def batch(dial):
    rng = torch.Generator().manual_seed(2)
    features = (BATCH, dial.vit.patches, dial.vit.width)
    return {
        "current": torch.randn(features, generator=rng),
        "past": torch.randn(features, generator=rng),
        "future": torch.randn(features, generator=rng),
        "words": torch.randint(0, 8, (BATCH, SIZES.max_words), generator=rng),
        "state": torch.randn(BATCH, SIZES.state, generator=rng),
        "actions": torch.randn(BATCH, SIZES.horizon, SIZES.state, generator=rng),
    }


def noise(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gradients(module: nn.Module) -> dict[str, float]:
    return {
        name: 0.0 if p.grad is None else float(p.grad.abs().sum())
        for name, p in module.named_parameters()
    }


def one_step(module: nn.Module, batch: dict) -> None:
    """What the trainer does: AdamW with decay on everything that asks for gradients."""
    trained = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=0.01, weight_decay=0.1)
    module(batch, noise())["loss"].backward()
    optimiser.step()


def weights(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


# Section 3.2, eq. 2: System 2


def test_there_are_as_many_queries_as_patches_of_all_cameras(dial, batch):
    grid = SIZES.image_size // 2 ** len(SIZES.vit_stem)
    assert len(dial.system2.queries) == dial.vit.patches == SIZES.cameras * grid**2
    assert dial.system2(batch["past"], batch["words"]).shape == batch["future"].shape


def test_eq_2_is_the_squared_error_of_the_future_features(dial, batch):
    foresight = dial.system2(batch["past"], batch["words"])
    by_hand = ((foresight - batch["future"]) ** 2).sum() / foresight.numel()
    assert ForesightWarmup(dial)(batch, noise())["loss"].item() == pytest.approx(by_hand.item())


def test_the_foresight_depends_on_the_instruction(dial, batch):
    other = (batch["words"] + 1) % 8
    foresight = [dial.system2(batch["past"], words) for words in (batch["words"], other)]
    assert (foresight[0] - foresight[1]).abs().max() > 1e-3


# Section 3.3, eq. 3: System 1


class RecordingDial(SimpleNamespace):
    """In place of the networks: remembers what it was asked and says v = 0.5 everywhere."""

    sizes = SIZES

    def context(self, current, intent):
        self.fused = (current, intent)
        return torch.zeros(len(current), 1, 1)

    def velocity(self, mixed, tau, context, state, prefix=None, frozen=None):
        self.asked, self.committed = (mixed, tau, context, state), (prefix, frozen)
        return torch.full_like(mixed, 0.5)


def test_eq_3_interpolates_from_noise_to_data_and_asks_for_their_difference():
    actions = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])  # 2 chunks of 2 targets, 1 joint
    state = torch.tensor([[5.0], [6.0]])
    batch = {"current": torch.zeros(2, 1, 1), "state": state, "actions": actions}
    fake = RecordingDial()
    loss = flow_matching_loss(fake, batch, batch["current"], noise(3))

    same = noise(3)
    epsilon = torch.randn((2 * DRAWS, 2, 1), generator=same).numpy()
    tau = torch.rand(2 * DRAWS, generator=same).numpy()
    mixed, asked_tau, _, state = (t.numpy() for t in fake.asked)
    errors = []
    for n in range(2 * DRAWS):
        chunk = actions[n // DRAWS].numpy()
        assert mixed[n] == pytest.approx(tau[n] * chunk + (1 - tau[n]) * epsilon[n])
        assert state[n] == 5.0 + n // DRAWS
        errors += [(0.5 - (chunk - epsilon[n])) ** 2]
    assert asked_tau == pytest.approx(tau)
    assert loss.item() == pytest.approx(np.mean(errors))


def test_a_head_of_actions_says_what_the_flow_leads_to_and_learns_where_there_is_noise(dial, batch):
    acting = Dial(replace(SIZES, predicts="action"))
    # The fresh head's weights are zero, the outline's too: they say 0.5 and 1.5 everywhere.
    torch.nn.init.constant_(acting.velocity.out.bias, 0.5)
    torch.nn.init.constant_(acting.velocity.outline.layers[-1].bias, 1.5)
    chunk, tau = batch["actions"], torch.tensor([0.0, 0.5, 0.99])
    context = torch.zeros(BATCH, 2 * acting.vit.patches, SIZES.fusion_width)
    flow = acting.velocity(chunk, tau, context, batch["state"])
    left = torch.tensor([1.0, 0.5, 0.05])[:, None, None]  # never divided by less
    assert torch.allclose(flow, (2.0 - chunk) / left, atol=1e-5)
    end = acting.sample(batch["current"], batch["future"], batch["state"], torch.randn(chunk.shape))
    assert torch.allclose(end, torch.tensor(2.0), atol=1e-5)

    fake = RecordingDial()
    fake.sizes = acting.sizes
    many = {key: value.repeat(200, *[1] * (value.ndim - 1)) for key, value in batch.items()}
    flow_matching_loss(fake, many, many["current"], noise(3))
    times = fake.asked[1].numpy()
    assert 0.0 <= times.min() and times.max() < 1.0
    assert np.mean(times < 0.5) == pytest.approx(1.0 - 0.5**1.5, abs=0.05)


def test_the_draws_of_one_context_share_it(dial):
    rng = noise(4)
    chunks = torch.randn(6, SIZES.horizon, SIZES.state, generator=rng)
    time, state = torch.rand(6, generator=rng), torch.randn(6, SIZES.state, generator=rng)
    context = torch.randn(2, 9, SIZES.fusion_width, generator=rng)
    together = dial.velocity(chunks, time, context, state)
    for n in range(6):
        alone = dial.velocity(
            chunks[n : n + 1], time[n : n + 1], context[n // 3 : n // 3 + 1], state[n : n + 1]
        )
        assert torch.allclose(together[n], alone[0], atol=1e-5)


class Field(nn.Module):
    """A velocity field by formula that remembers the times it was asked for."""

    def __init__(self, formula) -> None:
        super().__init__()
        self.formula, self.times = formula, []

    def forward(self, chunk, time, context, state, prefix=None, frozen=None):
        self.times.append(time[0].item())
        return self.formula(chunk)


def sample_along(dial, batch, formula) -> tuple[torch.Tensor, Field]:
    dial.velocity = Field(formula)
    start = torch.ones_like(batch["actions"])
    return dial.sample(batch["current"], batch["future"], batch["state"], start), dial.velocity


def test_a_constant_velocity_takes_the_noise_to_noise_plus_velocity(dial, batch):
    end, field = sample_along(dial, batch, lambda chunk: torch.full_like(chunk, -3.0))
    assert torch.allclose(end, torch.tensor(-2.0))
    assert field.times == [k / SIZES.euler_steps for k in range(SIZES.euler_steps)]


def test_samples_of_one_chunk_are_averaged(dial, batch):
    noise_ = torch.randn(3 * BATCH, *batch["actions"].shape[1:], generator=noise())
    given = (batch["current"], batch["future"], batch["state"])
    alone = [dial.sample(*given, noise_[n::3]) for n in range(3)]
    assert torch.allclose(dial.sample(*given, noise_), torch.stack(alone).mean(dim=0), atol=1e-5)


def test_euler_steps_compound(dial, batch):
    end, _ = sample_along(dial, batch, lambda chunk: chunk)
    assert torch.allclose(end, torch.tensor((1 + 1 / SIZES.euler_steps) ** SIZES.euler_steps))


def test_system_1_has_no_way_to_the_instruction_but_the_intent(dial, batch):
    assert list(inspect.signature(Fusion.forward).parameters) == ["self", "current", "intent"]
    asked = list(inspect.signature(VelocityField.forward).parameters)
    assert asked == ["self", "actions", "time", "context", "state", "prefix", "frozen"]
    other = {**batch, "words": (batch["words"] + 1) % 8}
    system1 = ActionWarmup(dial)
    assert system1(batch, noise())["loss"] == system1(other, noise())["loss"]


# Section 3.4, eq. 4: the two stages


@pytest.mark.parametrize(("given", "intent"), [((), "future"), (("current",), "current")])
def test_stage_1_gives_system_1_the_true_future_and_cloning_the_present(given, intent):
    fake = RecordingDial(vit=nn.Linear(1, 1), system2=nn.Linear(1, 1))
    warmup = ActionWarmup(fake, *given)
    batch = {
        "current": torch.zeros(1, 1, 1), "future": torch.ones(1, 1, 1),
        "state": torch.zeros(1, 1), "actions": torch.zeros(1, 2, 1),
    }  # fmt: skip
    warmup(batch, noise())
    assert fake.fused[0] is batch["current"] and fake.fused[1] is batch[intent]


def test_stage_1_of_system_2_leaves_everything_else_alone(dial, batch):
    others = (dial.vit, dial.fusion, dial.velocity, dial.system2.text)
    before = [weights(module) for module in (*others, dial.system2.blocks)]
    one_step(ForesightWarmup(dial), batch)
    after = [weights(module) for module in (*others, dial.system2.blocks)]
    assert all(torch.equal(a, b) for a, b in zip(before[:-1], after[:-1], strict=True))
    assert not torch.equal(before[-1], after[-1])


def test_stage_1_of_system_1_leaves_everything_else_alone(dial, batch):
    modules = (dial.vit, dial.system2, dial.fusion, dial.velocity)
    before = [weights(module) for module in modules]
    one_step(ActionWarmup(dial), batch)
    changed = [not torch.equal(b, weights(m)) for b, m in zip(before, modules, strict=True)]
    assert changed == [False, False, True, True]


def test_stage_2_adds_both_losses(dial, batch):
    losses = EndToEnd(dial)(batch, noise())
    assert losses["loss"] == losses["action"] + losses["world"]
    assert losses["world"] == ForesightWarmup(dial)(batch, noise())["loss"]


def test_in_stage_2_the_action_alone_teaches_system_2_but_no_frozen_part(dial, batch):
    ActionWarmup(dial)  # freezes System 2; stage 2 must free it again
    EndToEnd(dial)(batch, noise())["action"].backward()
    system2 = gradients(dial.system2)
    assert system2.pop("text.weight") == 0.0
    assert all(system2.values()), system2
    assert not any(gradients(dial.vit).values())


def test_in_stage_2_everything_but_vit_and_text_moves(dial, batch):
    modules = (dial.vit, dial.system2.text, dial.system2.blocks, dial.fusion, dial.velocity)
    before = [weights(module) for module in modules]
    one_step(EndToEnd(dial), batch)
    changed = [not torch.equal(b, weights(m)) for b, m in zip(before, modules, strict=True)]
    assert changed == [False, False, True, True, True]


# arXiv 2512.05964: System 1 learns to continue a committed prefix


def prefix_of(dial, batch, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random committed actions, and the mask of the first `steps` of them."""
    prefix = torch.randn(batch["actions"].shape, generator=noise(7))
    frozen = torch.zeros(prefix.shape[:2], dtype=torch.bool)
    frozen[:, :steps] = True
    return prefix, frozen


def flow_at(dial, batch, *committed: torch.Tensor, tau: float = 0.25) -> torch.Tensor:
    context = dial.fusion(batch["current"], batch["future"])
    time = torch.full((BATCH,), tau)
    return dial.velocity(batch["actions"], time, context, batch["state"], *committed)


def test_with_a_prefix_of_no_steps_it_is_the_same_policy(dial, batch):
    prefix, frozen = prefix_of(dial, batch, 0)
    assert torch.equal(flow_at(dial, batch, prefix, frozen), flow_at(dial, batch))


def test_a_prefix_counts_where_it_is_frozen_and_nowhere_else(dial, batch):
    prefix, frozen = prefix_of(dial, batch, 2)
    before = flow_at(dial, batch, prefix, frozen)
    beyond = torch.where(frozen[..., None], prefix, torch.full_like(prefix, 1e6))
    assert torch.equal(flow_at(dial, batch, beyond, frozen), before)
    noisy = {**batch, "actions": batch["actions"].clone()}
    noisy["actions"][:, :2] += 9.0
    assert torch.equal(flow_at(dial, noisy, prefix, frozen), before)
    other = flow_at(dial, batch, prefix + frozen[..., None], frozen)
    assert (other - before)[:, 2:].abs().max() > 1e-3


def test_frozen_tokens_have_flow_time_1_and_the_others_theirs(dial, batch):
    """At flow time 1 everywhere a frozen token is nothing special but for its action."""
    prefix, frozen = prefix_of(dial, batch, 2)
    mixed = {**batch, "actions": torch.where(frozen[..., None], prefix, batch["actions"])}
    at_the_end = flow_at(dial, batch, prefix, frozen, tau=1.0)
    assert torch.allclose(at_the_end, flow_at(dial, mixed, tau=1.0), atol=1e-6)
    assert not torch.allclose(flow_at(dial, batch, prefix, frozen), flow_at(dial, mixed), atol=1e-3)


def test_the_loss_is_on_what_follows_the_prefix_whose_length_is_drawn_for_each_chunk():
    actions = torch.randn(3, 4, 1, generator=noise(1))
    batch = {"current": torch.zeros(3, 1, 1), "state": torch.zeros(3, 1), "actions": actions}
    fake = RecordingDial()
    loss = flow_matching_loss(fake, batch, batch["current"], noise(3), longest_prefix=2)

    same = noise(3)
    epsilon = torch.randn((3 * DRAWS, 4, 1), generator=same)
    torch.rand(3 * DRAWS, generator=same)
    delay = torch.randint(3, (3 * DRAWS,), generator=same).tolist()
    prefix, frozen = fake.committed
    assert set(delay) == {0, 1, 2}
    assert frozen.tolist() == [[k < d for k in range(4)] for d in delay]
    clean = actions.repeat_interleave(DRAWS, dim=0)
    assert torch.equal(prefix, clean)
    errors = [
        (0.5 - (clean - epsilon)[n, k, 0]) ** 2
        for n, d in enumerate(delay)
        for k in range(d, 4)
    ]
    assert loss.item() == pytest.approx(float(np.mean(errors)))


def test_the_sampled_chunk_begins_with_the_prefix_itself(dial, batch):
    prefix, frozen = prefix_of(dial, batch, 3)
    start = torch.randn(prefix.shape, generator=noise(5))
    chunk = dial.sample(batch["current"], batch["future"], batch["state"], start, prefix, frozen)
    assert torch.equal(chunk[:, :3], prefix[:, :3])
    assert not torch.equal(chunk[:, 3:], prefix[:, 3:])


def test_the_stage_teaches_system_1_alone(dial, batch):
    modules = (dial.vit, dial.system2, dial.fusion, dial.velocity)
    before = [weights(module) for module in modules]
    one_step(PrefixConditioning(dial, longest=2), batch)
    changed = [not torch.equal(b, weights(m)) for b, m in zip(before, modules, strict=True)]
    assert changed == [False, False, True, True]


def test_a_field_learns_to_go_on_from_the_prefix():
    """Chunks go on from where they began; only the prefix tells where that is."""
    torch.manual_seed(0)
    field = VelocityField(1, 1, 4, 8, 24, 2, 2)
    optimiser = torch.optim.Adam(field.parameters(), lr=3e-3)
    dial = SimpleNamespace(
        sizes=SIZES, context=lambda current, intent: current, velocity=field
    )
    rng = noise(0)

    def batch(size: int) -> dict[str, torch.Tensor]:
        level = torch.randn(size, 1, 1, generator=rng)
        return {
            "current": torch.zeros(size, 1, 8),
            "state": torch.zeros(size, 1),
            "actions": level.expand(size, 4, 1),
        }

    for _ in range(80):
        drawn = batch(32)
        loss = flow_matching_loss(dial, drawn, drawn["current"], rng, longest_prefix=2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    told, steps = batch(64), 8
    frozen = torch.tensor([True, True, False, False]).expand(64, 4)
    chunk = torch.randn(64, 4, 1, generator=rng)
    with torch.no_grad():
        for k in range(steps):
            time = torch.full((64,), k / steps)
            chunk = chunk + field(
                chunk, time, told["current"], told["state"], told["actions"], frozen
            ) / steps
    error = (chunk - told["actions"])[:, 2:].abs().mean()
    assert error < 0.3  # guessing the mean level would be 0.8
