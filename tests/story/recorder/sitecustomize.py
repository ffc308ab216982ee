"""Writes down what each Python process of a job asks of AWS, for its role's policy."""

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder


class _Recorder(MetaPathFinder):
    """Listen in on botocore as soon as a process imports it."""

    def find_spec(self, fullname, path, target=None):
        if fullname != "botocore.client":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path)
        execute = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (execute(module), _listen(module))
        return spec


def _listen(module):
    call = module.BaseClient._make_api_call

    def recorded(self, operation, given):
        with open(os.environ["AWS_CALLS"], "a") as calls:  # noqa: PTH123
            calls.write(f"{self.meta.service_model.service_name}:{operation}\n")
        return call(self, operation, given)

    module.BaseClient._make_api_call = recorded


if "AWS_CALLS" in os.environ:
    sys.meta_path.insert(0, _Recorder())
