"""What section 5.2 of DIAL compares it with is wired as it says, checked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_dial import SIZES, random_dial
from torch import nn

from vla_core.errors import ConfigError
from vla_core.policies.blocks.flow_matching import DRAWS, flow_loss
from vla_core.policies.dial.foresight import Foresight
from vla_core.policies.dial.losses import EndToEnd, ForesightWarmup
from vla_core.policies.dial.model import Dial
from vla_core.policies.visuomotor.weights import fingerprint

BATCH, PATCHES, WIDTH = 3, 32, 12
LOOSE = [each for each in Foresight if not each.is_bottleneck]
FORESEEING = [each for each in LOOSE if each.foresees]


def dial_with(foresight: Foresight) -> Dial:
    return random_dial(seed=1, sizes=replace(SIZES, foresight=foresight.value))


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(2)
    views = ("current", "past", "future")
    return {
        **{name: torch.randn(BATCH, PATCHES, WIDTH, generator=rng) for name in views},
        "words": torch.randint(0, 8, (BATCH, SIZES.max_words), generator=rng),
        "state": torch.randn(BATCH, SIZES.state, generator=rng),
        "actions": torch.randn(BATCH, SIZES.horizon, SIZES.state, generator=rng),
    }


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def by_hand(dial: Dial, context: torch.Tensor, batch: dict) -> torch.Tensor:
    """Eq. 3 one chunk after the other, with the noise that the loss draws."""
    same, errors = noise(), []
    shape = (BATCH * DRAWS, *batch["actions"].shape[1:])
    epsilon, tau = torch.randn(shape, generator=same), torch.rand(shape[0], generator=same)
    for n in range(shape[0]):
        m = n // DRAWS
        chunk, state = batch["actions"][m], batch["state"][m]
        mixed = tau[n] * chunk + (1 - tau[n]) * epsilon[n]
        flow = dial.velocity(mixed[None], tau[n : n + 1], context[m : m + 1], state[None])[0]
        errors.append((flow - (chunk - epsilon[n])).square())
    return torch.stack(errors)


def weights(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


def one_step(module: nn.Module, batch: dict) -> None:
    trained = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=0.01)
    module(batch, noise())["loss"].backward()
    optimiser.step()


def test_without_a_world_model_there_is_the_actions_loss_alone(batch):
    dial = dial_with(Foresight.NONE)
    tokens = dial.system2(batch["past"], batch["words"])
    assert tokens.shape == (BATCH, PATCHES + SIZES.max_words, SIZES.system2_width)
    losses = EndToEnd(dial)(batch, noise())
    assert set(losses) == {"loss"}
    error = by_hand(dial, dial.fusion(tokens), batch).mean()
    assert losses["loss"].item() == pytest.approx(error.item(), rel=1e-5)


def test_frozen_all_but_system_2_learns(batch):
    dial = dial_with(Foresight.NONE)
    modules = (dial.vit, dial.system2, dial.fusion, dial.velocity)
    before = [weights(module) for module in modules]
    one_step(EndToEnd(dial, system2_learns=False), batch)
    changed = [not torch.equal(b, weights(m)) for b, m in zip(before, modules, strict=True)]
    assert changed == [False, False, True, True]
    one_step(EndToEnd(dial), batch)
    assert not torch.equal(before[1], weights(dial.system2))


@pytest.mark.parametrize("foresight", FORESEEING)
def test_a_loose_foresight_is_learned_by_eq_2_beside_the_action(foresight, batch):
    dial = dial_with(foresight)
    losses = EndToEnd(dial)(batch, noise())
    tokens = dial.system2(batch["past"], batch["words"])
    queries = tokens[:, PATCHES + SIZES.max_words :]
    foreseen = batch["past"] + dial.foresight_head.head(queries)
    world = ((foreseen - batch["future"]) ** 2).sum() / foreseen.numel()
    assert losses["world"].item() == pytest.approx(world.item(), rel=1e-5)
    given = tokens if foresight.appends else tokens[:, : PATCHES + SIZES.max_words]
    own = [batch["current"]] if foresight.system1_sees else []
    action = by_hand(dial, dial.fusion(given, *own), batch).mean()
    assert losses["action"].item() == pytest.approx(action.item(), rel=1e-5)
    assert losses["loss"] == losses["action"] + losses["world"]


def test_what_is_seen_and_told_does_not_look_at_the_queries(batch):
    plain, foreseeing = dial_with(Foresight.NONE), dial_with(Foresight.AUXILIARY)
    kept = {k: v for k, v in foreseeing.system2.state_dict().items() if k != "queries"}
    plain.system2.load_state_dict(kept)
    tokens = foreseeing.system2(batch["past"], batch["words"])[:, : PATCHES + SIZES.max_words]
    alone = plain.system2(batch["past"], batch["words"])
    assert torch.allclose(tokens, alone, atol=1e-6)


@pytest.mark.parametrize("foresight", FORESEEING)
def test_the_actions_teach_the_queries_only_where_system_1_gets_them(foresight, batch):
    dial = dial_with(foresight)
    EndToEnd(dial)(batch, noise())["action"].backward()
    taught = dial.system2.queries.grad
    assert (taught is not None and bool(taught.any())) == foresight.appends
    assert dial.system2.visual.weight.grad.any()
    assert not any(p.grad is not None and p.grad.any() for p in dial.foresight_head.parameters())


@pytest.mark.parametrize("foresight", LOOSE)
def test_system_1_has_a_view_of_its_own_only_with_extra_vision(foresight, batch):
    dial = dial_with(foresight)
    other = {**batch, "current": batch["current"] + 1.0}
    losses = [EndToEnd(dial)(each, noise())["loss"].item() for each in (batch, other)]
    assert (losses[0] != losses[1]) == foresight.system1_sees


def test_mismatched_system_2_sees_by_its_own_encoder_and_foresees_in_the_other_space(batch):
    dial = dial_with(Foresight.MISMATCHED)
    assert not torch.equal(weights(dial.vit), weights(dial.system2_vit))
    seen = torch.randn(BATCH, PATCHES, WIDTH, generator=noise())
    batch, system2 = {**batch, "seen": seen}, dial.system2
    tokens = system2.norm(system2.tokens(seen, batch["words"]))[:, -PATCHES:]
    foreseen = system2.head(tokens)  # nothing of `seen` is added: it is of another space
    world = ((foreseen - batch["future"]) ** 2).mean().item()
    assert ForesightWarmup(dial)(batch, noise())["loss"].item() == pytest.approx(world, rel=1e-5)
    losses = EndToEnd(dial)(batch, noise())
    assert losses["world"].item() == pytest.approx(world, rel=1e-5)
    action = by_hand(dial, dial.fusion(batch["current"], foreseen), batch).mean()
    assert losses["action"].item() == pytest.approx(action.item(), rel=1e-5)


def test_by_dinov2_there_are_as_many_queries_as_its_patches(tiny_dinov2):
    sizes = replace(SIZES, foresight="mismatched", vision="dinov2", image_size=56)
    dial = Dial(sizes)
    assert dial.vit.patches == sizes.patches == len(dial.system2.queries) == 2 * 4**2
    eyes = dial.system2_vit.patches, dial.system2_vit.width
    said = dial.system2(torch.zeros(1, *eyes), torch.zeros(1, SIZES.max_words, dtype=torch.int64))
    assert said.shape == (1, dial.vit.patches, dial.vit.width)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"vision": "dinov2"}, r"vit_stem, vit_layers: got .* expected \[\] and 0"),
        ({"vision": "dinov2", "vit_stem": (), "vit_layers": 0}, "got 32 .* a multiple of 14"),
        ({"vit_layers": 0}, "expected both"),
        ({"vision": "eye"}, "got 'eye', expected vit or dinov2"),
    ],
)
def test_encoders_that_do_not_fit_are_refused(changes, problem):
    with pytest.raises(ConfigError, match=problem):
        replace(SIZES, **changes)


# Section 4.1.1: another embodiment


def test_what_another_embodiment_does_not_have_is_not_learned(batch):
    """Sections 4.1.1: the mean goes over what is known of each sample alone."""
    dial = dial_with(Foresight.BOTTLENECK)
    known = torch.ones(BATCH, SIZES.state, dtype=torch.bool)
    known[1, :29] = False  # joints; the wrists are known
    masked = {**batch, "known": known}
    losses = EndToEnd(dial)(masked, noise())
    context = dial.fusion(batch["current"], dial.system2(batch["past"], batch["words"]))
    errors = by_hand(dial, context, batch)
    counted = known.repeat_interleave(DRAWS, dim=0)[:, None].expand_as(errors)
    total, entries = (errors * counted).sum(), counted.sum()
    assert losses["action"].item() == pytest.approx((total / entries).item(), rel=1e-5)

    everything = {**batch, "known": torch.ones_like(known)}
    plain = EndToEnd(dial)(batch, noise())["action"].item()
    assert EndToEnd(dial)(everything, noise())["action"].item() == pytest.approx(plain, rel=1e-6)


def test_of_a_committed_prefix_too_only_what_is_known_is_counted(batch):
    dial, known = dial_with(Foresight.BOTTLENECK), torch.zeros(BATCH, SIZES.state, dtype=torch.bool)
    known[:, 5] = True
    context = torch.randn(BATCH, 4, SIZES.fusion_width, generator=noise())

    def gradient(known: torch.Tensor) -> torch.Tensor:
        dial.velocity.zero_grad()
        told = {**batch, "known": known}
        flow_loss(dial.velocity, context, told, noise(), "velocity", 2).backward()
        return dial.velocity.out.bias.grad.clone()

    assert (gradient(known) != 0).nonzero().flatten().tolist() == [5]
    assert (gradient(torch.ones_like(known)) != 0).all()


def test_the_meaning_of_a_loose_intent_is_in_system_2_and_of_the_foresight_in_the_encoder():
    for foresight in (Foresight.BOTTLENECK, Foresight.APPENDED):
        dial = dial_with(foresight)
        before = fingerprint(dial)
        with torch.no_grad():
            dial.system2.visual.weight[0, 0] += 1.0
        assert (fingerprint(dial) == before) == foresight.is_bottleneck
        with torch.no_grad():
            dial.vit.position[0, 0] += 1.0
        assert fingerprint(dial) != before


def test_a_foresight_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="got 'dream', expected bottleneck or mismatched or none"):
        replace(SIZES, foresight="dream")
    with pytest.raises(ConfigError, match="it sees nothing itself"):
        replace(SIZES, foresight="appended", forward_layers=1)
