"""The tables that comparisons append to: one header each, a row at a time."""

import csv
import os
import sys


def check(path, columns):
    """Refuses a table of other columns before anything has been measured for it."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        sys.exit(f"--out {path}: there is no folder {folder}")
    if os.path.exists(path):
        with open(path, newline="", encoding="utf-8") as file:
            header = next(csv.reader(file), columns)
        if header != columns:
            sys.exit(f"--out {path} has other columns: move it away or name another")


def append(path, row, columns):
    """Row by row: a comparison that is stopped keeps what it has."""
    new = not os.path.exists(path) or os.path.getsize(path) == 0
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


def rows(path):
    """The rows of a table, none where there is no such file."""
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
