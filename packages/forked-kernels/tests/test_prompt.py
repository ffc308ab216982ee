"""Kernels are ready when they say so, and what they say is not lost."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from forked_kernels.prompt import PromptClient, PromptManager

LIMIT_SECONDS = 30


@asynccontextmanager
async def started(folder: Path, *code: str) -> AsyncIterator[PromptClient]:
    """Start a kernel, or a process that is none, and end it."""
    manager = PromptManager(kernel_name="python3")
    if code:
        manager.kernel_spec.argv = [sys.executable, *code]
    await manager.start_kernel(cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        yield client
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()
        assert not await manager.is_alive()


def test_a_kernel_that_is_ready_is_heard_from_its_first_word(tmp_path: Path) -> None:
    """Both channels are there."""

    async def first_words() -> list[str]:
        async with started(tmp_path) as client:
            await client.wait_for_ready(timeout=LIMIT_SECONDS)
            asked = client.execute("print('hello')")
            said = []
            while "hello\n" not in said:
                message = await client.get_iopub_msg(timeout=LIMIT_SECONDS)
                if message["parent_header"].get("msg_id") == asked:
                    said.append(message["content"].get("text", message["msg_type"]))
            return said

    assert asyncio.run(first_words()) == ["status", "execute_input", "hello\n"]


def test_a_kernel_that_dies_before_it_speaks_is_not_waited_for(tmp_path: Path) -> None:
    """Its end is told in nbclient's words."""

    async def wait() -> None:
        async with started(tmp_path, "-c", "pass") as client:
            await client.wait_for_ready(timeout=LIMIT_SECONDS)

    with pytest.raises(RuntimeError, match="died before replying"):
        asyncio.run(wait())


def test_a_kernel_that_never_speaks_is_waited_for_with_a_limit(tmp_path: Path) -> None:
    """Then it is ended."""

    async def wait() -> None:
        code = "import time; time.sleep(30)"
        async with started(tmp_path, "-c", code) as client:
            await client.wait_for_ready(timeout=0.5)

    with pytest.raises(RuntimeError, match=r"didn't respond in 0\.5 seconds"):
        asyncio.run(wait())
