"""Code as clients send it, and the image that runs it in these tests."""

import io
import tarfile
import textwrap

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
SKLEARN = f"{REGISTRY}/sagemaker-scikit-learn:1.9-0-cpu-py3"


def packed(files):
    """Pack files into a sourcedir.tar.gz."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, text in files.items():
            content = text
            if isinstance(text, str):
                content = textwrap.dedent(text).encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()
