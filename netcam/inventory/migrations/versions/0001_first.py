"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "observation",
        sa.Column("seq", _Big, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("sensor", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("mac", sa.Text, nullable=False),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("scan", sa.Text, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("observation_digest", "observation", ["digest"], unique=True)
    op.create_index("observation_key", "observation", ["key"])
    op.create_index("observation_address", "observation", ["address"])
    op.create_index("observation_at", "observation", ["at"])
    op.create_index("observation_scan", "observation", ["scan"])
    op.create_table(
        "raw",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "scan",
        sa.Column("seq", _Big, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("scan_id", "scan", ["id"], unique=True)
    op.create_table(
        "coverage",
        sa.Column("scan", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("scan", "address"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "identity",
        sa.Column("seq", _Big, primary_key=True, autoincrement=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("scan", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("conclusion", sa.LargeBinary, nullable=False),
        sa.Column("brief", sa.LargeBinary, nullable=False),
        sa.Column("claims", sa.LargeBinary, nullable=False),
    )
    op.create_index("identity_device", "identity", ["site", "device", "at", "seq"])
    op.create_table(
        "identity_scan",
        sa.Column("scan", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scan", "site", "device"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "device",
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("conclusion", sa.LargeBinary, nullable=False),
        sa.Column("brief", sa.LargeBinary, nullable=False),
        sa.Column("is_camera", sa.Boolean),
        sa.Column("kind", sa.Text),
        sa.Column("brand", sa.Text),
        sa.Column("maker", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("firmware", sa.Text),
        sa.PrimaryKeyConstraint("site", "device"),
        sqlite_with_rowid=False,
    )
    op.create_index("device_kind", "device", ["kind"])
    op.create_index("device_brand", "device", ["brand"])
    op.create_index("device_maker", "device", ["maker", "model"])
    op.create_index("device_firmware", "device", ["firmware"])
    op.create_table(
        "finding",
        sa.Column("seq", _Big, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("scan", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("finding_key", "finding", ["key", "at", "seq"])
    op.create_table(
        "finding_scan",
        sa.Column("scan", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scan", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "finding_head",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("last_seen", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("finding_head_device", "finding_head", ["device"])
    op.create_table(
        "remark",
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("site", "device"),
        sqlite_with_rowid=False,
    )
