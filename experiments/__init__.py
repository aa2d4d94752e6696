"""The domain of Signpost: experiments, assignment, counting, and the store. Knows nothing of HTTP."""
