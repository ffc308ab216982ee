"""Malformed requests for every JSON action, and what may not come of them.

`python tests/fuzz.py 5000` sends so many per action, on one core in some minutes, and
prints how many were answered with which status; 100 find nearly all that more do.
`python tests/fuzz.py 5000 CreateModel ListTags` are those actions alone.
"""

import json
import logging
import random
import sys
import time
from collections import Counter

from embedded_aws.application import Application
from embedded_aws.validation import JSON_SERVICES
from moto import backends
from moto.core.utils import camelcase_to_underscores, get_service_model
from werkzeug.test import Client

SLOW_SECONDS = 2.0
TEXTS = (
    *("", "a", "A", "1", "-1", "null", "a/b", "..", "%2e%2e", "a b", "ä", "\u0000"),
    *("x" * 64, "x" * 5000, "\ud800", "${a}", "<a>", "'", "{", "s3://", "s3://b/k"),
    *("arn:", "arn:aws:", "arn:aws:sagemaker:us-east-1:123456789012:model/a"),
    "arn:aws:sagemaker:us-east-1:123456789012:model-package/a/1",
    "arn:aws:sagemaker:us-east-1:123456789012:endpoint/a",
    "arn:aws:iam::123456789012:role/SageMakerExecutionRole",
    "arn:aws:iam::999999999999:role/x",
    "arn:aws:logs:us-east-1:123456789012:log-group:a:*",
    "arn:aws:ecr:us-east-1:123456789012:repository/a",
    "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0",
    *("/aws/sagemaker/TrainingJobs", "CreationTime", "ASC", "Equals", "train", "a.a"),
)
WRONG = (None, True, 0, -1, 1.5, 2**70, 1e308, "", "x", [], [[]], {}, {"a": 1}, [None])
NUMBERS = (0, 1, 2, 5, 10, 100, -1, 2**31 - 1, 2**31, 1.5, 1_700_000_000)


class Fuzzer:
    """Send malformed requests to an application in this process."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.client = Client(Application())
        self.statuses = Counter()
        self.faults = []

    def value(self, shape, depth=0):
        """Make a value for a shape, which fits more often than not."""
        chance = self.random.random()
        if chance < 0.03 + 0.02 * depth:
            return self.random.choice(WRONG)
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, depth)
        if kind == "list":
            count = self.random.choice((0, 1, 1, 1, 2, 3)) if depth < 6 else 0
            return [self.value(shape.member, depth + 1) for _ in range(count)]
        if kind == "map":
            return {
                self.random.choice(TEXTS): self.value(shape.value, depth + 1)
                for _ in range(self.random.choice((0, 1, 1, 2)))
            }
        if kind == "string":
            enum = getattr(shape, "enum", None)
            return self.random.choice(enum if enum and chance < 0.9 else TEXTS)
        if kind == "boolean":
            return self.random.choice((True, False))
        return self.random.choice(TEXTS if kind == "blob" else NUMBERS)

    def structure(self, shape, depth):
        """Make a structure: what is required, some of the rest, rarely a new member."""
        made = {}
        for name, member in shape.members.items():
            likely = 0.97 if name in shape.required_members else 0.35 / (1 + depth)
            if self.random.random() < likely:
                made[member.serialization.get("name", name)] = self.value(
                    member, depth + 1
                )
        if self.random.random() < 0.03:
            made["Bogus"] = self.random.choice(WRONG)
        return made

    def body(self, shape):
        """Make the body of a request, of which some are not even JSON."""
        content = json.dumps({} if shape is None else self.value(shape)).encode()
        chance = self.random.random()
        if chance < 0.03:
            return content[: self.random.randrange(len(content))]
        if chance < 0.06:
            place = self.random.randrange(len(content))
            return content[:place] + self.random.randbytes(3) + content[place:]
        if chance < 0.07:
            return self.random.choice((b"", b"[" * 5000, b"\xff\xfe", b'"', b"NaN"))
        return content

    def headers(self, service, target):
        """Make headers, of which some are missing or wrong."""
        scope = f"AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/{service}/aws4_request"
        signed = "SignedHeaders=host;x-amz-date, Signature=0123456789abcdef"
        made = {
            "Host": "127.0.0.1:5000",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, {signed}",
            "X-Amz-Target": target,
            "Content-Type": "application/x-amz-json-1.1",
        }
        if self.random.random() < 0.06:
            name = self.random.choice([*made][1:])
            del made[name]
            if self.random.random() < 0.5:
                made[name] = self.random.choice(
                    ("x", "AWS4-HMAC-SHA256 x", "text/xml", f"{target}X", "a.b", ";")
                )
        return made

    def send(self, service, target, shape):
        """Send one request, and note what may not come of it."""
        body, headers = self.body(shape), self.headers(service, target)
        path = (
            self.random.choice(("/x", "/?a=1", "/%2e%2e/"))
            if (self.random.random() < 0.02)
            else "/"
        )
        start = time.perf_counter()
        answer = self.client.post(path, data=body, headers=headers)
        content = answer.get_data().decode(errors="replace")
        seconds = time.perf_counter() - start
        self.statuses[answer.status_code] += 1
        is_page = "html" in answer.headers.get("Content-Type", "") and content
        if answer.status_code >= 500 or is_page or seconds > SLOW_SECONDS:
            self.faults.append(
                f"{target}: {answer.status_code} after {seconds:.1f} s: "
                f"{content[:200]}; {headers} {body[:300]!r}"
            )


def actions():
    """Return signing name, target and input shape of every served JSON action."""
    found = []
    for signing, (name, _) in JSON_SERVICES.items():
        model = get_service_model(name)
        served = served_by(signing)
        for operation in model.operation_names:
            if camelcase_to_underscores(operation) in served:
                target = f"{model.metadata['targetPrefix']}.{operation}"
                shape = model.operation_model(operation).input_shape
                found.append((signing, target, shape))
    return found


def served_by(signing):
    """Return the methods of the class that answers a service."""
    from embedded_aws.application import SERVED

    backend = backends.get_backend(SERVED[signing])["123456789012"]["us-east-1"]
    (dispatch, *_) = backend.urls.values()
    return dir(dispatch.__self__)


def main(count, names):
    """Fuzz every action, or those that are named."""
    logging.disable()
    fuzzer, start, times = Fuzzer(seed=1), time.perf_counter(), []
    chosen = [a for a in actions() if not names or a[1].rpartition(".")[2] in names]
    for action in chosen:
        for _ in range(count):
            fuzzer.send(*action)
        if (spent := time.perf_counter() - start - sum(times)) > count / 50:
            print(f"{action[1]}: {spent:.0f} s", flush=True)
        times.append(spent)
    seconds = time.perf_counter() - start
    print(f"{len(chosen)} actions, {count} requests each, {seconds:.0f} s")
    print(dict(sorted(fuzzer.statuses.items())))
    kinds = Counter(fault.partition("; ")[0] for fault in fuzzer.faults)
    for fault, often in kinds.most_common(60):
        print(often, fault)
    return bool(fuzzer.faults)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
