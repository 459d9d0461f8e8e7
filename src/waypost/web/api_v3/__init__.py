"""The second-tier paths of the contract, under ``/api/v3/metainfo`` (section 6)."""
