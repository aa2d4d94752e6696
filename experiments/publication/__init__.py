"""What an experiment publishes: a table of counts nobody can be found in, and a report that follows from it alone."""
