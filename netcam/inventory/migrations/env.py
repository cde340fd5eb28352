"""Alembic's entry: runs on the connection and transaction that upgrade was given."""

from alembic import context

from netcam.inventory.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
