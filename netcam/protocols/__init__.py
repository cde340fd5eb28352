"""Sans-IO codecs: bytes in, facts out. No socket, no clock, no judgement about makers. One file per protocol.

Two shapes. A datagram protocol declares `DISCOVERY` (a `Discovery`): what to ask, how to read an answer. A conversation
over a stream declares `CONVERSATION` (a `Conversation`): a generator that yields commands and returns facts. A module may
declare both. `registry.discoveries()` and `registry.conversations()` list them.

Frames that are only heard (`lldp`, `cdp`, `dhcp`) or sent by a link helper (`sadp_link`) and what needs the operator's word (`snmp`)
or a maker's sign (`axis`) have `parse` and encoders but declare neither shape. `LEFT_OUT` names what has no codec, and why.
"""

from collections.abc import Mapping
from types import MappingProxyType

LEFT_OUT: Mapping[str, str] = MappingProxyType(
    {
        "Uniview search": "no public wire format; found by WS-Discovery, HTTP, RTSP and MAC prefix",
        "Tiandy search": "one unlabelled source without a port; found by WS-Discovery, HTTP, RTSP and MAC prefix",
        "VStarcam search (UDP 8600)": "the answer shows user name and password to the whole network: not provoked",
        "Topsee search (UDP 3001)": "the answer shows accounts to the whole network: not provoked",
        "Dahua DVRIP (TCP 37777)": "the first message begins a login; the open port is recorded",
        "Xiongmai NETIP (TCP 34567)": "the first message begins a login; the open port is recorded",
        "Baichuan (TCP 9000)": "answers only after a login; the open port is recorded",
        "HDS (UDP 8002)": "only the client's side is public; no answer of a device was seen",
        "Tuya broadcasts (UDP 6666, 6667, 7000)": "two of the three forms are enciphered with a key of the maker's app",
        "ACTi search (UDP 6005)": "the bytes of the question are not public",
        "NiceVision, 360Vision, iBaby, whsl_ipc": "one source each, offsets uncertain or no sample",
        "GeoVision, Mobotix binary, Grandstream, Milesight, Huawei SDC, ZTE, Hytera": "no public layout",
        "HNAP": "no answer with a source to test against; mDNS and HTTP tell the same of these devices",
        "SADP operations 1 and 5, tail of answers after 208 bytes": "use or order not confirmed",
    }
)
"""Protocol -> why it has no codec."""
