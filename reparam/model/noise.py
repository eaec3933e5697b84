"""Random numbers for a batch, also for a batch that several processes share."""

from collections.abc import Callable, Sequence

import numpy as np
import torch


class SharedNoise:
    """The noise of one step's whole batch, of which a process has the rows from ``first`` on.

    Every process draws the numbers of all ``total`` rows and keeps its own: the generators stay in
    step, and the noise of an image does not depend on the number of processes. (No dataclass:
    Fabric would copy it on its way into the module, and the generator would not advance.)
    """

    def __init__(self, generator: torch.Generator, first: int, total: int) -> None:
        self.generator, self.first, self.total = generator, first, total
        self.drawn: list[torch.Tensor] = []
        """The numbers of all rows, one tensor for each draw so far."""
        self.draws = 0
        """Which draw is next."""

    def part(self, rows: int) -> "SharedNoise":
        """The noise of a part of the batch that begins ``rows`` later: of the same draws."""
        part = SharedNoise(self.generator, self.first + rows, self.total)
        part.drawn = self.drawn
        return part

    def draw(
        self, function: Callable[..., torch.Tensor], shape: torch.Size, like: torch.Tensor
    ) -> torch.Tensor:
        """``shape[0]`` rows of the next draw from ``function``."""
        if self.draws == len(self.drawn):
            whole = (self.total, *shape[1:])
            self.drawn.append(
                function(whole, generator=self.generator, device=like.device, dtype=like.dtype)
            )
        self.draws += 1
        return self.drawn[self.draws - 1][self.first : self.first + shape[0]]


Noise = torch.Generator | np.random.Generator | SharedNoise | None
"""Where random numbers come from; None: torch's global state. NumPy's are the same on every device.
"""


def normal(shape: torch.Size, noise: Noise, like: torch.Tensor) -> torch.Tensor:
    """N(0, 1), one row for each image; device and type as ``like``."""
    if isinstance(noise, np.random.Generator):
        return torch.from_numpy(noise.standard_normal(shape, np.float32)).to(like)
    return _draw(torch.randn, shape, noise, like)


def uniform(shape: torch.Size, noise: Noise, like: torch.Tensor) -> torch.Tensor:
    """U(0, 1), one row for each image; device and type as ``like``."""
    if isinstance(noise, np.random.Generator):
        return torch.from_numpy(noise.random(shape, np.float32)).to(like)
    return _draw(torch.rand, shape, noise, like)


def draw_rows(
    function: Callable[[int, torch.Generator | None], torch.Tensor],
    noise: Noise,
    like: torch.Tensor,
) -> torch.Tensor:
    """As many rows as ``like`` has, of a function that draws a number of them with a generator.

    They are drawn without gradient.
    """

    def draw(shape: Sequence[int], generator: torch.Generator | None, **_: object) -> torch.Tensor:
        return function(shape[0], generator)

    if isinstance(noise, np.random.Generator):
        noise = torch.Generator(like.device).manual_seed(int(noise.integers(2**63)))
    with torch.no_grad():
        return _draw(draw, like.shape, noise, like)


def _draw(
    function: Callable[..., torch.Tensor],
    shape: torch.Size,
    noise: torch.Generator | SharedNoise | None,
    like: torch.Tensor,
) -> torch.Tensor:
    if isinstance(noise, SharedNoise):
        return noise.draw(function, shape, like)
    return function(shape, generator=noise, device=like.device, dtype=like.dtype)
