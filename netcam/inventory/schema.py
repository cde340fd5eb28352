"""The tables of the SQL store and the revisions it knows. Texts pass through packing.stored_text; times are microseconds UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    literal,
)

REVISIONS = ("0001", "0002", "0003", "0004")
"""Schema revisions this program reads, oldest first; an older store is migrated, one that is not listed is newer."""

metadata = MetaData()

_Big = BigInteger().with_variant(Integer, "sqlite")

observation = Table(
    "observation",
    metadata,
    Column("seq", _Big, primary_key=True, autoincrement=True),
    # half of the SHA-256: 128 bits tell any number of observations apart; the chain uses the whole, computed anew
    Column("digest", LargeBinary, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("at", BigInteger),
    Column("site", Text, nullable=False),
    Column("sensor", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("mac", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("scan", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("address", Text, nullable=False),
    Index("observation_digest", "digest", unique=True),
    Index("observation_key", "key"),
    Index("observation_address", "address"),
    Index("observation_at", "at"),
    Index("observation_scan", "scan"),
    Index("observation_site", "site"),
    sqlite_autoincrement=True,
)

raw = Table(
    "raw",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

scan = Table(
    "scan",
    metadata,
    Column("seq", _Big, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("scan_id", "id", unique=True),
)

coverage = Table(
    "coverage",
    metadata,
    Column("scan", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("scan", "address"),
    sqlite_with_rowid=False,
)

identity = Table(
    "identity",
    metadata,
    Column("seq", _Big, primary_key=True, autoincrement=False),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("scan", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("conclusion", LargeBinary, nullable=False),
    # the identity without its claims; the claims, which are ten times as long, are read only where asked for
    Column("brief", LargeBinary, nullable=False),
    Column("claims", LargeBinary, nullable=False),
    Index("identity_device", "site", "device", "at", "seq"),
)

identity_scan = Table(
    "identity_scan",
    metadata,
    Column("scan", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("scan", "site", "device"),
    Index("identity_scan_device", "device", "site"),
    Index("identity_scan_seq", "seq"),
    sqlite_with_rowid=False,
)

device = Table(
    "device",
    metadata,
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("conclusion", LargeBinary, nullable=False),
    Column("brief", LargeBinary, nullable=False),
    Column("is_camera", Boolean),
    Column("kind", Text),
    Column("brand", Text),
    Column("maker", Text),
    Column("model", Text),
    Column("firmware", Text),
    # where the first address stands in the order of addresses (netcam.model.order): the list is read from its index page by page
    Column("place", LargeBinary, nullable=False, server_default=literal(b"")),
    PrimaryKeyConstraint("site", "device"),
    Index("device_place", "place", "site", "device"),
    Index("device_kind", "kind"),
    Index("device_brand", "brand"),
    Index("device_maker", "maker"),
    Index("device_model", "model"),
    Index("device_firmware", "firmware"),
    sqlite_with_rowid=False,
)

finding = Table(
    "finding",
    metadata,
    Column("seq", _Big, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("scan", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("finding_key", "key", "at", "seq"),
    Index("finding_device", "device", "at"),
)

finding_scan = Table(
    "finding_scan",
    metadata,
    Column("scan", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("scan", "key"),
    sqlite_with_rowid=False,
)

finding_head = Table(
    "finding_head",
    metadata,
    Column("key", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Index("finding_head_device", "device"),
    sqlite_with_rowid=False,
)

remark = Table(
    "remark",
    metadata,
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("site", "device"),
    sqlite_with_rowid=False,
)

chain = Table(
    "chain",
    metadata,
    Column("number", _Big, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("root", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("chain_kind", "kind", "first"),
)

signed = Table(
    "signed",
    metadata,
    Column("number", _Big, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

# what operators did: appended to, never changed
action = Table(
    "action",
    metadata,
    Column("seq", _Big, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("action_kind", "kind", "seq"),
)

# the leaf of a record that retention took out of an entry which still holds others
removed = Table(
    "removed",
    metadata,
    Column("kind", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    PrimaryKeyConstraint("kind", "seq"),
    sqlite_with_rowid=False,
)

# devices that another one took in: gone from `at` on, unless an identity after `seq` brings them back
retired = Table(
    "retired",
    metadata,
    Column("site", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("site", "device", "seq"),
    sqlite_with_rowid=False,
)

# of each run at a site what its observations say of which device is which: made from them, and made anew where it is gone
folded = Table(
    "folded",
    metadata,
    Column("site", Text, nullable=False),
    Column("scan", Text, nullable=False),
    # the newest observation of the site that was looked at when it was written
    Column("upto", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("site", "scan"),
)

alembic_version = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True))
