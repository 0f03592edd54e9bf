"""A seeded market that moves under P and is quoted under Q."""
