"""Sans-IO codecs: bytes in, facts out. No socket, no clock, no judgement about makers. One file per protocol.

Two shapes. A datagram protocol declares `DISCOVERY` (a `Discovery`): what to ask, how to read an answer. A conversation
over a stream declares `CONVERSATION` (a `Conversation`): a generator that yields commands and returns facts. A module may
declare both. `registry.discoveries()` and `registry.conversations()` list them.
"""
