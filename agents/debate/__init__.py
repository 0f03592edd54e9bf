"""The debate: bull and bear argue from evidence, code strikes what nothing bears, a judge rules."""
