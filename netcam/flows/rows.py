"""How the compiled loop and Python share memory: words of a row, kinds of hints, counters, bounds. Imports nothing."""

from __future__ import annotations

ETHERNET, NULL, PPP, RAW, LOOP, SLL, SLL2, RADIOTAP, WIFI, CHDLC, NFLOG, PKTAP = 1, 0, 9, 101, 108, 113, 276, 127, 105, 104, 239, 258
"""Link types (tcpdump.org/linktypes)."""
LINKS = {
    1: 1,
    0: 0,
    9: 9,
    50: 9,
    104: 104,
    12: 101,
    14: 101,
    101: 101,
    108: 108,
    113: 113,
    228: 101,
    229: 101,
    276: 276,
    105: 105,
    127: 127,
    239: 239,
    258: 258,
}
"""Link type of a file -> the one it is read as: several numbers stand for packets that begin with their IP header."""

IDLE = 300
"""Seconds of silence after which a conversation is over (IPFIX idle timeout; 300 s keeps camera heartbeats of 120 s in one flow)."""
ACTIVE = 1800
"""Seconds after which a conversation that goes on is told as it stands (IPFIX active timeout; the usual half hour)."""
CAPACITY = 11 << 16
"""Open conversations: 720,896 rows of 256 bytes, 184 MB. Beyond that the oldest is told early and counted as evicted."""
SLOTS = 1 << 21
"""Places of the hash table at most: under half full, 16 MB; a table that is opened smaller has fewer."""
MAX_DONE = 1 << 15
"""Ended rows between two looks of the caller: 8 MB."""
MAX_HINTS = 1 << 13
"""Places where something may stand to be read, between two looks of the caller."""
MAX_MINUTES = 1 << 14
"""Minutes of long flows between two looks of the caller."""
MARGIN = 64
"""Room that must be left in those three before the next packet is taken: one packet fills at most eight places."""
FRAGMENTS = 1 << 13
"""Places for the ports of fragmented datagrams: those of the last seconds; a later part that finds none is a flow without ports."""
INTERFACES = 1024
"""Interfaces of one pcapng section."""
MAX_NETS = 512
"""Networks that are known as internal to the loop that decides who began."""
MAX_PACKET = 0x40000
"""Bytes of one captured packet: the largest snapshot length that capture programs use."""
MAX_BLOCK = 16 << 20
"""Bytes of one pcapng block; real ones hold one packet."""
AHEAD = 8
"""Packets by which the loop looks ahead for what it will need of memory."""
SWEEP = 4096
"""Rows looked at for silence each time the loop is called."""
SAMPLE = 8
"""Rows compared when one must go: the table is too large to sort, and the oldest of eight is old."""
WANTED = 16_384
"""Bytes of the beginning of a TLS stream that are handed on: a hello is under 3 kB, a chain of certificates under 10 kB."""
MAX_LAYERS = 4
"""Tunnels within tunnels that are opened."""

# words of a row (int64)
A_HI, A_LO, B_HI, B_LO, KEY, START, END, PACKETS = range(8)
B_OUT, B_IN, L_OUT, L_IN, W_OUT, W_IN, MAC_A, MAC_B = range(8, 16)
MARKS, RTT, SEQ_OUT, SEQ_IN, LAST_OUT, LAST_IN, FIRST_IN, GAPS_OUT = range(16, 24)
GAPS_IN, SQUARES_OUT, SQUARES_IN, SERIAL, MINUTE, M_OUT, M_IN, MORE = range(24, 32)
WIDTH = 32
"""KEY: ports (a << 16 | b) | protocol << 32 | IP version << 40. PACKETS: out | in << 32. MAC_A: address | flags out << 48 | flags in << 56.
MAC_B: address | VLAN << 48. MARKS: tells | quality << 32 | state << 48. RTT: microseconds | retransmitted out << 32 | in << 48. SEQ: first
number | next number << 32. MINUTE: minute | bytes wanted out << 32 | in << 48. MORE: end reason | payload packets out << 8 | in << 16 | ICMP type and code << 24.
GAPS_ and SQUARES_ hold doubles."""

MINUTE_WIDTH = 4
"""Serial, minute, bytes out, bytes in."""

# state bits of MARKS
S_CLOSED, S_SYN, S_SYNACK, S_GUESSED, S_SEQ_OUT, S_SEQ_IN, S_FIN_OUT, S_FIN_IN, S_BASE_OUT, S_BASE_IN = (1 << n for n in range(10))

# what the caller and the loop tell each other
U_FREE, U_NEXT, U_HINTS, U_DONE, U_MINUTES, U_SERIAL, U_HAND, U_NOW, U_LIVE = range(9)
U_SEED, U_IDLE, U_ACTIVE, U_CAPACITY, U_SLOTS, U_NETS, U_INTERFACES, U_ORDER, U_NEED, U_AT, U_LEFT, U_BLOCK = range(9, 21)
STATE = 24

COUNTERS = (
    "packets", "bytes", "truncated", "not_ip", "fragments", "malformed", "evicted", "clock_jumps", "lying_lengths", "tunnelled", "hints_lost",
    "unknown_link",
)  # fmt: skip
(C_PACKETS, C_BYTES, C_TRUNCATED, C_NOT_IP, C_FRAGMENTS, C_MALFORMED, C_EVICTED, C_CLOCK, C_LYING, C_TUNNELLED, C_LOST, C_LINK) = range(
    len(COUNTERS)
)

# hints: kind, serial, begin, end, time, direction (0 out, 1 in), client high, client low, server high, server low, version, client MAC
H_KIND, H_SERIAL, H_BEGIN, H_END, H_AT, H_BACK, H_C_HI, H_C_LO, H_S_HI, H_S_LO, H_VERSION, H_MAC, H_PORT = range(13)
HINT_WIDTH = 13
DNS, TLS, HTTP, QUIC, DNS_TCP = range(1, 6)

REASON_IDLE, REASON_ACTIVE, REASON_END, REASON_FORCED, REASON_RESOURCES = range(1, 6)
"""IPFIX flowEndReason (information element 136)."""

T_TLS, T_HTTP, T_DNS, T_QUIC, T_STUN, T_TURN, T_RTP, T_RTSP, T_RTMP, T_PPPP = (1 << n for n in range(10))
T_DAHUA, T_SSH, T_JPEG, T_MQTT, T_DTLS, T_WIREGUARD, T_DNS_TCP, T_NTP, T_SOCKS, T_TUYA = (1 << n for n in range(10, 20))
T_CREDENTIAL, T_TLS_OLD, T_SMTP, T_FTP, T_OPENVPN = (1 << n for n in range(20, 25))
Q_MIDSTREAM, Q_TRUNCATED, Q_COMBINED, Q_PAYLOAD, Q_CLOCK, Q_NO_BYTES, Q_SWAPPED, Q_STALE, Q_TUNNELLED, Q_CARRIER, Q_ESTIMATE = (
    1 << n for n in range(11)
)
