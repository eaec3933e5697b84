"""The scorecard: which measures there are, what they say of a model, and of the article's claims."""
