"""Reading an ATS: listings, pages, records, and their mapping to canonical words."""
