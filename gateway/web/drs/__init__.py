"""DRS 1.4 (GA4GH): complete exports as objects with an id, a checksum and an address."""
