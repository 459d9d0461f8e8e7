"""What keeps the house in order: leases, expiry, retention, gauges."""
