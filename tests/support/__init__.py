"""What several tests share: helpers, scenes, oracles."""
