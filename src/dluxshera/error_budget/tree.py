"""The tree of a budget: allocations come down, estimates go up, and each node compares the two. No jax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dluxshera.documents import Where
from dluxshera.error_budget.kinds.children import ChildrenSum
from dluxshera.error_budget.quadrature import reserve
from dluxshera.error_budget.requirement import Quantity
from dluxshera.error_budget.results import TermResult
from dluxshera.error_budget.rollup import Contribution, combine, contributions_of
from dluxshera.error_budget.terms import REFERENCE_CASE, Budget, Term
from dluxshera.errors import DocumentError

_RELATIVE = 1e-9  # differences below it are rounding


class BudgetNode(NamedTuple):
    """The requirement, or a row, with the rows below it; all numbers in the unit of the requirement.

    Parameters
    ----------
    id : str
        Identifier of the requirement or of the row.
    parent : str, optional
        Identifier of the node above; None for the requirement.
    children : tuple of str
        Identifiers of the rows directly below.
    allocation : float, optional
        Limit of the requirement, or allocation of the row.
    allocated : float, optional
        Combined allocations of the rows below.
    reserve : float, optional
        Part of the allocation that the allocations below leave, in quadrature; negative if they exceed it.
    estimate : float, optional
        Best estimate: the combined errors of the row and of the rows below it.
    expected : float, optional
        Best estimate with each error multiplied by its model-uncertainty factor.
    margin : float, optional
        Allocation less `expected`; negative if it is exceeded.
    tolerance : float
        Rounding of the allocations in the source of the budget, which is no deficit.
    """

    id: str
    parent: str | None
    children: tuple[str, ...]
    allocation: float | None
    allocated: float | None
    reserve: float | None
    estimate: float | None
    expected: float | None
    margin: float | None
    tolerance: float = 0.0

    @property
    def deficit(self) -> float:
        """The amount by which the combined allocations below exceed the allocation; 0 if they do not."""
        if self.allocation is None or self.allocated is None:
            return 0.0
        excess = self.allocated - self.allocation
        return excess if excess > self.tolerance + _RELATIVE * self.allocation else 0.0


def nodes(budget: Budget, results: Mapping[str, TermResult] | None = None) -> tuple[BudgetNode, ...]:
    """Return the nodes of a budget: the requirement, and the rows in the order of the document.

    Allocations of rows with a common cause, or with a stated correlation, are combined with the size of the
    coefficient, because the signs of the errors depend on the estimator.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    results : mapping of str to TermResult, optional
        Effect of each row on the answer of one estimator, by row identifier; None for allocations alone.
    """
    return _Tree(budget, results).nodes()


class _Tree:
    def __init__(self, budget: Budget, results: Mapping[str, TermResult] | None) -> None:
        self.budget = budget
        self.below: dict[str, list[Term]] = {budget.requirement.id: [], **{term.id: [] for term in budget.terms}}
        for term in budget.terms:
            self.below[term.parent].append(term)
        self.has_results = results is not None
        self.errors, self.factored = (
            {item.id: item for item in contributions_of(budget, results or {}, with_factors=factors)}
            for factors in (False, True)
        )
        self.positive = [
            item if item.r is None else type(item)(item.first, item.second, abs(item.r), item.source)
            for item in budget.correlations
        ]
        self.inside: dict[str, set[str]] = {}
        self.allocated: dict[str, float | None] = {}
        for name in reversed(self._from_the_root()):
            self.inside[name] = {name}.union(*(self.inside[term.id] for term in self.below[name]))
            self.allocated[name] = self._allocated(name)

    def _from_the_root(self) -> list[str]:
        """Return the identifiers of all nodes, each after its parent."""
        names = [self.budget.requirement.id]
        for name in names:
            names += [term.id for term in self.below[name]]
        return names

    def nodes(self) -> tuple[BudgetNode, ...]:
        root = self.budget.requirement
        return (
            self._node(root.id, None, root.limit, 0.0),
            *(self._node(term.id, term.parent, term.allocation, self._rounding(term)) for term in self.budget.terms),
        )

    def _rounding(self, term: Term) -> float:
        if not isinstance(term.perturbation, ChildrenSum):
            return 0.0
        return term.perturbation.rounding(self.budget.requirement.limit.unit)

    def _node(self, name: str, parent: str | None, allocation: Quantity | None, tolerance: float) -> BudgetNode:
        limit = None if allocation is None else allocation.value
        allocated, inside = self.allocated[name], self.inside[name]
        estimate, expected = (
            self._combined(item for key, item in items.items() if key in inside)
            for items in (self.errors, self.factored)
        )
        return BudgetNode(
            id=name,
            parent=parent,
            children=tuple(term.id for term in self.below[name]),
            allocation=limit,
            allocated=allocated,
            reserve=None if limit is None or allocated is None else reserve(limit, allocated),
            estimate=estimate,
            expected=expected,
            margin=None if limit is None or expected is None else limit - expected,
            tolerance=tolerance,
        )

    def _combined(self, items: Iterable[Contribution]) -> float | None:
        return combine(items, self.budget.correlations).total if self.has_results else None

    def _allocated(self, name: str) -> float | None:
        """Return the combined allocations of the rows below; a row without one has those of the rows below it."""
        parts = []
        for term in self.below[name]:
            value = term.allocation.value if term.allocation else self.allocated[term.id]
            if value is not None:
                parts.append(Contribution(value, term.rule, term.cause, term.term_class, term.id))
        return combine(parts, self.positive).total if parts else None


def deficits(budget: Budget) -> list[DocumentError]:
    """Return a line for each allocation that the allocations below it exceed, with the deficit in numbers.

    A deficit does not keep a budget from being computed: the report shows it as a negative reserve.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    """
    return [_deficit(budget, node) for node in nodes(budget) if node.deficit]


def _deficit(budget: Budget, node: BudgetNode) -> DocumentError:
    unit = budget.requirement.limit.unit
    assert node.allocated is not None
    assert node.reserve is not None  # a node with a deficit has both
    problem = (
        f"is less than the allocations below it{_of_case(budget)}, {_text(node.allocated, unit)} together"
        f" ({', '.join(_parts(budget, node))}): the deficit is {_text(node.deficit, unit)},"
        f" {_text(-node.reserve, unit)} in quadrature; raise it, or lower those below"
    )
    ids = [term.id for term in budget.terms]
    where: Where = (
        ("requirement", "value") if node.parent is None else ("terms", ids.index(node.id), "allocation", "value")
    )
    return budget.source.error(where, problem, allowed=f">= {_text(node.allocated, unit)}", got=node.allocation)


def _parts(budget: Budget, node: BudgetNode) -> list[str]:
    terms = {term.id: term for term in budget.terms}
    unit = budget.requirement.limit.unit
    children = [terms[name] for name in node.children]
    return [f"{term.id} {_text(term.allocation.value, unit)}" for term in children if term.allocation] + [
        f"those below {term.id}" for term in children if not term.allocation and term.rule in ("rss", "linear")
    ]


def _of_case(budget: Budget) -> str:
    return "" if budget.case_id == REFERENCE_CASE else f" in the case {budget.case_id}"


def _text(value: float, unit: str) -> str:
    return f"{value:.4g} {unit}".strip()


def open_sums(budget: Budget, results: Mapping[str, TermResult]) -> list[DocumentError]:
    """Return a fault for each row whose stated sum differs from the computed one by more than its tolerance.

    Parameters
    ----------
    budget : Budget
        Budget, or one of its cases.
    results : mapping of str to TermResult
        Effect of each row on the answer, by row identifier; of a budget without a model, `given_results`.
    """
    unit = budget.requirement.limit.unit
    tree = {node.id: node for node in nodes(budget, results)}
    missing = {term.id for term in budget.terms if term.rule in ("rss", "linear") and term.id not in results}
    missing -= {term.id for term in budget.terms if isinstance(term.perturbation, ChildrenSum)}
    errors = []
    for i, term in enumerate(budget.terms):
        computed = tree[term.id].estimate
        if not isinstance(term.perturbation, ChildrenSum) or term.perturbation.stated is None or computed is None:
            continue
        if missing & _below(tree, term.id):
            continue
        stated = term.perturbation.stated.to(unit).value
        tolerance = term.perturbation.rounding(unit)
        if abs(stated - computed) > tolerance + _RELATIVE * computed:
            parts = (_text(stated, unit), _text(computed, unit), _text(tolerance, unit))
            problem = (
                f"the sum {term.id} ({term.name}){_of_case(budget)} does not close: stated {parts[0]}, computed"
                f" {parts[1]}, tolerance {parts[2]}; compare the rows below it with the source"
            )
            errors.append(budget.source.error(("terms", i, "perturbation", "stated", "value"), problem))
    return errors


def _below(tree: Mapping[str, BudgetNode], name: str) -> set[str]:
    """Return the identifiers of all rows below a node."""
    names = list(tree[name].children)
    for child in names:
        names += tree[child].children
    return set(names)
