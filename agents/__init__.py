"""Those who form a view: analysts, advocates, judge. They get a snapshot and never fetch."""
