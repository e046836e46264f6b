"""Runs the steps inside the transaction that `Database.migrate` has begun."""

from alembic import context

from kinoscribe.storage.tables import tables

context.configure(connection=context.config.attributes["connection"], target_metadata=tables)
with context.begin_transaction():
    context.run_migrations()
