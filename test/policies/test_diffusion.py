"""Diffusion against its papers' formulas: DDIM's update, DDPM's posterior; noise known exactly.

Where data are normal, N(m, s^2), the best guess of a chunk's noise is linear in the chunk.
"""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from vla_core.errors import ConfigError
from vla_core.policies.samplers.diffusion import Diffusion, Prediction, Scheduler
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.policies.samplers.guidance import Jacobian, guided_velocity
from vla_core.policies.samplers.plan import Guide, Prefix, first_steps, soft_mask

TRAINED, MEAN, SPREAD = 100, 0.4, 0.3


def squared_cosine() -> np.ndarray:
    """Of each step the share of the signal's power (Nichol and Dhariwal 2021, eq. 17)."""

    def power(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - power((k + 1) / TRAINED) / power(k / TRAINED), 0.999) for k in range(TRAINED)]
    return np.cumprod(1.0 - np.array(betas))


ALPHA_BAR = squared_cosine()


def pairs(steps: int) -> list[tuple[int, float, float]]:
    """Each step of training that is visited, its signal's power, and that of the next one."""
    stride = TRAINED // steps
    visited = [stride * k for k in reversed(range(steps))]
    return [(k, ALPHA_BAR[k], ALPHA_BAR[k - stride] if k >= stride else 1.0) for k in visited]


def best_noise(chunk, step: int):
    """E[noise | chunk] where data are N(m, s^2)."""
    power = float(ALPHA_BAR[step])
    gain = math.sqrt(1 - power) / (power * SPREAD**2 + 1 - power)
    return gain * (chunk - math.sqrt(power) * MEAN)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("steps", [2, 5, 10, 100])
def test_ddim_is_its_update_written_out(steps):
    """x' = sqrt(a') x0 + sqrt(1 - a') e, x0 = (x - sqrt(1 - a) e) / sqrt(a): eq. 12, eta = 0."""
    expected = start = noise(2, 4, 3)
    for step, power, following in pairs(steps):
        said = best_noise(expected, step)
        foreseen = (expected - math.sqrt(1 - power) * said) / math.sqrt(power)
        expected = math.sqrt(following) * foreseen + math.sqrt(1 - following) * said
    end = Diffusion(Scheduler.DDIM, steps, TRAINED).sample(best_noise, start, rng())
    assert end == pytest.approx(expected, abs=2e-5)


def posterior(power: float, following: float) -> tuple[float, float, float]:
    """q(x' | x, x0), eq. 7 of DDPM: how much of x0 and of x its mean holds; its variance."""
    ratio = power / following
    of_chunk = math.sqrt(ratio) * (1 - following) / (1 - power)
    of_foreseen = math.sqrt(following) * (1 - ratio) / (1 - power)
    return of_foreseen, of_chunk, (1 - following) / (1 - power) * (1 - ratio)


def linear_step(power: float, following: float) -> tuple[float, float, float]:
    """What `best_noise` makes of it: x' is slope x + offset, and noise of this variance."""
    of_foreseen, of_chunk, variance = posterior(power, following)
    gain = math.sqrt(1 - power) / (power * SPREAD**2 + 1 - power)
    slope = (1 - math.sqrt(1 - power) * gain) / math.sqrt(power)
    offset = math.sqrt(1 - power) * gain * MEAN
    return of_foreseen * slope + of_chunk, of_foreseen * offset, variance


@pytest.mark.parametrize("steps", [2, 10, 100])
def test_ddpm_leads_to_the_mean_of_its_posteriors(steps):
    """What it adds is known from one more chunk, which begins elsewhere and is added the same."""
    start, mean = noise(1, 4, 3), 0.0
    both = np.concatenate([start, 0.0 * start])
    sampler = Diffusion(Scheduler.DDPM, steps, TRAINED)
    ends = [sampler.sample(best_noise, each[None], rng())[0] for each in both]
    share = 1.0
    for _, power, following in pairs(steps):
        slope, offset, _ = linear_step(power, following)
        share, mean = share * slope, mean * slope + offset
    assert ends[0] - ends[1] == pytest.approx(share * start[0], abs=1e-5)
    many = sampler.sample(best_noise, np.zeros((1000, 8, 5)), rng())
    assert many.mean() == pytest.approx(mean, abs=5 * many.std() / math.sqrt(many.size))


@pytest.mark.parametrize("steps", [2, 10, 100])
def test_ddpm_leads_to_the_spread_of_its_posteriors(steps):
    variance = 0.0
    for _, power, following in pairs(steps):
        slope, _, added = linear_step(power, following)
        variance = slope**2 * variance + added
    end = Diffusion(Scheduler.DDPM, steps, TRAINED).sample(
        best_noise, np.zeros((1000, 8, 5)), rng()
    )
    assert end.std() == pytest.approx(math.sqrt(variance), rel=5 / math.sqrt(2 * end.size))


def test_with_all_steps_of_training_ddpm_ends_near_the_data():
    end = Diffusion(Scheduler.DDPM, TRAINED, TRAINED).sample(best_noise, noise(1000, 8, 5), rng())
    assert (end.mean(), end.std()) == pytest.approx((MEAN, SPREAD), abs=0.03)


@pytest.mark.parametrize("scheduler", Scheduler)
@pytest.mark.parametrize("prediction", Prediction)
def test_whatever_the_network_says_the_chunk_is_the_same(scheduler, prediction):
    """v = sqrt(a) e - sqrt(1 - a) x0."""

    def said(chunk: np.ndarray, step: int) -> np.ndarray:
        power, noise_in_it = ALPHA_BAR[step], best_noise(chunk, step)
        foreseen = (chunk - math.sqrt(1 - power) * noise_in_it) / math.sqrt(power)
        return {
            Prediction.NOISE: noise_in_it,
            Prediction.CHUNK: foreseen,
            Prediction.VELOCITY: math.sqrt(power) * noise_in_it - math.sqrt(1 - power) * foreseen,
        }[prediction]

    start = noise(1, 4, 3)
    expected = Diffusion(scheduler, 10, TRAINED).sample(best_noise, start, rng())
    end = Diffusion(scheduler, 10, TRAINED, prediction).sample(said, start, rng())
    assert end == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("scheduler", Scheduler)
def test_numpy_and_torch_give_the_same_bits_and_each_its_own_kind(scheduler):
    start, sampler = noise(2, 4, 3).astype(np.float32), Diffusion(scheduler, 10)
    on_host = sampler.sample(best_noise, start, rng())
    on_device = sampler.sample(best_noise, torch.from_numpy(start), rng())
    assert isinstance(on_host, np.ndarray) and on_host.dtype == np.float32
    assert isinstance(on_device, torch.Tensor)
    assert np.array_equal(on_host, on_device.numpy())


def test_only_ddpm_depends_on_the_generator_and_the_same_one_gives_the_same_bits():
    start = noise(2, 4, 3)
    for scheduler in Scheduler:
        sampler = Diffusion(scheduler, 10)
        first, again, other = (sampler.sample(best_noise, start, rng(s)) for s in (1, 1, 2))
        assert np.array_equal(first, again)
        assert np.array_equal(first, other) == (scheduler is Scheduler.DDIM)


def test_a_chunk_begins_with_its_prefix_to_the_last_bit():
    start, kept = noise(2, 4, 3), noise(1, 4, 3, seed=1)
    sampler, prefix = Diffusion(Scheduler.DDIM, 10), Prefix(kept, first_steps(2, 4))
    end = sampler.sample(best_noise, start, rng(), prefix)
    assert np.array_equal(end[:, :2], kept[:, :2].repeat(2, 0))
    assert np.array_equal(end[:, 2:], sampler.sample(best_noise, start, rng())[:, 2:])


def test_what_is_foreseen_is_kept_within_its_range():
    start = noise(4, 4, 3)
    free = Diffusion(Scheduler.DDIM, 10).sample(best_noise, start, rng())
    kept = Diffusion(Scheduler.DDIM, 10, clip=0.2).sample(best_noise, start, rng())
    assert np.abs(kept).max() <= 0.2 + 1e-6 < 0.4 < np.abs(free).max()


@pytest.mark.parametrize("steps", [-2, 0, 1, 60, 101])
def test_steps_of_which_the_first_is_not_taken_from_noise_are_refused(steps):
    said = f"steps: got {steps}, expected 2 or more that divide the network's 100"
    with pytest.raises(ConfigError, match=said):
        Diffusion(Scheduler.DDIM, steps)


# Guidance


@pytest.fixture(scope="module")
def network():
    """One that mixes the numbers of a chunk: its Jacobian is far from the identity."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 12)).double()
    layers.requires_grad_(False)

    def network(chunk: torch.Tensor, step: int) -> torch.Tensor:
        return best_noise(chunk, step) + 0.3 * layers(chunk.flatten(1)).view(chunk.shape)

    return network


def guide(put=torch.from_numpy) -> Guide:
    return Guide(put(noise(1, 4, 3, seed=1)), put(soft_mask(4, 1, 3).astype(np.float64)[:, None]))


@pytest.mark.parametrize("jacobian", Jacobian)
def test_guided_ddim_is_euler_along_the_flow_of_real_time_chunking(network, jacobian):
    """Of A = x / (sqrt(a) + sqrt(1 - a)), from one tau = sqrt(a) / (sqrt(a) + sqrt(1 - a)) on."""
    start = torch.from_numpy(noise(2, 4, 3))
    plan = guide()

    def shares(power: float) -> tuple[float, float]:
        signal, spread = math.sqrt(power), math.sqrt(1 - power)
        return signal / (signal + spread), signal + spread

    expected = start / shares(pairs(20)[0][1])[1]
    for step, power, following in pairs(20):
        (time, scale), (later, _) = shares(power), shares(following)

        def velocity(mixed, _, step=step, power=power, scale=scale):
            said = network(scale * mixed, step)
            foreseen = (scale * mixed - math.sqrt(1 - power) * said) / math.sqrt(power)
            return foreseen - said

        flow = guided_velocity(velocity, expected, time, plan, jacobian)
        expected = expected + (later - time) * flow
    sampler = Diffusion(Scheduler.DDIM, 20, TRAINED, jacobian=jacobian)
    end = sampler.sample(network, start, rng(), guide=plan)
    assert end.numpy() == pytest.approx(expected.numpy(), abs=1e-4)
    assert not end.requires_grad
    assert (end - sampler.sample(network, start, rng())).abs().max() > 0.1


@pytest.mark.parametrize("scheduler", Scheduler)
def test_a_guided_chunk_ends_at_the_plan_where_it_is_frozen_and_elsewhere_as_without(scheduler):
    start, weight = noise(1, 4, 1).astype(np.float32), np.float32([[1], [1], [0], [0]])
    plan = Guide(np.full((1, 4, 1), 0.8, np.float32), weight)
    sampler = Diffusion(scheduler, 20, TRAINED)
    end = sampler.sample(best_noise, start, rng(), guide=plan)
    alone = sampler.sample(best_noise, start, rng())
    assert isinstance(end, np.ndarray)
    assert np.abs(end[0, :2] - 0.8).max() < 0.1 < np.abs(alone[0, :2] - 0.8).max()
    assert end[0, 2:] == pytest.approx(alone[0, 2:], abs=1e-4)


@pytest.mark.parametrize("scheduler", Scheduler)
def test_a_guide_without_weight_changes_nothing(network, scheduler):
    start, plan = torch.from_numpy(noise(2, 4, 3)), guide()
    plan = plan._replace(weight=0 * plan.weight)
    for jacobian in Jacobian:
        sampler = Diffusion(scheduler, 10, jacobian=jacobian)
        end = sampler.sample(network, start, rng(), guide=plan)
        alone = sampler.sample(network, start, rng())
        assert end.numpy() == pytest.approx(alone.numpy(), abs=1e-9)


def test_the_exact_jacobian_is_refused_where_the_network_gives_no_gradients():
    """As ONNX Runtime: on NumPy's arrays, and on torch's tensors, which it fills by itself."""
    flow = FlowMatching(4, Jacobian.EXACT)
    diffusion = Diffusion(Scheduler.DDIM, 4, jacobian=Jacobian.EXACT)
    for put in (np.asarray, torch.from_numpy):
        start, plan = put(noise(1, 4, 3)), guide(put)

        def network(chunk, _, put=put):
            return put(0.5 * np.asarray(chunk if put is np.asarray else chunk.detach()))

        with pytest.raises(ConfigError, match="jacobian: got exact, which needs gradients"):
            flow.sample(network, start, guide=plan)
        with pytest.raises(ConfigError, match="jacobian: got exact, which needs gradients"):
            diffusion.sample(network, start, rng(), guide=plan)


# Where it runs


@pytest.mark.parametrize("scheduler", Scheduler)
@pytest.mark.parametrize("jacobian", Jacobian)
def test_chunks_stay_on_the_device(network, scheduler, jacobian):
    """Nothing can be fetched from torch's device `meta`: what tried to would raise."""

    def there(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to("meta")

    prefix = Prefix(there(noise(1, 4, 3)), there(first_steps(2, 4)))
    sampler = Diffusion(scheduler, 10, jacobian=jacobian)
    end = sampler.sample(
        lambda chunk, step: 0.5 * chunk, there(noise(2, 4, 3)), rng(), prefix, guide(there)
    )
    assert (end.device.type, tuple(end.shape)) == ("meta", (2, 4, 3))


def test_the_library_of_schedulers_is_not_imported_before_a_sampler_is_made():
    lines = (
        "import sys",
        "import vla_core.policies.samplers.diffusion",
        "import vla_core.policies.registry",
        "sys.exit(bool({'diffusers', 'torch'} & set(sys.modules)))",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, timeout=120)
