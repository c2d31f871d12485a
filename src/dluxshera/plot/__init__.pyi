from .figures import plot_convergence as plot_convergence
from .figures import plot_correlation as plot_correlation
from .figures import plot_image as plot_image
from .figures import plot_marginal as plot_marginal
from .figures import plot_pulls as plot_pulls
from .figures import plot_residual as plot_residual
