"""Numbers, times and prices as a person would write them."""

from datetime import UTC, datetime

from runner.review.cost import Cost

SIGNS = {"good": "✓", "mind": "!", "bad": "✗", "idle": "\N{EN DASH}"}


def number(value: object, signed: bool = False) -> str:
    """Write a number short enough for a table."""
    if not isinstance(value, int | float):
        return "\N{EN DASH}"
    text = f"{value:+.4g}" if signed else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def duration(seconds: float) -> str:
    """Write a time as a person would say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def price(cost: Cost) -> str:
    """Write what a training job cost, or why nobody knows."""
    if cost.dollars is None:
        return f"the price of {cost.instance_type} is unknown here"
    return f"about ${cost.dollars:.2f}" if cost.dollars >= 0.01 else "less than $0.01"


def day(text: str) -> str:
    """Write an ISO time to the minute, in UTC wherever it was read."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{known.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
