"""The article's formulas (figures 13 to 17 and 19, and the losses): drawn as paths, and as MathML.

Without a mathematical font a browser has no √ that grows and no italic Greek letters, so what one
sees are the outlines of matplotlib's own fonts. Screen readers get the MathML.
"""

from collections.abc import Mapping
from functools import cache

from latex2mathml.converter import convert
from markupsafe import Markup
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

_LATEX: Mapping[str, str] = {
    "normal": (
        r"p(x) = \dfrac{1}{\sqrt{2 \pi \sigma^2}} "
        r"\, \exp\left( -\dfrac{(x - \mu)^2}{2 \sigma^2} \right)"
    ),
    "multivariate": (
        r"p(\mathbf{x}) = \dfrac{1}{\sqrt{(2 \pi)^d \, \det \Sigma}} "
        r"\, \exp\left( -\dfrac{1}{2} "
        r"(\mathbf{x} - \mu)^{\top} \Sigma^{-1} (\mathbf{x} - \mu) \right)"
    ),
    "covariance": (
        r"\mu = \begin{pmatrix} \mu_1 \\ \mu_2 \end{pmatrix}, \quad \Sigma = \begin{pmatrix} "
        r"\sigma_1^2 & \rho \sigma_1 \sigma_2 \\ \rho \sigma_1 \sigma_2 & \sigma_2^2 \end{pmatrix}"
    ),
    "reparametrisation": (
        r"z = \mu + \sigma \odot \varepsilon, \quad \sigma = \exp\left( \dfrac{1}{2} "
        r"\log \sigma^2 \right), \quad \varepsilon \sim N(0, I)"
    ),
    "kl": (
        r"\mathrm{KL}\left( N(\mu, \sigma^2) \,\|\, N(0, I) \right) = -\dfrac{1}{2} \sum_{j=1}^{d} "
        r"\left( 1 + \log \sigma_j^2 - \mu_j^2 - \sigma_j^2 \right)"
    ),
    "mse": r"\mathrm{MSE} = \dfrac{1}{D} \sum_{i=1}^{D} (x_i - \hat{x}_i)^2",
    "vae_loss": r"\mathrm{loss} = \lambda \cdot \mathrm{MSE} + \mathrm{KL}",
}


_DRAWN: Mapping[str, str] = {
    "covariance": (
        r"\mu = \genfrac{(}{)}{0}{0}{\mu_1}{\mu_2}, \quad \Sigma = \genfrac{(}{)}{0}{0}"
        r"{\;\;\; \sigma_1^2 \;\;\; \quad \rho \sigma_1 \sigma_2}"
        r"{\rho \sigma_1 \sigma_2 \quad \;\;\; \sigma_2^2 \;\;\;}"
    ),
}
"""The same for matplotlib, which has no matrices."""

UNITS = 100
"""Units of the drawing to one em of the text around it."""

COMMANDS = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C"}


@cache
def formulas() -> Mapping[str, Markup]:
    """Each formula by name, as HTML: a drawing, and MathML that is only read out. They are drawn
    once in a process: it takes most of a second.
    """
    # Constants of ours become MathML and paths: nothing in it comes from data.
    return {
        name: Markup(f'<div class="spoken">{convert(latex, display="block")}</div>')
        + _drawing(_DRAWN.get(name, latex))
        for name, latex in _LATEX.items()
    }


def _drawing(latex: str) -> Markup:
    """The formula as an SVG whose size follows the text around it."""
    look = FontProperties(size=UNITS, math_fontfamily="cm")
    outline = TextPath((0, 0), f"${latex}$", prop=look)
    (left, low), (right, high) = outline.get_extents().get_points()
    width, height = right - left, high - low
    steps = []
    for points, code in outline.iter_segments(curves=True, simplify=False):
        if code == Outline.CLOSEPOLY:
            steps.append("Z")
            continue
        places = points.reshape(-1, 2) * (1, -1) + (-left, high)
        steps.append(COMMANDS[code] + " ".join(f"{value:.1f}" for value in places.ravel()))
    return Markup(
        f'<svg class="drawn" aria-hidden="true" viewBox="0 0 {width:.1f} {height:.1f}" '
        f'style="width: {width / UNITS:.2f}em"><path d="{"".join(steps)}"/></svg>'
    )
