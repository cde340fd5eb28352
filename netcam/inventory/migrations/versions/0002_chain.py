"""The hash chain, signed roots and the operators' actions; what is stored already is taken into the chain."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables, then the entries of what is there."""
    op.create_table(
        "chain",
        sa.Column("number", _Big, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_index("chain_kind", "chain", ["kind", "first"])
    op.create_table(
        "signed",
        sa.Column("number", _Big, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "action",
        sa.Column("seq", _Big, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("finding_device", "finding", ["device", "at"])
    op.create_index("identity_scan_device", "identity_scan", ["device", "site"])
    op.create_index("observation_site", "observation", ["site"])
    op.create_index("identity_scan_seq", "identity_scan", ["seq"])
    op.create_index("action_kind", "action", ["kind", "seq"])
    op.create_table(
        "removed",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("kind", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "retired",
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("site", "device", "seq"),
        sqlite_with_rowid=False,
    )
    from netcam.inventory.sql.ledger import adopt

    adopt(op.get_bind())
