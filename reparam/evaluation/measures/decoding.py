"""What a decoder does along paths and there and back: jumps, and latents that are not found again.

These take functions and arrays, not models, so that they can be tried on maps whose answer is
known.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel

from reparam.evaluation.measures.measured import Measured, absent, mean_of
from reparam.types import Images, LabelArray, Labels, LatentArray, Latents, PerExample

Path = Callable[[Latents, Latents, PerExample], Latents]

Around = tuple[Float[torch.Tensor, " d"], Float[torch.Tensor, " d *more"]]
"""A mean m and a factor L of a covariance L Lᵀ; (d,): the standard deviations of dimensions."""

TIMES = 8
"""Points on a path at which its speed is taken."""

BATCH = 256


def cycle_error(z: LatentArray, found: LatentArray) -> dict[str, Measured]:
    """How far the encoder finds a latent from where it was decoded: ‖z − found‖, with ``found``
    the mean of q(z | decode(z)).

    ``cycle_error`` is the mean over z (N, d), usually draws from the prior, in latent units;
    ``cycle_error_relative`` the same over the root mean square distance of z to its mean, so that
    latent spaces of different scale compare: about 1 where the encoder answers the same to all.
    0 where the encoder inverts the decoder; there is no ideal value for a posterior of some width.
    """
    z = np.asarray(z, np.float64)
    distances = np.linalg.norm(z - found, axis=1)
    spread = float(np.sqrt(np.square(z - z.mean(0)).sum(1).mean()))
    measured = {"cycle_error": mean_of(distances, note="in latent units")}
    if spread > 0:
        note = "over the root mean square distance of z to its mean"
        measured["cycle_error_relative"] = mean_of(distances / spread, note=note)
    return measured


def path_length(
    decode: Callable[[Latents, Labels | None], Images],
    features: Callable[[Images], Float[torch.Tensor, "B f"]],
    ends: tuple[LatentArray, LatentArray],
    *,
    rng: np.random.Generator,
    along: Literal["slerp", "lerp"] = "slerp",
    around: Around | None = None,
    labels: LabelArray | None = None,
    device: torch.device | str = "cpu",
    batch: int = BATCH,
) -> dict[str, Measured]:
    """Perceptual path length between pairs of latents (P, d), and how unevenly it is walked.

    With γ from one end (t = 0) to the other (t = 1), and v(t) = ∂/∂t features(decode(γ(t))) by a
    Jacobian-vector product:

    ``path_length`` is E ‖v(t)‖², in squared feature units over a whole path: the limit ε → 0 of
    the perceptual path length E d(G(γ(t)), G(γ(t + ε))) / ε² (Karras et al. 2019, section 4.1),
    with squared distance in these features in place of LPIPS.
    ``path_unevenness`` is E[‖v‖²] / E[‖v‖]² along a path, averaged over paths: 1 at constant speed
    (Cauchy-Schwarz), more the more of the change comes in jumps; it has no unit.

    ``along``: "slerp" for priors like N(0, I), "lerp" for a box. ``around``: of draws with another
    mean m and covariance L Lᵀ, so that slerp follows circles around m in y, where z = m + L y has
    covariance I: through the mass of N(m, L Lᵀ), as circles around 0 are through that of N(0, I).
    Each path is sampled at 8 times, one in each eighth. The intervals are over paths. ``decode``
    and ``features`` take and give tensors, row by row (batch norm in evaluation mode), and need
    forward-mode derivatives. ``labels`` (P): of the paths, for decoders that read any. ``batch``:
    points decoded at a time.

    Absent where a layer has no derivative in forward mode (``nn.functional.grid_sample``).
    """
    path: Path = {"slerp": slerp, "lerp": lerp}[along]
    if around is not None:
        path = _in_coordinates_of(around, path, device)
    start, end = (np.repeat(np.asarray(x, np.float32), TIMES, axis=0) for x in ends)
    times = (np.arange(len(start)) % TIMES + rng.uniform(size=len(start))) / TIMES
    t = times.astype(np.float32)
    classes = None if labels is None else torch.from_numpy(np.repeat(labels, TIMES)).to(device)
    speeds = []
    for first in range(0, len(start), batch):
        rows = slice(first, first + batch)
        a, b, when = (torch.from_numpy(x[rows]).to(device) for x in (start, end, t))
        seen = _along(path, decode, features, a, b, None if classes is None else classes[rows])
        try:
            with torch.no_grad(), _forward_derivatives():
                velocity = jvp(seen, (when,), (torch.ones_like(when),))[1]
        except NotImplementedError:
            note = "the decoder has a layer without derivatives in forward mode"
            return dict.fromkeys(("path_length", "path_unevenness"), absent(note))
        speeds.append(velocity.norm(dim=1).cpu().double().numpy())
    speed = np.concatenate(speeds).reshape(-1, TIMES)
    energy, length = np.square(speed).mean(1), speed.mean(1)
    moving = length > 0
    how = f"along {along}{'' if around is None else ' around the mean'}"
    measured = {"path_length": mean_of(energy, note=f"squared feature units a path, {how}")}
    if moving.any():
        measured["path_unevenness"] = mean_of(
            energy[moving] / length[moving] ** 2, reference=1.0, note=how
        )
    return measured


@contextmanager
def _forward_derivatives() -> Iterator[None]:
    """Attention by operators that have derivatives in forward mode; PyTorch's faster ones have
    none.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _along(
    path: Path,
    decode: Callable[[Latents, Labels | None], Images],
    features: Callable[[Images], Float[torch.Tensor, "B f"]],
    a: Latents,
    b: Latents,
    labels: Labels | None,
) -> Callable[[PerExample], Float[torch.Tensor, "B f"]]:
    """The features of what is decoded on the paths from a to b, as a function of the times."""
    return lambda when: features(decode(path(a, b, when), labels))


def _in_coordinates_of(around: Around, path: Path, device: torch.device | str) -> Path:
    """The path of y, where z = m + L y."""
    mean, factor = (x.to(device) for x in around)

    def standardised(z: Latents) -> Latents:
        if factor.ndim == 1:
            return (z - mean) / factor
        return torch.linalg.solve_triangular(factor, (z - mean).T, upper=False).T

    def there(a: Latents, b: Latents, t: PerExample) -> Latents:
        y = path(standardised(a), standardised(b), t)
        return mean + (y * factor if factor.ndim == 1 else y @ factor.T)

    return there


def lerp(a: Latents, b: Latents, t: PerExample) -> Latents:
    """The straight line."""
    return a + t[:, None] * (b - a)


def slerp(a: Latents, b: Latents, t: PerExample) -> Latents:
    """Direction along the great circle at constant speed, length from ‖a‖ to ‖b‖ linearly.

    For ends of equal length that is Shoemake's spherical interpolation (1985), and unlike it, it
    stays bounded for ends of different length on opposite sides, which are common in two
    dimensions. In one dimension, and from or to 0, there is no circle: a straight line.
    """
    if a.shape[1] == 1:
        return lerp(a, b, t)
    length_a, length_b = (x.norm(dim=1, keepdim=True) for x in (a, b))
    u, v = a / length_a.clamp_min(1e-12), b / length_b.clamp_min(1e-12)
    # Twice the half angles' arctangent: exact also for ends that are nearly the same or opposite.
    angle = 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))
    sine = angle.sin().clamp_min(1e-12)
    w = t[:, None]
    turned = (((1 - t) * angle).sin() / sine)[:, None] * u + ((t * angle).sin() / sine)[:, None] * v
    curved = ((1 - w) * length_a + w * length_b) * turned
    plain = (angle < 1e-4) | (angle > torch.pi - 1e-4)
    degenerate = plain | (length_a[:, 0] < 1e-6) | (length_b[:, 0] < 1e-6)
    return torch.where(degenerate[:, None], lerp(a, b, t), curved)
