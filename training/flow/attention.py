"""Self-attention in linear time: softmax attention approximated through a few landmarks (Nyström)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ITERATIONS = 6
"""Of the pseudo-inverse; each at least squares its error."""


class NystromAttention(nn.Module):
    """One head over all places of a feature map, any size: (B, C, h, w) → the same.

    softmax(QKᵀ)V ≈ softmax(QK̃ᵀ) · softmax(Q̃K̃ᵀ)⁺ · softmax(Q̃Kᵀ)V, with landmarks Q̃ and K̃ that are means over runs of
    places (Xiong et al., "Nyströmformer").
    """

    def __init__(self, channels: int, landmarks: int) -> None:
        super().__init__()
        self.landmarks = landmarks
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        shape = features.shape
        query, key, value = self.to_qkv(features).flatten(2).chunk(3, 1)  # each (B, C, places)
        query = query * shape[1] ** -0.5
        count = min(self.landmarks, query.shape[2])
        query_landmarks, key_landmarks = (F.adaptive_avg_pool1d(part, count) for part in (query, key))
        to_landmarks = _attention(query, key_landmarks)
        among_landmarks = _attention(query_landmarks, key_landmarks)
        from_landmarks = _attention(query_landmarks, key)
        mixed = to_landmarks @ (pseudo_inverse(among_landmarks) @ (from_landmarks @ value.transpose(1, 2)))
        return self.out(mixed.transpose(1, 2).reshape(shape))


def pseudo_inverse(matrices: Tensor) -> Tensor:
    """(B, n, n) → their Moore–Penrose inverses, by iteration: products only, so that gradients stay tame."""
    absolute = matrices.abs()
    scale = absolute.sum(-1).amax(-1) * absolute.sum(-2).amax(-1)
    inverse = matrices.transpose(-1, -2) / scale[:, None, None]
    identity = torch.eye(matrices.shape[-1], device=matrices.device, dtype=matrices.dtype)
    for _ in range(ITERATIONS):
        product = matrices @ inverse
        inverse = 0.25 * inverse @ (13 * identity - product @ (15 * identity - product @ (7 * identity - product)))
    return inverse


def _attention(query: Tensor, key: Tensor) -> Tensor:
    """(B, C, n) and (B, C, m) → (B, n, m), rows sum to 1."""
    return (query.transpose(1, 2) @ key).softmax(-1)
