"""How requests reach an ATS: credentials, rate limits, errors, one origin."""
