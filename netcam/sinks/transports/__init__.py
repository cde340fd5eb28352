"""One file per way to deliver; each declares its TRANSPORT. These talk to receivers that the operator names, never to cameras."""
