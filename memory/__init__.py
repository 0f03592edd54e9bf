"""PostgreSQL: all that the desk remembers. SQL stands only here."""
