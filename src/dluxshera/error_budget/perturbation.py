"""The interface of a kind of perturbation. A kind is a class in ``error_budget/kinds``, one in each file. No jax."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from dluxshera.documents import Where
from dluxshera.error_budget.requirement import Estimator, Quantity
from dluxshera.error_budget.results import Driver, IndependentValue, TermResult
from dluxshera.error_budget.spec_check import ModelName, SpecCheck

if TYPE_CHECKING:
    from dluxshera.error_budget.changes import ImageChange
    from dluxshera.error_budget.evaluation import Evaluation


class Perturbation(ABC):
    """Mechanism by which a term acts; abstract.

    A kind is a final subclass, alone in a file of ``error_budget/kinds``; most are subclasses of `ImagePerturbation` or
    `NoisePerturbation`. Documents name it by the name of the file: ``perturbation: {kind: <file name>, ...}``.
    """

    has_magnitude: ClassVar[bool]

    @classmethod
    @abstractmethod
    def schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of the perturbation in a document, a `record_schema` without its ``kind``."""

    @classmethod
    @abstractmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Return the perturbation that a document describes; `content` satisfies the schema."""

    @abstractmethod
    def check(self, specs: SpecCheck, at: Where) -> tuple[str, ...]:
        """Check the keys that the document names, at the path `at`, against the specs of both models.

        Returns
        -------
        tuple of str
            Units to each of which the magnitude must convert; ``""`` for a pure number.
        """

    @abstractmethod
    def moved(self, model: ModelName) -> tuple[str, ...]:
        """Return the parameters of a model by which the image must be differentiated to evaluate the perturbation."""

    @abstractmethod
    def drivers(self, evaluation: Evaluation) -> list[Driver]:
        """Return the parameters that drive the term, each with a numerical test that it acts."""

    @abstractmethod
    def results(self, evaluation: Evaluation, magnitude: Quantity | None) -> dict[str, TermResult]:
        """Return the effect of the term on the answer, by estimator id."""

    def independent_values(self, evaluation: Evaluation) -> list[IndependentValue]:
        """Return closed forms to compare with the computed values; by default none."""
        return []


class ImagePerturbation(Perturbation):
    """A perturbation that changes the image and so biases the fit; abstract. The term has a magnitude."""

    has_magnitude = True

    @abstractmethod
    def image_change(self, evaluation: Evaluation, magnitude_unit: str) -> ImageChange:
        """Return the change of the image per unit of the magnitude, where it acts on the light or the detector."""

    def results(self, evaluation: Evaluation, magnitude: Quantity | None) -> dict[str, TermResult]:
        """Return the bias of the answer, by estimator id."""
        assert magnitude is not None  # `has_magnitude` is checked when the document is read
        return evaluation.biases(self.image_change(evaluation, magnitude.unit), magnitude.value)


class NoisePerturbation(Perturbation):
    """A source of noise; abstract. The reference point fixes its size, so the term has no magnitude."""

    has_magnitude = False

    @abstractmethod
    def sigma(self, evaluation: Evaluation, estimator: Estimator) -> float:
        """Return the 1-sigma error of the answer, in the budget's unit."""

    def results(self, evaluation: Evaluation, magnitude: Quantity | None) -> dict[str, TermResult]:
        """Return the noise of the answer, by estimator id."""
        sigmas = {estimator.id: self.sigma(evaluation, estimator) for estimator in evaluation.estimators}
        return {name: TermResult(contribution=sigma, sigma=sigma) for name, sigma in sigmas.items()}
