"""The same training by what people would take instead, each in a process of its own.

Every module here but ``job``, ``network`` and ``run`` is a peer: ``PACKAGES`` are what it needs,
and ``train(job, pixels, batch_size)`` trains the article's VAE as its users would and says how long
each epoch took.
"""
