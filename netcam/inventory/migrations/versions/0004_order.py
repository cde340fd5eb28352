"""The device list is read page by page in the order of addresses."""

import sqlalchemy as sa
from alembic import op

from netcam.inventory.packing import decode
from netcam.model import Identity, address_order

revision = "0004"
down_revision = "0003"

PAGE = 10_000
"""Devices read at once: bounds the memory of a large store."""


def upgrade() -> None:
    """Add the column, filled from each device's first address, and its index."""
    op.add_column("device", sa.Column("place", sa.LargeBinary, nullable=False, server_default=sa.literal(b"")))
    store = op.get_bind()
    device = sa.table("device", *(sa.column(name) for name in ("site", "device", "brief", "place")))
    key = sa.tuple_(device.c.site, device.c.device)
    after: tuple[str, str] | None = None
    while True:
        query = sa.select(device.c.site, device.c.device, device.c.brief).order_by(device.c.site, device.c.device).limit(PAGE)
        if after is not None:
            query = query.where(key > sa.tuple_(*map(sa.literal, after)))
        rows = store.execute(query).all()
        if not rows:
            break
        told = [{"b_site": site, "b_device": name, "b_place": _place(brief)} for site, name, brief in rows]
        where = sa.and_(device.c.site == sa.bindparam("b_site"), device.c.device == sa.bindparam("b_device"))
        store.execute(device.update().where(where).values(place=sa.bindparam("b_place")), told)
        after = rows[-1].site, rows[-1].device
    op.create_index("device_place", "device", ["place", "site", "device"])


def _place(brief: bytes) -> bytes:
    try:
        return address_order(next(iter(decode(brief, Identity).addresses), None))
    except ValueError:  # a damaged record is told by whoever reads it; it keeps nobody from opening the store
        return address_order(None)
