"""The scorecard: which measures there are, what they say of a model, and the article's claims."""
