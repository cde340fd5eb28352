"""The field list: every name that a fact may carry, with its meaning. A name ending in a dot is a prefix whose tail is the device's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "mac": "link-layer address, lower case with colons",
        "oui": "registered prefix of the MAC: whose network chip it is, not who made the device",
        "hostname": "name by which the network knows the device",
        "port.open": "TCP or UDP port that answered",
        "http.status": "status code of the answer",
        "http.server": "Server header",
        "http.title": "text of the page's title element",
        "http.realm": "realm of a WWW-Authenticate challenge, whatever the status",
        "http.location": "Location header",
        "http.cookie": "name of a cookie that was set, never its value",
        "http.header.": "another response header by its lower-case name",
        "http.body": "text of the page, cut",
        "http.favicon_mmh3": "MurmurHash3 (32 bit, signed) of the icon in base64 lines",
        "http.favicon_md5": "MD5 of the icon, lower-case hex",
        "http.path.": "what a static path answered: its status, or the text that was found there",
        "http.error": "what kept the answer from being read whole",
        "rtsp.status": "status code of the answer",
        "rtsp.server": "Server header",
        "rtsp.realm": "realm of a WWW-Authenticate challenge",
        "rtsp.public": "Public header: the methods offered",
        "rtsp.header.": "another response header by its lower-case name",
        "rtsp.sdp.": "line of the session description by its letter, or attribute by its name",
        "tls.subject": "subject of the certificate, most specific attribute first: SERIALNUMBER, CN, OU, O, L, ST, C",
        "tls.issuer": "issuer of the certificate, same form",
        "tls.san": "a name or address the certificate is for",
        "tls.ja4s": "JA4S fingerprint of the server's hello",
        "tls.not_before": "start of the certificate's validity, RFC 3339",
        "tls.not_after": "end of the certificate's validity, RFC 3339",
        "tls.serial": "serial number of the certificate, lower-case hex",
        "tls.key_bits": "size of the certificate's public key in bits",
        "tls.version": "protocol version that was agreed",
        "onvif.scope.": "ONVIF scope by its first path element in lower case, value URL-decoded",
        "onvif.xaddr": "service address that the device announces",
        "onvif.types": "types that the device announces, without prefixes",
        "onvif.uuid": "endpoint reference of the device, without its urn:uuid: prefix",
        "onvif.namespace": "namespace of a service that the device offers",
        "onvif.manufacturer": "Manufacturer of GetDeviceInformation",
        "onvif.model": "Model of GetDeviceInformation",
        "onvif.firmware": "FirmwareVersion of GetDeviceInformation",
        "onvif.serial": "SerialNumber of GetDeviceInformation",
        "onvif.hardware": "HardwareId of GetDeviceInformation",
        "sadp.": "element of a Hikvision SADP answer",
        "dhip.": "member of a Dahua device search answer",
        "ssdp.server": "SERVER header",
        "ssdp.st": "search target or notification type",
        "ssdp.usn": "unique service name",
        "ssdp.location": "where the device description is",
        "upnp.manufacturer": "manufacturer of the device description",
        "upnp.manufacturer_url": "manufacturerURL of the device description",
        "upnp.model_name": "modelName of the device description",
        "upnp.model_number": "modelNumber of the device description",
        "upnp.model_description": "modelDescription of the device description",
        "upnp.friendly_name": "friendlyName of the device description",
        "upnp.device_type": "deviceType of the device description",
        "upnp.firmware": "firmware version where the device description tells it",
        "upnp.serial": "serialNumber of the device description",
        "hnap.": "element of an HNAP answer",
        "mdns.service": "DNS-SD service type",
        "mdns.name": "DNS-SD instance name",
        "mdns.txt.": "key of a TXT record, lower case",
        "mdns.host": "host name of an SRV or address record",
        "dhcp.vendor_class": "DHCP option 60",
        "dhcp.hostname": "DHCP option 12",
        "dhcp.params": "DHCP option 55, the parameters asked for in their order",
        "lldp.system_name": "LLDP system name",
        "lldp.system_description": "LLDP system description",
        "cdp.platform": "CDP platform",
        "cdp.version": "CDP software version",
        "telnet.banner": "what the service says first",
        "ftp.banner": "what the service says first",
        "ssh.banner": "identification line",
        "smtp.banner": "what the service says first",
        "snmp.sysdescr": "SNMPv2-MIB sysDescr",
        "snmp.sysobjectid": "SNMPv2-MIB sysObjectID",
        "snmp.sysname": "SNMPv2-MIB sysName",
        "snmp.oid.": "another object by its number",
        "nmap.product": "product that nmap names",
        "nmap.version": "version that nmap names",
        "nmap.extrainfo": "what nmap says besides",
        "nmap.devicetype": "device type that nmap names",
        "nmap.os": "operating system that nmap names",
        "nmap.cpe": "CPE that nmap names",
    }
)

_PREFIXES = tuple(name for name in FIELDS if name.endswith("."))


def known(field: str) -> bool:
    """Whether `field` is in the list, by name, by prefix with a tail, or as `<protocol>.raw` (an answer kept whole)."""
    if field.endswith("."):
        return False
    protocol, _, last = field.partition(".")
    return field in FIELDS or field.startswith(_PREFIXES) or (last == "raw" and protocol.isidentifier())
