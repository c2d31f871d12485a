"""The pieces of the long evidence of the inference, by name."""

from validation import judging
from validation.agreement import ways
from validation.attainment import scatter
from validation.gathering import Evidence
from validation.recovery import recover
from validation.sampling import compare, rank
from validation.starts import climb

BRIGHT = {1e11: range(200), 1e9: range(50)}  # photons from both stars, and the seeds
FAINT = {1e7: range(100), 1e6: range(100), 1e5: range(100)}


def at_each(seeds: dict[float, range]) -> list[tuple[float, int]]:
    """Photons and seed of each call."""
    return [(photons, seed) for photons, those in seeds.items() for seed in those]


def numbered(n: int) -> list[tuple[int]]:
    """The seeds of n calls."""
    return [(seed,) for seed in range(n)]


PIECES: dict[str, Evidence] = {
    piece.name: piece
    for piece in (
        Evidence(
            "recovery",
            "Truth and start drawn from the prior, photon noise, a fit: where photons decide",
            recover,
            at_each(BRIGHT),
            judging.judge_recovery,
        ),
        Evidence(
            "coverage",
            "The same where the prior decides as much as the photons",
            recover,
            at_each(FAINT),
            judging.judge_coverage,
        ),
        Evidence(
            "starts",
            "One image at 1e11 photons, fitted from starts drawn from the prior",
            climb,
            numbered(100),
            judging.judge_starts,
        ),
        Evidence(
            "agreement",
            "The maximum by descent, by Gauss-Newton, and by descent in the space of the eigenmodes",
            ways,
            at_each({1e11: range(5), 1e6: range(5)}),
            judging.judge_agreement,
        ),
        Evidence(
            "attainment",
            "One truth at 1e9 photons, flat priors, new noise with each seed: the scatter of fits against the bound",
            scatter,
            numbered(100),
            judging.judge_attainment,
        ),
        Evidence(
            "sampling",
            "HMC against the Laplace approximation, at 1e8 photons",
            compare,
            numbered(4),
            judging.judge_comparison,
        ),
        Evidence(
            "ranks",
            "Simulation-based calibration of HMC: the rank of the truth among draws from the posterior of its image",
            rank,
            numbered(200),
            judging.judge_ranks,
        ),
    )
}
