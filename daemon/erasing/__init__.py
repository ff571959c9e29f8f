"""The erasure of people, and the export of what is held about them."""
