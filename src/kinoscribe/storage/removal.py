"""Removes the rows that a condition chooses, or only counts them for somebody who wants to know what would go."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table, delete, func, select

from kinoscribe.storage.database import Database


def remove(database: Database, table: Table, *where: ColumnElement[bool], dry: bool) -> int:
    """How many rows went, or with `dry` would go."""
    if dry:
        with database.reading() as db:
            return db.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
    with database.writing() as db:
        return db.execute(delete(table).where(*where)).rowcount
