"""An AWS on this machine: moto's server, with a SageMaker that trains and serves.

`with start() as aws:` runs one that keeps nothing, `with share(folder) as aws:` uses
the one of a folder, which keeps its state there. `aws.environment` sends every AWS
client to it.
"""

from embedded_aws.process import (
    EmbeddedAWS,
    EmbeddedAWSError,
    PortError,
    RunningAWS,
    start,
)
from embedded_aws.sharing import (
    InUseError,
    SharedAWS,
    find,
    reset,
    share,
    stop,
    stop_if_unused,
)

__all__ = [
    "EmbeddedAWS",
    "EmbeddedAWSError",
    "InUseError",
    "PortError",
    "RunningAWS",
    "SharedAWS",
    "find",
    "reset",
    "share",
    "start",
    "stop",
    "stop_if_unused",
]
