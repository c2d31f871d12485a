"""The pieces of the long evidence of the inference, by name."""

from validation.agreement import AGREEMENT
from validation.attainment import ATTAINMENT
from validation.gathering import Evidence
from validation.recovery import COVERAGE, RECOVERY
from validation.sampling import RANKS, SAMPLING
from validation.starts import STARTS

PIECES: dict[str, Evidence] = {
    piece.name: piece for piece in (RECOVERY, COVERAGE, STARTS, AGREEMENT, ATTAINMENT, SAMPLING, RANKS)
}
