"""The inventory port and its stores."""
