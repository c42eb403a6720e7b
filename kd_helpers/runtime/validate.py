"""Numbers that must lie in a range: one sentence for all who check them."""

from __future__ import annotations


def check_temperature(temperature: float) -> None:
    """Raise ValueError unless the temperature is a finite number above 0."""
    if not 0 < temperature < float("inf"):
        raise ValueError(f"got temperature={temperature}; expected a finite number above 0")


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless the value lies from 0 to 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"got {name}={value}; expected a number from 0 to 1")
