"""What the owner's own records say of the estate: asset registers, lists of management systems, NetBox."""
