"""Reading the tidy table of results."""

import pandas as pd

TIDY_COLUMNS = ("method", "metric", "value", "ci_low", "ci_high", "n", "unit")
"""Columns of ``results.csv`` after the condition columns."""


def conditions_of(df: pd.DataFrame) -> list[str]:
    """Condition columns of a table that has all tidy columns and a row, else a ``ValueError``."""
    missing = [c for c in TIDY_COLUMNS if c not in df.columns]
    if missing:
        raise ValueError(f"df: expected the columns {TIDY_COLUMNS}, got none named {missing}")
    if df.empty:
        raise ValueError("df: expected at least one row, got none")
    return [c for c in df.columns if c not in TIDY_COLUMNS]


def rows_of(df: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Rows of a metric, or a ``ValueError`` that tells which metrics there are."""
    rows = df[df["metric"] == metric]
    if rows.empty:
        raise ValueError(f"metric: expected one of {metrics_of(df)}, got {metric!r}")
    return rows


def metrics_of(df: pd.DataFrame) -> list[str]:
    """Names of the metrics in the table."""
    return sorted(df["metric"].unique())


def unit_of(rows: pd.DataFrame) -> str:
    """Unit of the rows of one metric."""
    unit = rows["unit"].iloc[0]
    return "" if pd.isna(unit) else str(unit)
