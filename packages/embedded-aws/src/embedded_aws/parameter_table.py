"""All services that are served, and the table of all their parameters.

`python -m embedded_aws.parameter_table` prints the table as Markdown.
"""

from embedded_aws.iam.parameters import IAM
from embedded_aws.parameters import CLOUDWATCH, ECR, LOGS, STS, TAGGING
from embedded_aws.refusals import IMPLEMENTED, Service, reason_of, rows
from embedded_aws.s3.parameters import S3
from embedded_aws.sagemaker.parameters import RUNTIME, SAGEMAKER

# In the order of the table.
ALL = (SAGEMAKER, RUNTIME, S3, IAM, STS, LOGS, CLOUDWATCH, ECR, TAGGING)
SERVICES = {service.name: service for service in ALL}
HEADER = """\
# Parameters of the embedded AWS

What becomes of every parameter of every action that is served.
`python -m embedded_aws.parameter_table` prints this file, and a test compares it.

* implemented: it does what it does on AWS, or is checked as there.
* stored: it is kept and described, and has no effect here, where there are no
  instances, networks, keys or prices, and nothing expires.
* refused: a request that gives it, and not empty, `false` or 0, gets an error that
  names it.

A parameter stands for all that is below it and has no line of its own.
Actions that are not listed are refused.
"""


def table() -> str:
    """Return the table of all parameters as Markdown."""
    return "\n".join([HEADER, *map(_table_of, ALL)])


def _table_of(service: Service) -> str:
    lines = [f"## {service.title}", ""]
    for action in sorted(service.actions):
        lines += [f"### {action}", ""]
        found = rows(service, action)
        if found:
            lines += ["| parameter | becomes | why |", "|---|---|---|"]
        for path, treatment in found:
            why = reason_of(service, path) if treatment != IMPLEMENTED else ""
            lines.append(f"| `{path}` | {treatment} | {why} |")
        lines += [""] if found else ["It has none.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(), end="")
