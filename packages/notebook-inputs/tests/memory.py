"""A tree of files in memory."""

from collections.abc import Mapping

from notebook_inputs import Entry, Tree

LINK = "-> "
SUBMODULE = "@"


class MemoryTree(Tree):
    """Files by path; a text `-> target` is a link, `@` a submodule that is absent."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = files
        self.entries = {path: _entry(text) for path, text in files.items()}

    def read(self, path: str) -> bytes:
        """Return the content of a file, or the target of a link."""
        text = self.files[path]
        return text if isinstance(text, bytes) else text.removeprefix(LINK).encode()


def _entry(text: str | bytes) -> Entry:
    if isinstance(text, str) and text.startswith(LINK):
        return Entry("link", text)
    return Entry("submodule" if text == SUBMODULE else "file", str(text))
