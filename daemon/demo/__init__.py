"""The demo: simulated ATSs, a small ClearView that moves candidates about, and a narrator."""
