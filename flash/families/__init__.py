"""Flash controllers, one filled-in description each."""
