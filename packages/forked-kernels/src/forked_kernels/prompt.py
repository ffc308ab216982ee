"""A kernel's manager and client that wait for what happens, and not a while longer."""

import math
import time
from collections.abc import Mapping
from queue import Empty
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from traitlets import Type, default

# How soon a socket tries again to reach a kernel that has not opened its own yet.
RECONNECT_MILLISECONDS = 10
GLANCE_SECONDS = 0.02
REPLY_SECONDS = 1.0
WORD_SECONDS = 0.2


class PromptClient(AsyncKernelClient):
    """Is ready as soon as the kernel has been heard on both channels.

    Its parent would listen for another fifth of a second, to have nothing left over
    from the question; who executes cells passes over answers to other questions.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait for the kernel's answer."""
        deadline = time.monotonic() + (timeout or math.inf)
        while not await self._is_answered():
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")

    async def _is_answered(self) -> bool:
        """Ask once; a word that was said before the channel was there asks for more."""
        question = self.kernel_info()
        try:
            reply = await self.get_shell_msg(timeout=REPLY_SECONDS)
            while not _answers(reply, question):
                reply = await self.get_shell_msg(timeout=REPLY_SECONDS)
            await self.get_iopub_msg(timeout=WORD_SECONDS)
        except Empty:
            return False
        self._handle_kernel_info_reply(reply)
        return True


class PromptManager(AsyncKernelManager):
    """Reaches a kernel as soon as it listens, and sees its end as soon as it ended."""

    client_factory = Type(PromptClient, klass=AsyncKernelClient)

    @default("context")
    def _context_default(self) -> zmq.asyncio.Context:
        context = super()._context_default()
        context.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MILLISECONDS)
        return context

    async def _async_finish_shutdown(
        self,
        waittime: float | None = None,
        pollinterval: float = GLANCE_SECONDS,
        restart: bool = False,
    ) -> None:
        await super()._async_finish_shutdown(waittime, pollinterval, restart)


def _answers(message: Mapping[str, Any], question: str) -> bool:
    return bool(message["parent_header"].get("msg_id") == question)
