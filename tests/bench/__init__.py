"""What an import and a push cost, next to the least that the same work can cost on this machine."""
