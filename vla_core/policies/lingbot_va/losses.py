"""LingBot-VA's training objectives: `forward(batch, noise)` gives the named losses.

A batch (`vla_core.policies.lingbot_va.units`), of sequences of latent frames: `latents`
`(batch, frames, N, token_numbers)`; the `actions` that led to each `(batch, frames, unit_steps,
ACTION)`, normalised, of which `known` `(batch, ACTION)` say something; `words` `(batch, frames,
...)`, the instruction; `begins` `(batch, frames)`, where an episode begins: several may be packed
into one sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vla_core.policies.blocks.flow_matching import drawn_times
from vla_core.policies.lingbot_va.model import LingBotVa
from vla_core.policies.lingbot_va.places import action_places, frame_places
from vla_core.policies.lingbot_va.streams import Actions, Frames
from vla_core.policies.lingbot_va.teacher_forcing import Chunks, Kind, drawn_chunks, mask

Batch = Mapping[str, Tensor]
#: p and the least s_aug of eq. 10.
NOISED, LEAST = 0.5, 0.5
#: How often a sequence is told no instruction, for guidance (section 4.2).
UNTOLD = 0.1


class Noised(NamedTuple):
    """Data on its way from noise: x^(s) = (1 - s) eps + s x.

    Attributes:
        data, noisy: x and x^(s), `(batch, frames, ...)`.
        time: `(batch, frames)` s.
        velocity: x - eps.
    """

    data: Tensor
    noisy: Tensor
    time: Tensor
    velocity: Tensor


def noised(data: Tensor, time: Tensor, noise: torch.Generator) -> Noised:
    """`data` `(batch, frames, ...)` at flow `time` `(batch, frames)`."""
    epsilon = torch.randn(data.shape, generator=noise, device=data.device)
    share = time.reshape(*time.shape, *(1,) * (data.ndim - 2))
    return Noised(data, (1.0 - share) * epsilon + share * data, time, data - epsilon)


def of_chunks(chunks: Chunks, noise: torch.Generator) -> Tensor:
    """`(batch, frames)` uniform in [0, 1), the same for all frames of a chunk."""
    first = chunks.first
    drawn = torch.rand(first.shape, generator=noise, device=first.device)
    return drawn.gather(1, first)


def noisy_history(latents: Tensor, chunks: Chunks, noise: torch.Generator) -> Noised:
    """Eq. 10: z~ = (1 - s_aug) eps + s_aug z with probability 1/2, s_aug in [1/2, 1]; else z.

    Drawn for each chunk by itself.
    """
    is_noised = of_chunks(chunks, noise) < NOISED
    amount = LEAST + (1.0 - LEAST) * of_chunks(chunks, noise)
    return noised(latents, torch.where(is_noised, amount, 1.0), noise)


def masked_mean(values: Tensor, counted: Tensor) -> Tensor:
    """Of `values` where `counted`, both of one shape; 0 where none is."""
    return (values * counted).sum() / counted.sum().clamp(min=1)


class VideoLearning(nn.Module):
    """The video stream alone, without actions: it stands for Wan's own pretraining.

    Args:
        model: of which it learns, and nothing else.
    """

    def __init__(self, model: LingBotVa) -> None:
        super().__init__()
        model.requires_grad_(False)
        for part in (model.streams.video, model.streams.text):
            part.requires_grad_(True)
        self.model = model

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """Eq. 11 without a_<t."""
        sizes = self.model.sizes
        chunks = drawn_chunks(batch["begins"], sizes.longest_chunk, noise)
        history, video = drawn_video(batch, chunks, noise)
        counts = [(kind, sizes.frame_tokens) for kind in (Kind.FRAME, Kind.NOISY_FRAME)]
        words = told_words(batch["words"], noise)
        said = self.model.streams(
            frames_of(self.model, history, video, words), None, mask(counts, chunks, sizes.window)
        )
        return {"loss": masked_mean(*video_errors(said.video, video, chunks.predicted))}


class JointLearning(nn.Module):
    """Both streams; in post-training with the forward model.

    Args:
        model: of which the autoencoder stays as it is.
        inverse_weight: lambda of the objective; the paper's is 1.
        forward_share: of the chunks of which the forward model learns (eq. 13), in the place of the
            dynamics; 0 in pretraining.
        longest_prefix: steps of the longest committed prefix that it learns to continue; 0: none.
    """

    def __init__(
        self,
        model: LingBotVa,
        inverse_weight: float = 1.0,
        forward_share: float = 0.0,
        longest_prefix: int = 0,
    ) -> None:
        super().__init__()
        model.requires_grad_(False)
        model.streams.requires_grad_(True)
        self.model = model
        self._weight, self._forward = inverse_weight, forward_share
        self._longest = longest_prefix

    def forward(self, batch: Batch, noise: torch.Generator) -> dict[str, Tensor]:
        """L = L_dyn + lambda L_inv (eqs. 11, 12), and L_fdm (eq. 13) where it learns."""
        sizes, streams = self.model.sizes, self.model.streams
        chunks = drawn_chunks(batch["begins"], sizes.longest_chunk, noise)
        history, video = drawn_video(batch, chunks, noise)
        time = drawn_times(of_chunks(chunks, noise), sizes.predicts)
        actions = noised(batch["actions"], time, noise)
        forward = of_chunks(chunks, noise) < self._forward
        frozen = self._frozen(chunks, noise)
        counts = [
            (Kind.FRAME, sizes.frame_tokens),
            (Kind.NOISY_FRAME, sizes.frame_tokens),
            (Kind.ACTION, sizes.unit_steps),
            (Kind.NOISY_ACTION, sizes.unit_steps),
        ]
        said = streams(
            frames_of(self.model, history, video, told_words(batch["words"], noise)),
            actions_of(self.model, actions, frozen),
            mask(counts, chunks, sizes.window, forward),
        )
        errors, predicted = video_errors(said.video, video, chunks.predicted)
        forward = forward[..., None].expand_as(predicted)
        losses = {
            "dynamics": masked_mean(errors, predicted & ~forward),
            "inverse": self._inverse(said.actions, actions, chunks, frozen, batch["known"]),
        }
        loss = losses["dynamics"] + self._weight * losses["inverse"]
        if self._forward:
            losses["forward"] = masked_mean(errors, predicted & forward)
            loss = loss + losses["forward"]
        return {"loss": loss, **losses}

    def _inverse(
        self, said: Tensor, actions: Noised, chunks: Chunks, frozen: Tensor | None, known: Tensor
    ) -> Tensor:
        """Eq. 12, the mean over numbers that are known."""
        noisy = said[:, said.shape[1] // 2 :].unflatten(1, actions.data.shape[1:3])
        counted = chunks.predicted[..., None]
        if frozen is not None:
            counted = counted & ~frozen
        counted = counted[..., None] & known[:, None, None]
        return masked_mean((noisy - actions.velocity).square(), counted.expand_as(noisy))

    def _frozen(self, chunks: Chunks, noise: torch.Generator) -> Tensor | None:
        """`(batch, frames, unit_steps)` bool: of each chunk its first steps, as drawn."""
        if not self._longest:
            return None
        steps = self.model.sizes.unit_steps
        count = (of_chunks(chunks, noise) * (self._longest + 1)).floor()
        place = torch.arange(chunks.first.shape[1], device=count.device) - chunks.first
        within = place[..., None] * steps + torch.arange(steps, device=count.device)
        return within < count[..., None]


def drawn_video(batch: Batch, chunks: Chunks, noise: torch.Generator) -> tuple[Noised, Noised]:
    """The frames as history, and on their way from noise."""
    latents = batch["latents"]
    history = noisy_history(latents, chunks, noise)
    return history, noised(latents, of_chunks(chunks, noise), noise)


def frames_of(model: LingBotVa, history: Noised, video: Noised, words: Tensor) -> Frames:
    """Both, one after the other, as the video stream takes them."""
    times = _times(history.time)
    places = frame_places(model.sizes, times)
    return Frames(
        torch.cat([history.noisy, video.noisy], dim=1).flatten(1, 2),
        torch.cat([history.time, video.time], dim=1),
        torch.cat([places, places], dim=1),
        torch.cat([words, words], dim=1).flatten(0, 1),
    )


def actions_of(model: LingBotVa, actions: Noised, frozen: Tensor | None) -> Actions:
    """As history, and on their way from noise, but for what is `frozen`: that is as it is."""
    noisy, time = actions.noisy, actions.time[..., None].expand(*actions.data.shape[:3])
    if frozen is not None:
        noisy = torch.where(frozen[..., None], actions.data, noisy)
        time = torch.where(frozen, 1.0, time)
    places = action_places(model.sizes, _times(actions.time))
    return Actions(
        torch.cat([actions.data, noisy], dim=1).flatten(1, 2),
        torch.cat([torch.ones_like(time), time], dim=1).flatten(1),
        torch.cat([places, places], dim=1),
    )


def told_words(words: Tensor, noise: torch.Generator) -> Tensor:
    """`(batch, frames, ...)`, some sequences told nothing, which is all zeros."""
    drawn = torch.rand(len(words), generator=noise, device=words.device)
    told = (drawn >= UNTOLD).reshape(-1, *(1,) * (words.ndim - 1))
    return torch.where(told, words, torch.zeros_like(words))


def video_errors(said: Tensor, video: Noised, predicted: Tensor) -> tuple[Tensor, Tensor]:
    """|| v_theta - z-dot ||^2, the mean over a token's numbers; and which tokens count.

    Args:
        said: `(batch, 2 * frames * N, token_numbers)`, of history and noisy frames.
        predicted: `(batch, frames)` bool.

    Returns:
        Both `(batch, frames, N)`.
    """
    noisy = said[:, said.shape[1] // 2 :].unflatten(1, video.data.shape[1:3])
    errors = (noisy - video.velocity).square().mean(dim=-1)
    return errors, predicted[..., None].expand_as(errors)


def _times(like: Tensor) -> Tensor:
    """`(batch, frames)`, counted from the first."""
    return torch.arange(like.shape[1], device=like.device).float().expand_as(like)
