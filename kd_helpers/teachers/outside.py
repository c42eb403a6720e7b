"""A teacher that was trained elsewhere: a network that this process was given."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from kd_helpers.runtime.files import bytes_of
from kd_helpers.teachers.teacher import Teacher
from kd_helpers.teachers.team import Room, Team

_networks: dict[str, nn.Module] = {}  # fingerprint → network, of this process


@dataclass(frozen=True)
class Outside(Team):
    """A given network as a recipe's teacher, named by its weights and settings: see `outside`."""

    fingerprint: str = ""
    fewest: ClassVar[int] = 0  # members

    @property
    def words(self) -> str:
        return f"the given network {self.fingerprint}"

    def build(self, room: Room) -> Teacher:
        return room.cached(self)

    def network(self) -> nn.Module | None:
        """The network, or None in a process that was not given it."""
        return _networks.get(self.fingerprint)


def outside(network: nn.Module) -> Outside:
    """A network as the teacher of a recipe; it is frozen, and in evaluation mode from now on.

    Args:
        network: images (B, C, H, W) float32 in 0..1, as the student sees them, to logits (B, K) in
            the order of the data set's classes: an `adapted` one, or one that fits as it is.

    Raises:
        ValueError: it is no network.
    """
    if not isinstance(network, nn.Module):
        raise ValueError(f"got a {type(network).__name__}; expected a torch.nn.Module")
    network.requires_grad_(False).eval()
    digest = hashlib.sha256(repr(network).encode())
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(bytes_of(tensor))
    fingerprint = digest.hexdigest()[:12]
    _networks[fingerprint] = network
    return Outside(fingerprint=fingerprint)
