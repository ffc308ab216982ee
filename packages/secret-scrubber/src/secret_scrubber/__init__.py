"""Replaces secrets in what programs write: texts, JSON, notebooks, logs.

`Scrubber.from_environment(os.environ).text(text)` masks the values of variables with
secret names in any spelling, and whatever has the form of a secret.
"""

from secret_scrubber.names import looks_secret
from secret_scrubber.scrubber import MASK, Scrubber

__all__ = ["MASK", "Scrubber", "looks_secret"]
