"""Refuses each Python process of a command every address that is not this machine's."""

import os
import sys
from importlib.machinery import PathFinder
from ipaddress import ip_address

EVENTS = ("socket.connect", "socket.sendto", "socket.getaddrinfo")
LOG = "CALLS_ELSEWHERE"
ISOLATION = "runner.notebook.isolation"


def _refuse(event, arguments):
    if event not in EVENTS:
        return
    address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    host = address[0] if isinstance(address, tuple) else address
    is_file = event != "socket.getaddrinfo" and not isinstance(address, tuple)
    if is_file or host in (None, "", "localhost", b"localhost"):
        return
    try:
        if ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback:
            return
    except ValueError:
        pass
    with open(os.environ[LOG], "a") as log:  # noqa: PTH123
        log.write(f"{event} {address}\n")
    raise ConnectionRefusedError(f"{address} is not this machine")


class _Follower:
    """Let kernels run this file, too, which leave out PYTHONPATH."""

    def find_spec(self, fullname, path, target=None):
        if fullname != ISOLATION:
            return None
        spec = PathFinder.find_spec(fullname, path)
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (execute(module), _follow(module))
        return spec


def _follow(module):
    isolated = module.kernel_environment
    here = {name: os.environ[name] for name in ("PYTHONPATH", LOG)}
    module.kernel_environment = lambda *given: isolated(*given) | here


if LOG in os.environ:
    sys.addaudithook(_refuse)
    sys.meta_path.insert(0, _Follower())
