"""Messages that other people's encoders make, read by ours, and ours read by theirs."""

from __future__ import annotations

import socket
import warnings

import pytest
from drive import values
from zeroconf import DNSIncoming, DNSOutgoing, DNSPointer, DNSService, DNSText

from netcam.protocols import cdp, dhcp, lldp, mdns, snmp

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from scapy.contrib import cdp as scapy_cdp
    from scapy.contrib import lldp as scapy_lldp
    from scapy.layers import dhcp as scapy_dhcp
    from scapy.layers.l2 import LLC, SNAP, Ether
    from scapy.layers.snmp import SNMP, SNMPresponse, SNMPvarbind


def test_scapys_lldp_frame_is_read() -> None:
    frame = (
        Ether(dst="01:80:c2:00:00:0e", src="b8:a4:4f:2f:01:d9")
        / scapy_lldp.LLDPDUChassisID(subtype=4, id="b8:a4:4f:2f:01:d9")
        / scapy_lldp.LLDPDUPortID(subtype=5, id=b"eth0")
        / scapy_lldp.LLDPDUTimeToLive(ttl=120)
        / scapy_lldp.LLDPDUSystemName(system_name=b"axis-b8a44f2f01d9")
        / scapy_lldp.LLDPDUSystemDescription(description=b"AXIS P1448-LE Network Camera 10.6.0")
        / scapy_lldp.LLDPDUEndOfLLDPDU()
    )
    found = values(lldp.parse(bytes(frame)[14:]))
    assert found["lldp.chassis"] == found["mac"] == ["b8:a4:4f:2f:01:d9"]
    assert found["lldp.port"] == ["eth0"]
    assert found["lldp.system_description"] == ["AXIS P1448-LE Network Camera 10.6.0"]


def test_scapys_cdp_frame_is_read() -> None:
    message = scapy_cdp.CDPv2_HDR(
        msg=[
            scapy_cdp.CDPMsgDeviceID(val=b"cam-1"),
            scapy_cdp.CDPMsgSoftwareVersion(val=b"10.6.0"),
            scapy_cdp.CDPMsgPlatform(val=b"AXIS P1448-LE"),
        ]
    )
    frame = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0x0C, code=0x2000) / message
    assert values(cdp.parse(bytes(frame))) == {"cdp.device_id": ["cam-1"], "cdp.version": ["10.6.0"], "cdp.platform": ["AXIS P1448-LE"]}


def test_scapys_dhcp_discover_is_read() -> None:
    message = scapy_dhcp.BOOTP(op=1, chaddr=bytes.fromhex("b8a44f2f01d9")) / scapy_dhcp.DHCP(
        options=[
            ("message-type", "discover"),
            ("vendor_class_id", b"AXIS,Network Camera,P3343,5.20.3"),
            ("hostname", b"axis-b8a44f2f01d9"),
            ("param_req_list", [1, 3, 6, 12, 15, 28, 42]),
            "end",
        ]
    )
    found = values(dhcp.parse(bytes(message)))
    assert found["dhcp.vendor_class"] == ["AXIS,Network Camera,P3343,5.20.3"]
    assert found["dhcp.params"] == ["1,3,6,12,15,28,42"]
    assert found["mac"] == ["b8:a4:4f:2f:01:d9"]


def test_scapy_reads_our_snmp_question_and_we_read_its_response() -> None:
    asked = SNMP(snmp.question("s3cret", 77))
    assert asked.community.val == b"s3cret"
    assert [binding.oid.val for binding in asked.PDU.varbindlist] == list(snmp.OBJECTS)
    response = SNMP(
        version=1,
        community="s3cret",
        PDU=SNMPresponse(
            id=77,
            varbindlist=[
                SNMPvarbind(oid="1.3.6.1.2.1.1.1.0", value="Hikvision company products"),
                SNMPvarbind(oid="1.3.6.1.4.1.39165.1.1.0", value="DS-2CD2185FWD-I"),
            ],
        ),
    )
    found = values(snmp.parse(bytes(response)))
    assert found == {"snmp.sysdescr": ["Hikvision company products"], "snmp.oid.1.3.6.1.4.1.39165.1.1.0": ["DS-2CD2185FWD-I"]}


def test_zeroconfs_answer_is_read_and_our_question_is_read_by_it() -> None:
    out = DNSOutgoing(0x8400)
    kind, name = "_axis-video._tcp.local.", "AXIS M5014 - ACCC8E3C0419._axis-video._tcp.local."
    out.add_answer_at_time(DNSPointer(kind, 12, 1, 4500, name), 0)
    out.add_additional_answer(DNSService(name, 33, 1, 120, 0, 0, 80, "axis-accc8e3c0419.local."))
    out.add_additional_answer(DNSText(name, 16, 1, 4500, b"\x17macaddress=ACCC8E3C0419"))
    found = values(list(mdns.parse(out.packets()[0])))
    assert found["mdns.service"] == ["_axis-video._tcp"]
    assert found["mdns.name"] == ["AXIS M5014 - ACCC8E3C0419"]
    assert found["mdns.txt.macaddress"] == ["ACCC8E3C0419"]
    assert found["mdns.host"] == ["axis-accc8e3c0419.local"]
    asked = DNSIncoming(mdns.question())
    assert asked.valid
    assert [question.name for question in asked.questions] == [f"{service}.local." for service in mdns.SERVICES]
    assert all(question.type == 12 for question in asked.questions)


@pytest.mark.parametrize("address", ["2001:db8::1", "fe80::b6a3:82ff:fe0f:d92d"])
def test_an_ipv6_address_is_written_as_the_system_writes_it(address: str) -> None:
    from netcam.protocols import layout

    assert layout.ipv6(socket.inet_pton(socket.AF_INET6, address)) == address
