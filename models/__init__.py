"""WORDS: what things are. No network, no scheduling; documents are imported only when asked for."""
