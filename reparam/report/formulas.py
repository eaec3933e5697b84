"""The article's formulas (figures 13 to 17 and 19, and the losses) as MathML."""

from collections.abc import Mapping

from latex2mathml.converter import convert
from markupsafe import Markup

_LATEX: Mapping[str, str] = {
    "normal": (
        r"p(x) = \frac{1}{\sqrt{2 \pi \sigma^2}} "
        r"\exp\left( -\frac{(x - \mu)^2}{2 \sigma^2} \right)"
    ),
    "multivariate": (
        r"p(\mathbf{x}) = \frac{1}{\sqrt{(2 \pi)^d \det \Sigma}} "
        r"\exp\left( -\frac{1}{2} (\mathbf{x} - \mu)^{\top} \Sigma^{-1} (\mathbf{x} - \mu) \right)"
    ),
    "covariance": (
        r"\mu = \begin{pmatrix} \mu_1 \\ \mu_2 \end{pmatrix}, \quad \Sigma = \begin{pmatrix} "
        r"\sigma_1^2 & \rho \sigma_1 \sigma_2 \\ \rho \sigma_1 \sigma_2 & \sigma_2^2 \end{pmatrix}"
    ),
    "reparametrisation": (
        r"z = \mu + \sigma \odot \varepsilon, \quad \sigma = \exp\left( \tfrac{1}{2} "
        r"\log \sigma^2 \right), \quad \varepsilon \sim N(0, I)"
    ),
    "kl": (
        r"\mathrm{KL}\left( N(\mu, \sigma^2) \,\|\, N(0, I) \right) = -\frac{1}{2} \sum_{j=1}^{d} "
        r"\left( 1 + \log \sigma_j^2 - \mu_j^2 - \sigma_j^2 \right)"
    ),
    "mse": r"\mathrm{MSE} = \frac{1}{D} \sum_{i=1}^{D} (x_i - \hat{x}_i)^2",
    "vae_loss": r"\mathrm{loss} = \lambda \cdot \mathrm{MSE} + \mathrm{KL}",
}


def formulas() -> dict[str, Markup]:
    """Each formula by name, as MathML in a block of its own."""
    # latex2mathml writes MathML of constants of ours: nothing in it comes from data.
    return {name: Markup(convert(latex, display="block")) for name, latex in _LATEX.items()}
