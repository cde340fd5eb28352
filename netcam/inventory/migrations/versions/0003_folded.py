"""What runs say of which device is which is kept beside their observations; the device list is read in order from an index of each slot."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table, empty: it fills with the next run at each site."""
    op.create_table(
        "folded",
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("scan", sa.Text, nullable=False),
        sa.Column("upto", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("site", "scan"),
    )
    op.drop_index("device_maker", "device")
    op.create_index("device_maker", "device", ["maker"])
    op.create_index("device_model", "device", ["model"])
