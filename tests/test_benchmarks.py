"""The benchmarks can be started; what they measure takes minutes."""

from importlib import import_module


def test_every_section_can_be_imported() -> None:
    """They call the runner as users do, so a name that is gone would end them."""
    assert import_module("benchmarks.__main__")
