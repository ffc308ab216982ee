"""What may become of a parameter: done, stored or refused, and how rules say so."""

from collections.abc import Mapping

IMPLEMENTED, STORED, REFUSED = "implemented", "stored", "refused"
TREATMENTS = (IMPLEMENTED, STORED, REFUSED)
# Of an action: what becomes of the parameters that its rules do not name.
OTHERS = "others"

# By treatment: paths of parameters, each with all that is below it and has no path of
# its own; `path=value` is one value of an enumeration. What no path names is refused,
# so that a newer client is not misled.
Rules = Mapping[str, str]


def under(prefix: str, rules: Rules) -> dict[str, str]:
    """Return the rules of a structure as those of the parameter that holds it."""
    return {
        treatment: " ".join(f"{prefix}.{path}" for path in paths.split())
        for treatment, paths in rules.items()
    }


def joined(*several: Rules) -> dict[str, str]:
    """Return several rules as one."""
    return {
        treatment: " ".join(rules.get(treatment, "") for rules in several)
        for treatment in TREATMENTS
    }


def done(**actions: str) -> dict[str, Rules]:
    """Return the rules of actions of which nothing is stored without effect."""
    return {action: {IMPLEMENTED: paths} for action, paths in actions.items()}
