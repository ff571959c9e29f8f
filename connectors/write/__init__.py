"""Writing to an ATS: which requests a push needs, and what proves that they took effect."""
