"""Runs a statement that was compiled once, for those that run so often that building them anew is what they cost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import BindParameter, Connection, Delete, Dialect, Insert, Select, Update
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
        self._order = tuple(order)
        self._fixed: list[Any] = [None] * len(order)
        self._given: list[tuple[int, str, Process | None]] = []
        self._fresh: list[tuple[int, Callable[[], Any], Process | None]] = []
        for place, name in enumerate(order):
            self._place(place, compiled.binds[name], name, names)
        shown: Iterable[Any] = getattr(statement, "selected_columns", ()) or statement.exported_columns
        self._columns = [column.type.dialect_impl(dialect) for column in shown]
        self._turned: list[tuple[int, Process]] | None = None

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], int]:
        """The rows it brings, and how many it changed. Raises what `Connection.execute` raises."""
        values: Any = self._values(parameters)
        if self._named:
            values = dict(zip(self._order, values, strict=True))
        driver: Any = connection.connection.cursor()
        rows: list[Any]
        try:
            self._dialect.do_execute(driver, self._text, values)
            if not self._columns:
                return [], driver.rowcount
            rows = driver.fetchall()
            if self._turned is None:  # psycopg makes the description anew each time it is looked at
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

    def _place(self, place: int, bind: BindParameter[Any], name: str, names: Collection[str]) -> None:
        """Notes where the value of a parameter comes from, and how it is turned for the driver."""
        turn = bind.type.dialect_impl(self._dialect).bind_processor(self._dialect)
        if bind.callable is not None:
            self._fresh.append((place, bind.callable, turn))
        elif bind.key in names or name in names:
            self._given.append((place, name, turn))
        elif bind.required:
            raise KeyError(f"the statement needs a value for {name}")
        else:
            self._fixed[place] = bind.value if turn is None else turn(bind.value)

    def _values(self, parameters: Mapping[str, Any]) -> list[Any]:
        values = self._fixed.copy()
        for place, name, turn in self._given:
            value = parameters[name]
            if turn is not None:
                value = turn(value)
            values[place] = keepable(value) if isinstance(value, str) else value
        for place, fresh, turn in self._fresh:
            values[place] = fresh() if turn is None else turn(fresh())
        return values

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
