"""An AWS on this machine: moto's server, with a SageMaker that trains and serves.

`with start() as aws:` runs it; `aws.environment` sends every AWS client to it.
"""

from embedded_aws.process import EmbeddedAWS, EmbeddedAWSError, PortError, start

__all__ = ["EmbeddedAWS", "EmbeddedAWSError", "PortError", "start"]
