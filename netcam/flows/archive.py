"""The flow archive: Parquet files by site and day, written whole or not at all, and questions over them in SQL (DuckDB). One writer."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import numpy as np

from netcam.errors import ConfigError, StoreError, shown
from netcam.flows import community
from netcam.flows.table import COLUMNS, END_REASONS, JOINED, LOOKUP_COLUMNS, MINUTE_COLUMNS, PROTOCOLS, QUALITY, TELLS, FlowTable, Lookups

DAY = 86_400 * 1_000_000_000
TEXTS = (
    "name",
    "name_source",
    "device_key",
    "operator",
    "ja4",
    "ja4s",
    "alpn",
    "certificate",
    "issuer",
    "agent",
    "service",
    "id",
    "origin",
    "community_id",
)
"""Text columns of an archived flow besides its numbers."""
MEMORY = "64MB"
"""What DuckDB may take while writing; reading may take what it finds."""
ROW_GROUP = 20_480
"""Rows written at a time: 5 MB of columns in memory."""
MAX_RESULT = 100_000
"""Rows that a question gives."""
_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})")
KINDS = ("flows", "lookups", "minutes")


def site_folder(site: str) -> str:
    """The partition of a site. Raises ConfigError for a name that is no folder name."""
    if not _SITE.fullmatch(site):
        raise ConfigError("--site", f"{shown(site)} cannot name a folder", "use letters, digits, dots, dashes and underscores")
    return f"site={site}"


def _connect(memory: str | None = MEMORY) -> Any:
    try:
        import duckdb
    except ImportError:
        raise ConfigError("egress", "duckdb is not installed here", "pip install 'netcam[egress]'") from None
    settings = {"threads": 2 if memory is None else 1, "preserve_insertion_order": True, "autoload_known_extensions": False}
    connection = duckdb.connect(":memory:", config={**settings, **({"memory_limit": memory} if memory else {})})
    connection.execute("SET autoinstall_known_extensions = false")
    return connection


class Archive:
    """Writes tables below `root`."""

    def __init__(self, root: Path) -> None:
        """Raises StoreError where the folder cannot be made."""
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)  # it tells who talked with whom: for the owner alone
        except OSError as error:
            raise StoreError(str(root), error.strerror or "cannot be made", "give a folder that can be written") from None
        self._connection: Any = None
        self._reading = ""
        self.rows = 0

    def begin(self, name: str) -> None:
        """What is written from now on is of the file that `name` stands for (`files.fingerprint`), until `settle`."""
        self._reading = f"{name}-{secrets.token_hex(4)}"

    def settle(self, site: str) -> None:
        """The file is read: what an earlier reading of it wrote is removed, so that no flow stands twice. Raises StoreError."""
        name = self._reading.rpartition("-")[0]
        for kind in KINDS if name else ():
            for old in (self.root / kind / site_folder(site)).glob(f"day=*/{name}-*.parquet"):
                if not old.name.startswith(self._reading):
                    try:
                        old.unlink(missing_ok=True)
                    except OSError as error:
                        raise StoreError(str(old), f"cannot be removed: {error.strerror}", "look at the folder's rights") from None
        self._reading = ""

    def write(self, table: FlowTable, site: str, *, stem: str = "") -> list[Path]:
        """Write a table's flows, questions and minutes by the day on which each began; returns the files. Raises StoreError.

        `stem` names the files: writing again under the same stem replaces them.
        """
        begun = f"{table.window[0] // 1_000_000_000}-{secrets.token_hex(4)}"
        stem = stem or (f"{self._reading}-{begun}" if self._reading else begun)
        prepared = self.prepare(table, site, stem=stem)
        return [publish(temporary, final) for temporary, final in prepared]

    def prepare(self, table: FlowTable, site: str, *, stem: str) -> list[tuple[Path, Path]]:
        """Write under temporary names; returns those and the final ones, for `publish`."""
        made: list[tuple[Path, Path]] = []
        if len(table):
            made += self._by_day("flows", _flow_columns(table), table["start"], site, stem)
            self.rows += len(table)
        if len(table.lookups):
            columns: dict[str, Any] = {name: table.lookups[name] for name in LOOKUP_COLUMNS if name != "name"}
            columns["name"] = np.array(table.lookups.names, object)[table.lookups["name"]]
            made += self._by_day("lookups", columns, table.lookups["at"], site, stem)
        if len(table.minutes["row"]):
            rows = table.minutes["row"]
            columns = {name: table.minutes[name] for name in MINUTE_COLUMNS if name != "row"}
            for name in ("start", "a_hi", "a_lo", "b_hi", "b_lo", "a_port", "b_port", "proto", "version"):
                columns[name] = table[name][rows]
            made += self._by_day("minutes", columns, table.minutes["minute"] * 60_000_000_000, site, stem)
        return made

    def _by_day(self, kind: str, columns: Mapping[str, Any], at: Any, site: str, stem: str) -> list[tuple[Path, Path]]:
        days = at // DAY
        made: list[tuple[Path, Path]] = []
        for day in np.unique(days).tolist():
            chosen = columns if int(days.min()) == day == int(days.max()) else {n: c[days == day] for n, c in columns.items()}
            made.append(self._copy(kind, chosen, site, datetime.fromtimestamp(day * 86_400, UTC).date(), stem))
        return made

    def _copy(self, kind: str, columns: Mapping[str, Any], site: str, day: date, stem: str) -> tuple[Path, Path]:
        folder = self.root / kind / site_folder(site) / f"day={day.isoformat()}"
        final = folder / f"{stem}.parquet"
        temporary = folder / f".{stem}.{os.getpid()}.tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self._connection is None:
                self._connection = _connect()
            self._connection.register("given", dict(columns))
            listed = ", ".join(f'"{name}"' for name in columns)
            place = str(temporary).replace("'", "''")
            self._connection.execute(
                f"COPY (SELECT {listed} FROM given) TO '{place}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP})"
            )
            self._connection.unregister("given")
        except Exception as error:  # DuckDB's classes and the system's
            temporary.unlink(missing_ok=True)
            raise StoreError(str(final), f"cannot be written: {error}", "look at the disk's room and rights") from None
        return temporary, final


def publish(temporary: Path, final: Path) -> Path:
    """Make a written file part of the archive, on disk for good."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(final)
    return final


def _flow_columns(table: FlowTable) -> dict[str, Any]:
    columns: dict[str, Any] = {name: table[name] for name in COLUMNS if name not in ("device", "source")}
    size = len(table)

    def sparse(of: Iterable[tuple[int, str]]) -> Any:
        filled = np.full(size, None, object)
        for n, text in of:
            filled[n] = text
        return filled

    if table.names:
        columns["name"] = sparse((n, name) for n, (name, _) in table.names.items())
        columns["name_source"] = sparse((n, source) for n, (_, source) in table.names.items())
    for column, of in table.texts.items():
        if of and column in TEXTS:
            columns[column] = sparse(of.items())
    if table.devices:
        columns["device_key"] = np.array([None, *table.devices], object)[table["device"]]
    if table.holders:
        numbers, place = np.unique(table["asn"], return_inverse=True)
        columns["operator"] = np.array([table.holders.get(int(n)) for n in numbers], object)[place.reshape(-1)]
    if table.sources and table.sources != [""]:
        columns["origin"] = np.array(table.sources, object)[table["source"]]
    return columns


def _files(root: Path, kind: str) -> list[Path]:
    return sorted((root / kind).glob("site=*/day=*/*.parquet"))


_V4 = "concat_ws('.', ({0} >> 24) & 255, ({0} >> 16) & 255, ({0} >> 8) & 255, {0} & 255)"


def _address(end: str) -> str:
    return f"CASE WHEN version = 4 THEN {_V4.format(f'{end}_lo::BIGINT')} ELSE ip6({end}_hi, {end}_lo) END"


def _mac(column: str) -> str:
    return f"CASE WHEN {column} = 0 THEN NULL ELSE array_to_string([printf('%02x', ({column} >> s) & 255) FOR s IN [40,32,24,16,8,0]], ':') END"


def must_hold_days(root: Path) -> None:
    """Raise ConfigError where a folder is no flow archive."""
    if not any((root / kind).is_dir() for kind in KINDS):
        raise ConfigError(
            str(root), "holds no flow archive", "write one with `netcam egress analyse --archive DIR` or `watch --archive DIR`"
        )


def opened(root: Path, devices: Sequence[Mapping[str, str | None]] = (), *, seed: int = 0) -> Any:
    """A DuckDB connection over an archive with the views `flows`, `lookups`, `minutes` and `devices`; it can read nothing else.

    `seed` of the Community IDs that are computed. Raises ConfigError where there is no archive.
    """
    must_hold_days(root)
    connection = _connect(None)
    connection.create_function("ip6", lambda hi, lo: str(IPv6Address(hi << 64 | lo)), ["UBIGINT", "UBIGINT"], "VARCHAR", side_effects=False)
    for kind in KINDS:
        _table(connection, root, kind)
    names = ("device", "maker", "brand", "model", "kind")
    connection.register("given_devices", {name: np.array([d.get(name) for d in devices], object) for name in names})
    columns = ", ".join(f"{name}::VARCHAR AS {name}" for name in names)
    connection.execute(f"CREATE TABLE devices AS SELECT {columns} FROM given_devices")
    connection.unregister("given_devices")
    texts = ", ".join(f"{name}::VARCHAR AS {name}" for name in TEXTS if name != "community_id")
    texts += ", coalesce(community_id, computed_id) AS community_id"
    protocols = " ".join(f"WHEN {number} THEN '{name}'" for number, name in PROTOCOLS.items())
    reasons = " ".join(f"WHEN {n} THEN '{word}'" for n, word in enumerate(END_REASONS) if word)
    joined = " ".join(f"WHEN {n} THEN '{word}'" for n, word in enumerate(JOINED) if word)
    tells = ", ".join(f"CASE WHEN tells & {bit} <> 0 THEN '{word}' END" for word, bit in TELLS.items())
    quality = ", ".join(f"CASE WHEN quality & {bit} <> 0 THEN '{word}' END" for word, bit in QUALITY.items())
    connection.execute(
        f"""CREATE VIEW flows AS SELECT site, make_timestamp_ns(start) AS start, make_timestamp_ns("end") AS "end",
        ("end" - start) / 1e9 AS seconds, {_address("a")} AS source, a_port AS source_port, {_mac("a_mac")} AS source_mac,
        {_address("b")} AS destination, b_port AS destination_port, {_mac("b_mac")} AS destination_mac,
        CASE proto {protocols} ELSE proto::VARCHAR END AS protocol, coalesce(name, {_address("b")}) AS destination_name,
        CASE WHEN country = 0 THEN NULL ELSE chr((country >> 8) & 127) || chr(country & 127) END AS country_code,
        CASE end_reason {reasons} END AS ended_by, CASE joined {joined} END AS joined_by,
        concat_ws(',', {tells}) AS looks_like, concat_ws(',', {quality}) AS remarks,
        packets_out, packets_in, bytes_out, bytes_in, payload_out, payload_in, wire_out, wire_in, flags_out, flags_in, vlan, blocked <> 0 AS blocked,
        sampling, rtt, retransmitted_out, retransmitted_in, nullif(asn, 0) AS asn, {texts}, day FROM ({community.sql("all_flows", seed)})"""
    )
    connection.execute(
        f"""CREATE VIEW lookups AS SELECT site, make_timestamp_ns("at") AS "at", {_address("client")} AS client, {_address("server")} AS server, port,
        name, "type", nullif(rcode, -1) AS rcode, answered <> 0 AS answered, answers, length, size, ttl, day FROM all_lookups"""
    )
    connection.execute(
        f"""CREATE VIEW minutes AS SELECT site, make_timestamp_ns(minute * 60000000000) AS minute, make_timestamp_ns(start) AS flow_start,
        {_address("a")} AS source, a_port AS source_port, {_address("b")} AS destination, b_port AS destination_port, "out" AS bytes_out,
        "in" AS bytes_in, day FROM all_minutes"""
    )
    return connection


def _table(connection: Any, root: Path, kind: str) -> None:
    """A view of the files of one kind, with every column that any version wrote."""
    numbers = {"flows": COLUMNS, "lookups": LOOKUP_COLUMNS, "minutes": MINUTE_COLUMNS}[kind]
    types = {"i8": "BIGINT", "u8": "UBIGINT", "i4": "INTEGER", "f8": "DOUBLE"}
    wanted = {
        name: types[code]
        for name, code in numbers.items()
        if name not in ("row", "source", "device") and (kind, name) != ("lookups", "name")
    }
    if kind == "flows":
        wanted |= dict.fromkeys(TEXTS, "VARCHAR")
    elif kind == "lookups":
        wanted["name"] = "VARCHAR"
    else:
        wanted |= {name: types[COLUMNS[name]] for name in ("start", "a_hi", "a_lo", "b_hi", "b_lo", "a_port", "b_port", "proto", "version")}
    places = {"site": "VARCHAR", "day": "DATE", "filename": "VARCHAR", "file_row_number": "BIGINT"}
    blank = ", ".join(f'NULL::{code} AS "{name}"' for name, code in {**wanted, **places}.items())
    if _files(root, kind):
        pattern = str(root / kind / "site=*" / "day=*" / "*.parquet").replace("'", "''")
        have = {
            row[0]
            for row in connection.execute(
                f"DESCRIBE SELECT * FROM read_parquet('{pattern}', union_by_name=true, hive_partitioning=true)"
            ).fetchall()
        }
        columns = ", ".join(
            f'"{name}"::{code} AS "{name}"' if name in have else f'NULL::{code} AS "{name}"' for name, code in wanted.items()
        )
        connection.execute(
            f"""CREATE VIEW all_{kind} AS SELECT {columns}, site::VARCHAR AS site, day::DATE AS day, filename, file_row_number
            FROM read_parquet('{pattern}', union_by_name=true, hive_partitioning=true, hive_types_autocast=false, filename=true, file_row_number=true)"""
        )
    else:
        connection.execute(f"CREATE VIEW all_{kind} AS SELECT {blank} WHERE false")


def query(
    root: Path, sql: str, devices: Sequence[Mapping[str, str | None]] = (), *, seed: int = 0
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a question. The question can read the archive and nothing else. Raises ConfigError, StoreError."""
    connection = opened(root, devices, seed=seed)
    try:
        allowed = str(root.resolve()).replace("'", "''")
        connection.execute(f"SET allowed_directories = ['{allowed}/', '{str(root).replace(chr(39), chr(39) * 2)}/']")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        answer = connection.execute(sql)
        if answer is None or answer.description is None:
            return [], []
        return [column[0] for column in answer.description], answer.fetchmany(MAX_RESULT)
    except Exception as error:  # DuckDB's classes
        raise ConfigError("query", str(error).splitlines()[0][:300], "ask of the views flows, lookups, minutes and devices") from None
    finally:
        connection.close()


_BY = {
    "device": "coalesce(device_key, source)",
    "maker": "coalesce(d.maker, 'unknown')",
    "destination": "destination_name",
    "country": "coalesce(country_code, 'unknown')",
    "operator": "coalesce(operator, 'unknown')",
    "port": "protocol || '/' || destination_port",
    "site": "f.site",
}


def top(
    root: Path, by: str, *, site: str | None, days: int | None, limit: int, devices: Sequence[Mapping[str, str | None]] = ()
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The largest senders, makers, destinations, countries ... by bytes that left; blocked attempts are counted apart."""
    where = ["f.remarks NOT LIKE '%carrier%'"]
    if site:
        site_folder(site)
        where.append(f"f.site = '{site}'")
    if days:
        where.append(f"f.day > (SELECT max(day) FROM flows) - INTERVAL {int(days)} DAY")
    return query(
        root,
        f"""SELECT {_BY[by]} AS "{by}", sum(CASE WHEN blocked THEN 0 ELSE bytes_out END)::BIGINT AS bytes_out,
        sum(CASE WHEN blocked THEN 0 ELSE bytes_in END)::BIGINT AS bytes_in, count(*) FILTER (NOT blocked) AS flows,
        count(*) FILTER (blocked) AS blocked_attempts, count(DISTINCT source) AS sources, count(DISTINCT destination) AS destinations,
        min(start)::VARCHAR AS first, max("end")::VARCHAR AS last
        FROM flows f LEFT JOIN devices d ON d.device = f.device_key WHERE {" AND ".join(where)}
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {int(limit)}""",
        devices,
    )


def load(root: Path, site: str, since: int, until: int, *, limit: int = 1 << 18) -> FlowTable:
    """Flows of a site that began in [since, until) ns, as a table again: for windows longer than a table. Raises StoreError."""
    connection = opened(root)
    try:
        listed = ", ".join(f'coalesce("{name}", 0) AS "{name}"' for name in COLUMNS if name not in ("device", "source"))
        days = [datetime.fromtimestamp(max(0, n) / 1e9, UTC).date() for n in (since, until)]
        found = connection.execute(
            f"SELECT {listed}, {', '.join(TEXTS)} FROM all_flows WHERE site = ? AND start >= ? AND start < ? AND day BETWEEN ? AND ? "
            "ORDER BY start, filename, file_row_number LIMIT ?",  # of flows that began together the first written comes first: a replay sees one order
            [site, since, until, days[0] - timedelta(days=1), days[1], limit],
        ).fetchnumpy()
    finally:
        connection.close()
    columns = {name: np.asarray(found[name]).astype(COLUMNS[name]) for name in COLUMNS if name in found}
    table = FlowTable(columns)
    present = {name: [(n, str(v)) for n, v in enumerate(_texts(found[name])) if v is not None] for name in TEXTS}
    sources = dict(present["name_source"])
    table.names = {n: (name, sources.get(n, "told")) for n, name in present["name"]}
    for name in TEXTS:
        if name in ("name", "name_source", "device_key", "operator", "origin"):
            continue
        if present[name]:
            table.texts[name] = dict(present[name])
    devices = sorted({key for _, key in present["device_key"]})
    places = {key: k + 1 for k, key in enumerate(devices)}
    for n, key in present["device_key"]:
        table.columns["device"][n] = places[key]
    table.devices = devices
    table.holders = {int(table["asn"][n]): name for n, name in present["operator"]}
    origins = sorted({key for _, key in present["origin"]})
    places = {key: k for k, key in enumerate(origins)}
    for n, key in present["origin"]:
        table.columns["source"][n] = places[key]
    table.sources = origins
    if len(table):
        table.window = (int(table["start"].min()), int(table["end"].max()))
        if len(table) == limit:
            table.notes.append(f"only the first {limit} flows of the window are judged at once")
    return table


def _texts(column: Any) -> Iterator[Any]:
    masked = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else np.zeros(len(column), bool)
    for value, gone in zip(np.asarray(column, object), masked, strict=True):
        yield None if gone or value is None or value != value else value


def prune(root: Path, *, max_days: int | None, max_bytes: int | None, today: date) -> list[str]:
    """Delete whole days that are older than `max_days`, then the oldest until the archive is at most `max_bytes`; returns what went. Raises StoreError."""
    found = sorted(
        ((match[1], folder) for kind in KINDS for folder in (root / kind).glob("site=*/day=*") if (match := _DAY.fullmatch(folder.name))),
        key=lambda pair: pair[0],
    )
    sizes = {folder: _size(folder) for _, folder in found}
    total, gone = sum(sizes.values()), []
    oldest = (today - timedelta(days=max_days)).isoformat() if max_days is not None else ""
    for day, folder in found:
        if day >= oldest and (max_bytes is None or total <= max_bytes):
            continue
        try:
            for file in folder.iterdir():
                if not file.name.startswith("."):  # one that is being written
                    file.unlink(missing_ok=True)
            folder.rmdir()
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.ENOENT):
                continue  # somebody else writes or removes there: the next turn sees to it
            raise StoreError(str(folder), f"cannot be removed: {error.strerror}", "look at the folder's rights") from None
        total -= sizes[folder]
        gone.append(str(folder.relative_to(root)))
    return gone


def _size(folder: Path) -> int:
    """Bytes of a day's files; those that vanish meanwhile count nothing."""
    total = 0
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


__all__ = ["Archive", "Lookups", "load", "opened", "prune", "publish", "query", "site_folder", "top"]
