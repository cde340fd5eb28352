"""What leaves beside the protocols of the registry: name (as in the audit log and the totals), over what, what is sent, by which text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from netcam.collect import second_opinion
from netcam.protocols import axis, snmp


@dataclass(frozen=True, slots=True)
class Sent:
    """One kind of packet."""

    over: str
    sends: str
    source: str


BESIDES: Mapping[str, Sent] = MappingProxyType(
    {
        "arp": Sent(
            "Ethernet; deep, polite, standard",
            "ARP requests for each address of a network on the link, as often as the profile says",
            "RFC 826",
        ),
        "icmpv6": Sent(
            "Ethernet, ff02::1; deep, polite, standard",
            "an echo request to all IPv6 nodes of the link from each address of this machine; with the deep profile one MLD general query",
            "RFC 4443 section 4.1, RFC 3810 section 5.1",
        ),
        "sadp_link": Sent(
            "Ethernet type 0x8033, broadcast; deep, polite, standard",
            "the SADP inquiry (operation 3) in a frame of its own; answered by cameras of the wrong range too",
            "two published implementations; there is no open specification",
        ),
        "connect": Sent(
            "TCP; deep, polite, standard",
            "a connect to the usual ports of cameras, closed at once, where no link layer shows who is there",
            "RFC 9293 section 3.5",
        ),
        "health": Sent(
            "TCP; deep, polite, standard",
            "after all, a connect to a port that was open, closed at once: does the device still answer",
            "RFC 9293",
        ),
        "upnp": Sent(
            "TCP, the device's own LOCATION; deep, polite, standard",
            "GET of the UPnP description that the device points to, only at its own address",
            "UPnP Device Architecture 1.1 section 2.11",
        ),
        "axis": Sent(
            "TCP, a web port of a device with signs of this maker; deep, polite, standard", axis.SENDS, "VAPIX basic device information"
        ),
        "snmp": Sent("UDP {unicast}:161; only with --snmp-community", snmp.SENDS, "RFC 3416, RFC 3418"),
        "nmap": Sent("TCP; deep, or with --nmap", second_opinion.SENDS, "nmap-service-probes"),
        "802.1Q": Sent("Ethernet; only with --vlan", "all of the above inside the VLAN, with its tag", "IEEE 802.1Q section 9.6"),
        "onvif-owner": Sent(
            "TCP; only by `netcam ask`",
            "ONVIF questions that read and change nothing, with the account that the owner gives",
            "ONVIF Core Specification",
        ),
    }
)
