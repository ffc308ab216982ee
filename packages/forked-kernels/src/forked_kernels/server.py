"""The process that kernels are forked from: `python -m forked_kernels.server FD`.

The descriptor is a socket whose other end the runner holds. Over it come the imports to
preload and, each with a socket of its own, the kernels to start. A kernel's socket
tells its process id; until the runner closes it, the kernel's exit code is kept. When
the runner is gone, so are the kernels and this process.
"""

import gc
import os
import selectors
import socket
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from forked_kernels.forked import Ending, become_kernel, settle
from forked_kernels.preload import fork, preload
from forked_kernels.request import Request, end_group, receive, tell


@dataclass
class Server:
    """What is imported, what waits for it, and the kernels that run."""

    control: socket.socket
    ahead: deque[tuple[str, list[str]]] = field(default_factory=deque)
    errors: dict[int, str] = field(default_factory=dict)
    done: int = 0
    unfit: str = ""
    waiting: list[Request] = field(default_factory=list)
    running: dict[int, int] = field(default_factory=dict)  # handle: process id
    base: int = 0  # so many of the imports are those of any kernel, cold ones too
    everywhere: frozenset[str] = frozenset()

    def serve(self) -> Request | None:
        """Serve until the runner is gone; in a fork, return what it is to be."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            self.selector = selector
            while self.listen(0 if self.ahead and not self.unfit else None):
                if self.ahead and not self.unfit:
                    self.import_next()
                if forked := self.start_kernels():
                    return forked
        self.end_kernels()
        return None

    def listen(self, timeout: float | None) -> bool:
        """Take what has come; tell whether the runner is still there."""
        for key, _ in self.selector.select(timeout):
            if key.fd != self.control.fileno():
                self.forget(key.fd)
            elif not self.receive():
                return False
        return True

    def receive(self) -> bool:
        """Take one message of the runner's."""
        message, descriptors = receive(self.control)
        if "preload" in message:
            self.ahead.extend(message["preload"])
            self.base = message["base"]
        elif message:
            self.waiting.append(Request.of(message, descriptors))
        return bool(message)

    def import_next(self) -> None:
        """Import one module, and note what it led to."""
        module, names = self.ahead.popleft()
        imported = preload(module, names)
        if imported.error:
            self.errors[self.done] = imported.error
        self.unfit = self.unfit or imported.unfit
        self.done += 1
        if self.done <= self.base:
            self.everywhere = frozenset(sys.modules)

    def start_kernels(self) -> Request | None:
        """Start the kernels whose imports are there; in a fork, return at once."""
        ready = [one for one in self.waiting if self.unfit or one.needs <= self.done]
        for request in ready:
            self.waiting.remove(request)
            if refusal := self.refusal(request):
                tell(request.handle, {"cold": refusal})
                os.close(request.handle)
            elif self.fork(request) == 0:
                return request
            request.close()
        return None

    def refusal(self, request: Request) -> str:
        """Say why a kernel has to start cold, if it has to."""
        failed = [why for number, why in self.errors.items() if number < request.needs]
        foreign = request.own & (set(sys.modules) - self.everywhere) - {"runner"}
        if self.unfit or failed:
            return self.unfit or failed[0]
        if foreign:
            return f"{min(foreign)} is another module for other notebooks"
        return ""

    def fork(self, request: Request) -> int:
        """Fork a kernel, which tells its process id once it leads its own group."""
        pid = fork()
        if pid:
            self.running[request.handle] = pid
            self.selector.register(request.handle, selectors.EVENT_READ)
        else:
            os.setsid()
            tell(request.handle, {"pid": os.getpid()})
        return pid

    def forget(self, handle: int) -> None:
        """Let go of a kernel that the runner is done with."""
        end_group(self.running.pop(handle))
        self.selector.unregister(handle)
        os.close(handle)

    def end_kernels(self) -> None:
        """Kill the kernels that are left."""
        for pid in self.running.values():
            end_group(pid)


def main(arguments: Sequence[str]) -> None:
    """Serve on a socket; a fork goes on as a kernel."""
    # What `-m` puts there is no place that kernels import from.
    del sys.path[0]
    ending = Ending()
    # A kernel reads whose child it is while its modules are imported: ours.
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    before = dict(os.environ)
    gc.disable()
    server = Server(control=socket.socket(fileno=int(arguments[0])))
    gc.freeze()
    request = server.serve()
    if request:
        # Some modules set variables while they are imported.
        changed = dict(os.environ.items() - before.items())
        settle(request.launch, request.streams, changed)
        with ending:
            become_kernel(request.launch)


if __name__ == "__main__":
    main(sys.argv[1:])
