"""How fast a network and what comes after it are on this machine."""
