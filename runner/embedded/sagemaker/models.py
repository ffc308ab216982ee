"""Stub."""


def install() -> None:
    """Put this backend in the place of moto's."""
