"""Runs a statement that was compiled once, for those that run so often that building them anew is what they cost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy import exc as sql_errors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from kinoscribe.storage.connections import keepable

Statement = (
    Select[Any]
    | Insert
    | Update
    | Delete
    | ReturningInsert[Any]
    | ReturningUpdate[Any]
    | ReturningDelete[Any]
)
Process = Callable[[Any], Any]


class Prepared:
    """One statement in the words of one dialect. It is given every time the same parameters by name.

    What SQLAlchemy does for every execution is done once here: the SQL, the order of the parameters, and how values
    are turned on their way in and out. A parameter that stands for a list cannot be used.
    """

    def __init__(self, statement: Statement, dialect: Dialect, names: Collection[str]) -> None:
        keys = None if isinstance(statement, Select) else list(names)
        compiled = statement.compile(dialect=dialect, column_keys=keys)
        assert isinstance(compiled, SQLCompiler)
        self._dialect = dialect
        self._text = str(compiled)
        self._named = not dialect.positional
        order = list(compiled.binds if self._named else compiled.positiontup or ())
        self._values = [(name, *_value(compiled, dialect, name, names)) for name in order]
        shown: Iterable[Any] = getattr(statement, "selected_columns", ()) or statement.exported_columns
        self._columns = [column.type.dialect_impl(dialect) for column in shown]
        self._turned: list[tuple[int, Process]] | None = None

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], int]:
        """The rows it brings, and how many it changed. Raises what `Connection.execute` raises."""
        values: Any = [self._bound(one, parameters) for one in self._values]
        if self._named:
            values = dict(zip([name for name, *_ in self._values], values, strict=True))
        driver: Any = connection.connection.cursor()
        rows: list[Any]
        try:
            self._dialect.do_execute(driver, self._text, values)
            if driver.description is None:
                return [], driver.rowcount
            rows = driver.fetchall()
            if self._turned is None:
                self._turned = self._turning(driver.description)
            return [self._row(row) for row in rows], driver.rowcount
        except self._errors as error:
            raise self._our_error(connection, driver, values, error) from error
        finally:
            driver.close()

    @property
    def _errors(self) -> type[Exception]:
        root: type[Exception] = self._dialect.loaded_dbapi.Error
        return root

    def _bound(self, one: tuple[str, Process | None, Process | None], parameters: Mapping[str, Any]) -> Any:
        name, own, turn = one
        value = parameters[name] if own is None else own(None)
        if turn is not None:
            value = turn(value)
        return keepable(value) if isinstance(value, str) else value

    def _turning(self, description: Any) -> list[tuple[int, Process]]:
        processes = (
            (place, kind.result_processor(self._dialect, told[1]))
            for place, (kind, told) in enumerate(zip(self._columns, description, strict=True))
        )
        return [(place, process) for place, process in processes if process is not None]

    def _row(self, row: Any) -> tuple[Any, ...]:
        assert self._turned is not None
        values = list(row)
        for place, process in self._turned:
            values[place] = process(values[place])
        return tuple(values)

    def _our_error(self, connection: Connection, driver: Any, values: Any, error: Any) -> Exception:
        gone = self._dialect.is_disconnect(error, connection.connection.dbapi_connection, driver)
        if gone:
            connection.invalidate(error)
        ours: Exception = sql_errors.DBAPIError.instance(
            self._text, values, error, self._errors, connection_invalidated=gone, dialect=self._dialect
        )
        return ours


def _value(
    compiled: SQLCompiler, dialect: Dialect, name: str, names: Collection[str]
) -> tuple[Process | None, Process | None]:
    """Where the value of a parameter comes from when nobody gives it, and how it is turned for the driver."""
    bind = compiled.binds[name]
    turn = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.callable is not None:
        fresh = bind.callable
        return lambda _: fresh(), turn
    if bind.key in names or name in names:
        return None, turn
    if bind.required:
        raise KeyError(f"the statement needs a value for {name}")
    constant = bind.value
    return lambda _: constant, turn
