"""What Alembic runs: the connection comes from ``waypost.store.migrate``."""

from alembic import context

from waypost.store.tables import METADATA

with context.config.attributes["connection"].connect() as connection:
    context.configure(connection=connection, target_metadata=METADATA, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
