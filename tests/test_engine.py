"""Papermill finds the engine; test_notebook.py runs notebooks with it."""

import logging

from papermill.engines import papermill_engines
from runner.engine import ENGINE, Engine, register


def test_papermill_knows_the_engine_and_is_silent() -> None:
    """Registering twice does no harm."""
    register()
    register()

    assert papermill_engines.get_engine(ENGINE) is Engine
    assert not logging.getLogger("papermill.translators").isEnabledFor(logging.ERROR)
